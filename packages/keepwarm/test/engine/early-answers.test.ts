/**
 * A server that answers before it has read what it was sent. The reply is the caller's at once. What of the request has
 * been written already is the server's to read, and the connection stays; of one that is cut short nothing more is
 * written, and its connection is closed: only its end says so where its length was announced (RFC 9112 § 9.5, § 9.6).
 * undici does the same; Node's own agent sends all of a body that nobody wants before it takes a connection back.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { aClient, leavesNothing, quiet, until } from './setup.ts';

leavesNothing();

const KB = 1_024;

/** Answers a head as soon as it is there, and reads on only when it is told to. */
async function aHastyServer(t: TestContext, status: string) {
  const taken = { bytes: 0 };
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    let left = 0;
    socket.on('data', (bytes) => {
      taken.bytes += bytes.length;
      const body = Math.min(left, bytes.length);
      left -= body;
      const text = bytes.toString('latin1', body);
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      left = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0) - (text.length - end - 4);
      socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 2\r\n\r\nno`);
      if (text.startsWith('POST /large')) socket.pause();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, taken, sockets };
}

for (const status of ['413 Content Too Large', '200 OK']) {
  describe(`an answer of ${status} to a request that is still being sent`, () => {
    it('is the reply; the rest of a body at hand is not sent, and the next call has another connection', async (t) => {
      const { origin, taken } = await aHastyServer(t, status);
      const reasons: string[] = [];
      const observer = { socketClosed: ({ reason }: { reason: string }) => void reasons.push(reason) };
      const client = aClient(t, { origin, pool: { socketsMax: 1 }, observer });
      const size = 64 * KB * KB;
      const reply = await client.post('/large', Buffer.alloc(size));
      assert.equal(reply.status, Number(status.slice(0, 3)));
      assert.equal(await reply.text(), 'no');
      await quiet(client);
      assert.deepEqual(reasons, ['reply']);
      assert(taken.bytes < size / 2, `${taken.bytes} bytes were read`);
      assert.equal((await client.get('/next')).status, reply.status);
      assert.equal(client.stats().reuse.fresh, 2);
    });

    it('ends a body that is streamed: its source is told at once, and gives no more', async (t) => {
      const { origin } = await aHastyServer(t, status);
      const client = aClient(t, { origin });
      let told = false;
      async function* body() {
        try {
          for (;;) yield Buffer.alloc(64 * KB);
        } finally {
          told = true;
        }
      }
      assert.equal((await client.post('/large', body())).status, Number(status.slice(0, 3)));
      await until(() => told, 'the source is told');
    });

    it('leaves the connection as it is when all of the request had been written', async (t) => {
      const { origin } = await aHastyServer(t, status);
      const client = aClient(t, { origin, pool: { socketsMax: 1 } });
      for (const bytes of [10, 60 * KB, 300 * KB, 512 * KB]) {
        const reply = await client.post('/small', Buffer.alloc(bytes));
        assert.equal(await reply.text(), 'no');
      }
      assert.equal(client.stats().reuse.fresh, 1);
    });
  });
}
