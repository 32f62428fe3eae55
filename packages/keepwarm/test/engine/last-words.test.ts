/** Servers that answer in the middle of an upload and close without reading the rest. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { systemClock } from '../../src/core/clock.ts';
import { hearOut } from '../../src/engines/http1/last-words.ts';
import { makeAuthority } from '../../src/testing/certificates.ts';
import { aClient, errorOf, leavesNothing, quiet } from './setup.ts';

leavesNothing();

const authority = makeAuthority();

const WAYS: Record<string, (serve: (socket: Socket) => void) => { server: Server; scheme: string }> = {
  TCP: (serve) => ({ server: createServer(serve), scheme: 'http' }),
  TLS: (serve) => ({ server: createTlsServer(authority.issue(), serve), scheme: 'https' }),
};

async function aServer(t: TestContext, way: string, last: string): Promise<string> {
  const { server, scheme } = WAYS[way]!((socket) => {
    socket.on('error', () => {}).once('data', () => socket.end(last, () => socket.destroy()));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  return `${scheme}://localhost:${(server.address() as AddressInfo).port}`;
}

/** Written a turn at a time: the write that fails comes before the answer is polled for. */
const upload = () => ({
  bytes: undefined,
  repeatable: false,
  async *open() {
    for (let i = 0; i < 200; i++) {
      yield Buffer.alloc(64 * 1024);
      await turn();
    }
  },
});

for (const way of Object.keys(WAYS)) {
  describe(`an upload that is refused half way (${way})`, () => {
    it('has its answer, though what is written after it fails', async (t) => {
      const long = 'x'.repeat(1_000);
      const last = `HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: ${long.length}\r\n\r\n${long}`;
      const client = aClient(t, { origin: await aServer(t, way, last), tls: { ca: authority.cert } });
      for (let i = 0; i < 10; i++) {
        const reply = await client.post('/', upload());
        assert.deepEqual([reply.status, (await reply.text()).length], [413, long.length]);
      }
      await quiet(client);
      assert.equal(client.stats().sockets.open, 0);
    });

    it('fails as ever where there is none, or half of one', async (t) => {
      for (const [last, reach] of [
        ['', 'unknown'],
        ['HTTP/1.1 413 Too', 'answered'],
      ] as const) {
        const client = aClient(t, { origin: await aServer(t, way, last), tls: { ca: authority.cert } });
        const error = await errorOf(client.post('/', upload()));
        assert.deepEqual([error.code, error.reach], ['RESET', reach]);
        await quiet(client);
        assert.equal(client.stats().sockets.open, 0);
      }
    });
  });
}

describe('a socket whose write has failed', () => {
  const failed = (code: string, syscall = 'write') => Object.assign(new Error(code), { code, syscall });
  const aSocket = (waiting: () => boolean) => {
    const turns: (() => void)[] = [];
    const socket = new Socket().on('error', () => {});
    hearOut(socket, { ...systemClock, nextTurn: (task) => void turns.push(task) }, waiting);
    return { socket, turns };
  };

  it('lives for two turns more while somebody waits for an answer', () => {
    for (const code of ['EPIPE', 'ECONNRESET']) {
      const { socket, turns } = aSocket(() => true);
      socket.destroy(failed(code));
      for (let i = 0; i < 2; i++) {
        assert.equal(socket.destroyed, false, `${code}, ${i} turns later`);
        turns.shift()!();
      }
      assert.deepEqual([socket.destroyed, turns.length], [true, 0]);
    }
  });

  it('is destroyed at once when nobody does, when it is told so again, and for any other reason', () => {
    const unasked = aSocket(() => false).socket;
    assert.equal(unasked.destroy(failed('EPIPE')).destroyed, true);
    for (const error of [undefined, failed('ECONNRESET', 'read'), failed('ETIMEDOUT')]) {
      assert.equal(aSocket(() => true).socket.destroy(error).destroyed, true);
    }
    const { socket } = aSocket(() => true);
    for (const destroyed of [false, true]) assert.equal(socket.destroy(failed('EPIPE')).destroyed, destroyed);
  });
});
