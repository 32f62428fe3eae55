/** What is left behind on a connection that died must not reach the attempt that follows on another. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import type { ClientOptions } from '../../src/index.ts';
import { answer } from '../../src/testing/faulty-steps.ts';
import { aClient, aPair, leavesNothing, quiet, until } from './setup.ts';

leavesNothing();

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Its first connection answers once and dies in the middle of the second request; the others answer whole ones. */
async function aDyingServer(t: TestContext, options: ClientOptions) {
  const bodies: string[] = [];
  let connections = 0;
  const server = createServer((socket: Socket) => {
    const first = ++connections === 1;
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      text += bytes;
      if (text.startsWith('PUT') && first) return void socket.resetAndDestroy();
      if (!(text.startsWith('PUT') ? text.endsWith('0\r\n\r\n') : text.endsWith('\r\n\r\n'))) return;
      bodies.push(text.slice(text.indexOf('\r\n\r\n') + 4));
      text = '';
      socket.write(OK);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { client: aClient(t, { origin, ...options }), bodies };
}

describe('a streamed body whose connection died', () => {
  for (const end of ['fails', 'ends'] as const) {
    it(`is sent anew, whole, though its first reading ${end} before that connection is quite closed`, async (t) => {
      const died = Promise.withResolvers<void>();
      const { client, bodies } = await aDyingServer(t, { observer: { hopped: () => died.resolve() } });
      await client.get('/');
      let opened = 0;
      const open = async function* () {
        const first = ++opened === 1;
        yield Buffer.from('one');
        if (first) {
          await died.promise;
          if (end === 'fails') throw new Error('nobody reads me');
        }
        yield Buffer.from('two');
      };
      const reply = client.put('/', { bytes: undefined, repeatable: true, open }, { deadlineMs: 20_000 });
      assert.equal(await reply.text(), 'ok');
      assert.deepEqual([bodies.at(-1), opened], ['3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n', 2]);
      await quiet(client);
    });
  }
});

describe('what a peer says of how long it keeps a connection', () => {
  it('never makes us keep it for longer than we want to', async (t) => {
    const seconds = ['1', '600'];
    const { client } = await aPair(
      t,
      (request, connection) =>
        answer('ok', { headers: { 'Keep-Alive': `timeout=${seconds.shift()}` } })(request, connection),
      { pool: { idleMs: 1_200 } },
    );
    await client.get('/').text();
    await client.get('/').text();
    assert.equal(client.stats().reuse.fresh, 1);
    await until(() => client.stats().sockets.open === 0, 'it is closed');
  });
});
