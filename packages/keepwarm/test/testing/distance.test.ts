import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Distance, startDistance } from '../../src/testing/index.ts';

const ONE_WAY_MS = 15;

describe('a distance', () => {
  let echo: Server;
  let distance: Distance;
  before(async () => {
    echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
    await once(echo.listen(0, '127.0.0.1'), 'listening');
    distance = await startDistance({ port: (echo.address() as AddressInfo).port, oneWayMs: ONE_WAY_MS });
  });
  after(() => {
    distance?.close();
    distance?.close();
    echo?.close();
  });

  it('delays every byte as it says, a new connection by a round trip more, and counts them', async () => {
    const before = distance.connections;
    const socket = connect(distance.port, '127.0.0.1');
    const roundTrip = async (): Promise<number> => {
      const startMs = performance.now();
      socket.write('x');
      await once(socket, 'data');
      return performance.now() - startMs;
    };
    const [first, second] = [await roundTrip(), await roundTrip()];
    assert(first >= 4 * ONE_WAY_MS - 2, `${first} ms`);
    assert(second >= 2 * ONE_WAY_MS - 2, `${second} ms`);
    assert.equal(distance.connections, before + 1);
    socket.destroy();
  });

  it('keeps bytes in order, also those written while the connection is being made, and passes ends on', async () => {
    const socket = connect(distance.port, '127.0.0.1');
    let wanted = '';
    for (let i = 0; i < 400; i++) {
      const part = `${i};`;
      wanted += part;
      socket.write(part);
      if (i % 10 === 0) await sleep(1);
    }
    socket.end();
    let got = '';
    socket.on('data', (chunk) => {
      got += chunk;
    });
    await once(socket, 'close');
    assert.equal(got, wanted);
  });

  it('takes what is large at the pace of its reader', async () => {
    const socket = connect(distance.port, '127.0.0.1');
    const large = Buffer.alloc(8_000_000, 7);
    socket.end(large);
    let bytes = 0;
    for await (const chunk of socket) bytes += chunk.length;
    assert.equal(bytes, large.length);
  });

  it('loses a connection on one side when the other is lost', async () => {
    const socket = connect(distance.port, '127.0.0.1');
    const [far] = await once(echo, 'connection');
    far.on('error', () => undefined);
    socket.on('error', () => undefined);
    socket.write('x');
    await once(socket, 'data');
    far.destroy();
    await once(socket, 'close');
  });
});
