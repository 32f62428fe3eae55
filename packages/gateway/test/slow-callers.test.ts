/** Callers that send a byte now and then, so that no silence gives them away. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { httpServer, Opened, startGateway } from './fixtures.ts';

/** Node looks every 30 s by itself. */
const SOON_MS = 20_000;

/** Reset or not: how it is cut off is for the system to say. */
const closed = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()));

describe('a caller that sends a byte now and then', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  for (const [what, first, byte] of [
    ['of the head', 'GET /api/ HTTP/1.1\r\nHost: x\r\nX: ', 'y'],
    ['of a body', 'POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n', 'z'],
  ] as const) {
    it(`${what} has requestMs, and no more`, async () => {
      const upstream = opened.add(await httpServer((request) => void request.resume()));
      const { port } = opened.add(await startGateway({ api: upstream.origin }, { requestMs: 400 }));
      const startedAt = performance.now();
      const socket = connect(port, '127.0.0.1').on('error', () => undefined); // its last bytes are not wanted
      let told = '';
      socket.on('data', (bytes) => (told += String(bytes)));
      socket.write(first);
      const drip = setInterval(() => socket.write(byte), 50);
      await closed(socket);
      clearInterval(drip);
      assert.match(told, /^HTTP\/1\.1 408 /);
      assert.ok(performance.now() - startedAt < SOON_MS);
    });
  }

  it('of how HTTP/2 begins has requestMs for all of it, and no more', async () => {
    const upstream = opened.add(await httpServer((request) => void request.resume()));
    const { port } = opened.add(await startGateway({ api: upstream.origin }, { requestMs: 600 }));
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    let told = '';
    socket.on('data', (bytes) => (told += String(bytes)));
    const bytes = [...'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'];
    const drip = setInterval(() => socket.write(bytes.shift() ?? ''), 150);
    await closed(socket);
    clearInterval(drip);
    assert.equal(told, '', 'nobody took it for what it was to become');
    assert.ok(bytes.length > 0);
  });
});
