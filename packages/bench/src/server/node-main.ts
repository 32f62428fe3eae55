/** The process behind `startNode`. Ends when its parent lets go of it, however that comes about. */

import { constants } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { selfSigned } from './certificate.ts';
import { connectReply, reply } from './replies.ts';
import { PATHS } from './server.ts';

const HEADERS = { 'content-type': 'application/json' };
const FIXED = new Map(
  (['100B', '10KB', '1MB'] as const).map((size) => [PATHS[size], Buffer.from(reply(size))] as const),
);

/** Accepted on the cleartext port. */
let connections = 0;
/** Open now, on all ports. */
let open = 0;
let requests = 0;

const answer: RequestListener = (request, response) => {
  requests++;
  request.resume();
  const fixed = FIXED.get(request.url ?? '');
  if (fixed !== undefined) {
    response.writeHead(200, { ...HEADERS, 'content-length': fixed.length }).end(fixed);
  } else if (request.url === PATHS.connect) {
    const resumed = request.socket instanceof TLSSocket && request.socket.isSessionReused();
    const body = connectReply(resumed ? 'r' : '.');
    response.writeHead(200, { ...HEADERS, 'content-length': body.length, connection: 'close' }).end(body);
  } else if (request.url === PATHS.status) {
    response.end(`Active connections: ${open} \n`);
  } else {
    response.writeHead(404, { 'content-length': 0 }).end();
  }
};

/** nginx's own default, and long enough that no slice meets a closed connection. */
const LIVES = { keepAliveTimeout: 3_600_000, maxRequestsPerSocket: 0 };

async function listen(server: Server): Promise<number> {
  server.on('connection', (socket: Socket) => {
    open++;
    socket.on('close', () => open--);
  });
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, resolve));
  return (server.address() as AddressInfo).port;
}

const { certificate, key } = selfSigned();
const cleartext = createServer(LIVES, answer).on('connection', () => connections++);
const secure = { ...LIVES, cert: certificate, key };
const tls = createTlsServer(secure, answer);
// A server that issues no tickets and remembers no session has every handshake done in full.
const tlsFull = createTlsServer(
  { ...secure, secureOptions: constants.SSL_OP_NO_TICKET, sessionIdContext: 'none' },
  answer,
);

process.on('disconnect', () => process.exit(0));
process.on('message', () => process.send?.({ connections, requests }));
process.send?.({
  http: `http://127.0.0.1:${await listen(cleartext)}`,
  tls: `https://127.0.0.1:${await listen(tls)}`,
  tlsFull: `https://127.0.0.1:${await listen(tlsFull)}`,
  ca: certificate,
});
