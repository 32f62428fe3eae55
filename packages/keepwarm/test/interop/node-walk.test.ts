/**
 * Random walks of Node's requests and a client's own calls over one pool, real sockets and a server that answers,
 * dawdles, hangs up and breaks off. Every answer must be the one to its own question, no socket may have two owners,
 * and in the end nothing may be left (the invariants numbered at the head of socket-lease.ts).
 */
import assert from 'node:assert/strict';
import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { chunk, replyBytes, type Step } from '../../src/testing/faulty-steps.ts';
import { aClient, aServer, leavesNothing, quiet } from '../engine/setup.ts';
import { start, theAgents } from './node-setup.ts';

leavesNothing();

const SOCKETS = 3;

/** Answers with the path, in the way the path names. */
const script: Step = async (request, connection) => {
  const { path } = request;
  const [, way] = path.split('/');
  if (way !== 'early') await request.body;
  if (way === 'reset') return connection.reset();
  if (way === 'slow') await connection.wait(3);
  if (way === 'half') return void (await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf'));
  if (way === 'close') {
    await connection.send(replyBytes(path, { framing: 'close' }));
    return connection.end();
  }
  if (way !== 'chunked') return connection.send(replyBytes(path));
  await connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (const part of path) await connection.send(chunk(part));
  await connection.send('0\r\n\r\n');
};

const WAYS = ['plain', 'chunked', 'slow', 'close', 'reset', 'half', 'early'] as const;
type Way = (typeof WAYS)[number];

type Act =
  | { readonly does: 'ask'; readonly way: Way; readonly body: boolean; readonly destroyAfter: number | undefined }
  | { readonly does: 'call'; readonly way: Way }
  | { readonly does: 'turns'; readonly count: number }
  | { readonly does: 'closeIdle' | 'serverHangsUp' };

const ways = fc.constantFrom(...WAYS);
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      does: fc.constant('ask' as const),
      way: ways,
      body: fc.boolean(),
      destroyAfter: fc.option(fc.nat(6), { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('call' as const), way: ways }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('turns' as const), count: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constantFrom('closeIdle' as const, 'serverHangsUp' as const) }) },
);

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

type Owned = Socket & { _httpMessage?: ClientRequest | null };

async function setUp(t: TestContext) {
  const server = await aServer(t, { script, requestsKept: 10 });
  const pool = { socketsMax: SOCKETS };
  const limits = { firstByteMs: 200, betweenBytesMs: 50 };
  const client = aClient(t, { origin: server.origin, pool, limits, retry: false, breaker: false });
  const { httpAgent: agent } = theAgents(t, client);
  return { server, client, agent };
}

describe('requests of Node and calls of ours over one pool', () => {
  it('keep apart on any walk', async (t) => {
    const { server, client, agent } = await setUp(t);
    let serial = 0;
    let answered = 0;
    let failed = 0;

    const verify = (): void => {
      const sockets = Object.values(agent.sockets).flat() as Owned[];
      assert.equal(new Set(sockets).size, sockets.length, '(3) a socket has one owner');
      const owners = sockets.map(({ _httpMessage }) => _httpMessage).filter((owner) => owner != null);
      assert.equal(new Set(owners).size, owners.length, '(3) an owner has one socket');
      const idle = Object.values(agent.freeSockets).flat() as Owned[];
      for (const socket of idle) {
        assert(!sockets.includes(socket), '(3) what is lent is not idle');
        assert(socket._httpMessage == null, '(2) what is idle has no owner');
      }
      const [held] = client.stats().pools;
      if (held !== undefined) assert(held.inFlight + held.idle + held.opening <= SOCKETS, 'the limit holds');
    };

    const ask = (way: Way, body: boolean, destroyAfter: number | undefined): Promise<void> => {
      const path = `/${way}/${serial++}`;
      const options = { agent, method: body ? 'POST' : 'GET', timeout: 300 };
      const request = start(server.origin + path, options, body ? path : undefined);
      let ends = 0;
      const done = new Promise<void>((resolve) => {
        request.on('timeout', () => request.destroy());
        request.on('error', () => failed++);
        request.on('close', () => {
          ends++;
          resolve();
        });
        request.on('response', (response) => {
          text(response).then(
            (said) => {
              assert.equal(said, path, 'the answer to its own question');
              answered++;
            },
            () => failed++,
          );
        });
      });
      const destroyed = async (): Promise<void> => {
        for (let i = 0; i < destroyAfter!; i++) await turn();
        request.destroy();
      };
      return Promise.all([done, destroyAfter === undefined ? undefined : destroyed()]).then(() => {
        assert.equal(ends, 1, '(1) it ends once');
      });
    };

    const call = (way: Way): Promise<void> => {
      const path = `/${way}/${serial++}`;
      const check = (said: string): void => assert.equal(said, path, 'the answer to its own question');
      return client
        .post(path, path)
        .text()
        .then(check, (error: Error) => assert.equal(error.name, 'NetError', error.stack));
    };

    const property = fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 25 }), async (acts) => {
      const all: Promise<void>[] = [];
      for (const each of acts) {
        if (each.does === 'ask') all.push(ask(each.way, each.body, each.destroyAfter));
        if (each.does === 'call') all.push(call(each.way));
        if (each.does === 'closeIdle') client.closeIdle();
        if (each.does === 'serverHangsUp') server.connections.at(0)?.end();
        if (each.does === 'turns') for (let i = 0; i < each.count; i++) await turn();
        verify();
      }
      await Promise.all(all);
      await quiet(client);
      verify();
      assert.deepEqual([agent.sockets, agent.requests], [{}, {}], 'nothing is left');
    });
    await fc.assert(property, { numRuns: 60, endOnFailure: true });
    assert(answered > 50 && failed > 20, `the walks went everywhere: ${answered} answered, ${failed} failed`);
  });
});
