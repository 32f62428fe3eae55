/** A server in a process of its own that answers in the middle of an upload and closes. It tells its port first. */
import { Buffer } from 'node:buffer';
import { type AddressInfo, createServer } from 'node:net';
import { data, goaway, headers, settings, settingsAck, windowUpdate } from '../../wire/h2/raw.ts';

/** More than a preface, settings and a head: the upload has begun. */
const BEGUN_BYTES = 400;

const server = createServer((socket) => {
  socket.on('error', () => {});
  socket.write(Buffer.concat([settings(['initialWindowSize', 2 ** 30]), settingsAck(), windowUpdate(0, 2 ** 30)]));
  let bytes = 0;
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    if (bytes < BEGUN_BYTES) return;
    socket.removeAllListeners('data').pause();
    socket.end(Buffer.concat([headers(1, '\x88'), data(1, 'no', true), goaway(1)]), () => socket.destroy());
  });
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());
