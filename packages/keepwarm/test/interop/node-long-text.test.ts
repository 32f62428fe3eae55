/** Long texts as bodies over our agent: the bytes are those of Node's own agent, and nothing is copied for them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, type RequestOptions, request } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { answer } from '../../src/testing/faulty-steps.ts';
import { leavesNothing } from '../engine/setup.ts';
import { anAgent, ask, theAgents } from './node-setup.ts';

leavesNothing();

const LONG = 'a\u00e9\u20ac\u{1f642}'.repeat(40_000);

/** A server that keeps what one connection says, and answers once that is as long as announced. */
async function aRecorder(t: TestContext) {
  const said: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('data', (bytes) => {
      said.push(bytes);
      const all = Buffer.concat(said).toString('latin1');
      const end = all.indexOf('\r\n\r\n') + 4;
      const length = Number(/content-length: (\d+)/i.exec(all.slice(0, end))?.[1] ?? -1);
      const complete = length >= 0 ? all.length - end >= length : all.endsWith('0\r\n\r\n');
      if (end > 3 && complete) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return { port, said: () => Buffer.concat(said.splice(0)) };
}

/** Head and body as they came; what Node's own agent says differs in nothing. */
async function bothWays(t: TestContext, options: RequestOptions, write: (to: ReturnType<typeof request>) => void) {
  const { httpAgent: ours } = theAgents(t);
  const theirs = new Agent({ keepAlive: true });
  const { port, said } = await aRecorder(t);
  const came: Buffer[] = [];
  for (const agent of [theirs, ours, ours]) {
    const outgoing = request({ host: '127.0.0.1', port, method: 'POST', path: '/', ...options, agent });
    write(outgoing);
    const [response] = await once(outgoing, 'response');
    assert.equal(await text(response), 'ok');
    came.push(said());
  }
  theirs.destroy();
  const [expected, ...others] = came;
  for (const other of others) assert(other.equals(expected!), `${other.length} bytes as Node's ${expected!.length}`);
  return expected!;
}

describe('a long text as body', () => {
  it('is the same on the wire as over Node’s own agent, in every coding and way to write it', async (t) => {
    const length = { headers: { 'content-length': Buffer.byteLength(LONG), 'x-name': 'caf\u00e9' } };
    await bothWays(t, length, (to) => to.end(LONG));
    await bothWays(t, length, (to) => to.end(LONG, 'utf8'));
    const latin1 = 'caf\u00e9'.repeat(40_000);
    const came = await bothWays(
      t,
      { headers: { 'content-length': latin1.length, 'x-name': 'caf\u00e9' } },
      (to) => void to.end(latin1, 'latin1'),
    );
    assert(came.toString('latin1').includes('x-name: caf\u00e9\r\n'));
    await bothWays(t, {}, (to) => to.end(LONG));
    await bothWays(t, {}, (to) => {
      to.write(LONG);
      to.write('and more');
      to.end(LONG);
    });
    await bothWays(t, { headers: { 'content-length': 100_000 } }, (to) => to.end('ab'.repeat(100_000), 'hex'));
  });

  it('goes out beside its head in one write, on a new connection and a used one', async (t) => {
    const { server, httpAgent: agent } = await anAgent(t, answer('ok'));
    const writes: number[] = [];
    const watched = (socket: Socket): void => {
      const { _writev: gathered } = socket;
      socket._writev = function (this: Socket, chunks, done) {
        writes.push(chunks.length);
        gathered!.call(this, chunks, done);
      };
    };
    for (let i = 0; i < 2; i++) {
      const outgoing = request(server.origin, { agent, method: 'POST' });
      if (i === 0) outgoing.once('socket', watched);
      outgoing.end(LONG);
      const [response] = await once(outgoing, 'response');
      assert.equal(await text(response), 'ok');
    }
    assert.deepEqual(writes, [2, 2]);
  });

  it('short ones are joined with their head, as Node does', async (t) => {
    const { server, httpAgent: agent } = await anAgent(t, async (asked, connection) => {
      await answer(String((await asked.body).length))(asked, connection);
    });
    assert.equal((await ask(server.origin, { agent, method: 'POST' }, 'short')).body, '5');
  });

  it('is left alone where a request sends in a way of its own', async (t) => {
    const { server, httpAgent: agent } = await anAgent(t, answer('ok'));
    const outgoing = request(server.origin, { agent, method: 'POST' });
    let told = 0;
    const mine = outgoing as unknown as { _send(...given: unknown[]): boolean };
    const inherited = mine._send;
    mine._send = function (...given) {
      told++;
      return inherited.apply(this, given);
    };
    outgoing.end(LONG);
    const [response] = await once(outgoing, 'response');
    await text(response);
    assert(told > 0);
  });

  it('given up at once takes nobody with it', async (t) => {
    const { server, httpAgent: agent } = await anAgent(t, answer('ok'));
    const outgoing = request(server.origin, { agent, method: 'POST' });
    outgoing.end(LONG);
    outgoing.destroy();
    await assert.rejects(once(outgoing, 'response'), { code: 'ECONNRESET' });
    assert.equal((await ask(server.origin, { agent, method: 'POST' }, LONG)).body, 'ok');
  });
});
