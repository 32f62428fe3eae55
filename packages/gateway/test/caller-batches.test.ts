/** `callerRate` and batches of JSON-RPC: a batch is as many requests as it has calls, and all of them pass or none. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { parseConfig } from '../src/config/config.ts';
import { CallerRate } from '../src/data/caller-rate.ts';
import { CallerRates, CallerRatesAsked } from '../src/workers/caller-rates.ts';
import { type Answer, ask, httpServer, Opened, startGateway, type TestServer } from './fixtures.ts';

const HOUR = 3_600_000;
const calls = (count: number): object[] =>
  Array.from({ length: count }, (_, id) => ({ jsonrpc: '2.0', id, method: 'eth_chainId', params: [id] }));

interface Told {
  readonly id: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data: Record<string, unknown> };
}
const told = ({ body }: Answer): Told[] => [JSON.parse(body.toString())].flat();

describe('a batch of a caller whose rate is limited', () => {
  const opened = new Opened();
  let node: TestServer;
  /** Calls that reached the node. */
  let reached = 0;

  before(async () => {
    node = opened.add(
      await httpServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const message = JSON.parse(Buffer.concat(chunks).toString()) as { id: number } | { id: number }[];
          reached += [message].flat().length;
          const answer = ({ id }: { id: number }) => ({ jsonrpc: '2.0', id, result: '0x1' });
          response.end(JSON.stringify(Array.isArray(message) ? message.map(answer) : answer(message)));
        });
      }),
    );
  });
  after(() => opened.closeAll());

  async function limited(limit: number, more: object = {}): Promise<(message: unknown) => Promise<Answer>> {
    const eth = {
      ...{ jsonrpc: 'evm', endpoints: [{ url: node.origin }], freshness: false, retry: false, coalesce: false },
      callerRate: { limit, windowMs: HOUR },
      ...more,
    };
    const { url } = opened.add(await startGateway({ eth }));
    reached = 0;
    return (message) => ask(`${url}/eth`, { method: 'POST', body: JSON.stringify(message) });
  }

  it('counts as many requests as it has calls: no more get through, however packed', async () => {
    const post = await limited(10);
    assert.equal((await post(calls(7))).status, 200);
    assert.equal((await post(calls(4))).status, 429); // and counts as one
    assert.equal((await post(calls(2))).status, 200);
    assert.equal((await post(calls(1)[0])).status, 429);
    assert.equal(reached, 9);
  });

  it('that is full to the limit passes', async () => {
    const post = await limited(10);
    assert.equal((await post(calls(10))).status, 200);
    assert.equal(reached, 10);
  });

  it('is refused whole, each call with its id and the numbers, and when to come back', async () => {
    const post = await limited(10);
    await post(calls(8));
    const answer = await post(calls(3));
    assert.ok(Number(answer.headers['retry-after']) > 3_000);
    assert.match(String(answer.headers['proxy-status']), /http_request_denied/);
    const errors = told(answer);
    assert.deepEqual(
      errors.map(({ id }) => id),
      [0, 1, 2],
    );
    assert.equal(
      errors[0]!.error!.message,
      'a caller may make 10 requests in 3600000 ms (limit callerRate); the batch has 3, and none of them was sent',
    );
    const { requestId, ...data } = errors[0]!.error!.data;
    assert.deepEqual(data, { code: 'SATURATED', reach: 'unsent', limit: 'callerRate', value: 10 });
    assert.equal(requestId, answer.headers['x-request-id']);
    assert.equal(reached, 8);
  });

  it('that never fits is told so, once for all of it, and not to come back', async () => {
    const post = await limited(10, { requestsMax: 5_000 });
    const answer = await post(calls(1_000));
    assert.equal(answer.status, 413);
    assert.equal(answer.headers['retry-after'], undefined);
    const [error, ...others] = told(answer);
    assert.equal(others.length, 0);
    assert.equal(error!.id, null);
    assert.equal(
      error!.error!.message,
      'the batch has 1000 calls; a caller may make 10 in 3600000 ms (limit callerRate): send fewer at once',
    );
    assert.equal(reached, 0);
    assert.equal((await post(calls(9))).status, 200); // it has counted as one
  });

  it('counts what is no call and what wants no answer as well', async () => {
    const post = await limited(4);
    assert.equal((await post([[], 1, null, { jsonrpc: '2.0', method: 'eth_chainId' }])).status, 200);
    assert.equal((await post(calls(1)[0])).status, 429);
  });

  it('that is empty, or beyond requestsMax, or asks for what is denied, counts as one', async () => {
    const post = await limited(4, { requestsMax: 3, methodsDenied: ['debug_*'] });
    await post([]);
    assert.equal((await post(calls(4))).status, 413);
    assert.equal((await post([{ jsonrpc: '2.0', id: 1, method: 'debug_a' }, ...calls(1)])).status, 403);
    assert.equal((await post(calls(1)[0])).status, 200);
    assert.equal((await post(calls(1)[0])).status, 429);
  });

  it('may be anything: each gets one short answer, and the next call is served', async () => {
    const { url } = opened.add(
      await startGateway({
        eth: {
          jsonrpc: 'evm',
          endpoints: [{ url: node.origin }],
          freshness: false,
          callerRate: { limit: 50, windowMs: HOUR },
        },
      }),
    );
    const bodies: [body: string, status: number][] = [
      [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, 200], // one element, which is no call
      ['['.repeat(100_000), 200], // no JSON
      [`[${'0,'.repeat(100_000)}0]`, 413], // more than requestsMax
      [`[${'[],'.repeat(60)}[]]`, 413], // more than the limit
      ['[{"__proto__":{"id":1},"length":1e9,"id":{"toString":1}}]', 200],
      [`[{"jsonrpc":"2.0","id":1e400,"method":"eth_chainId"}]`, 200],
    ];
    for (const [body, status] of bodies) {
      const answer = await ask(`${url}/eth`, { method: 'POST', body });
      assert.equal(answer.status, status, body.slice(0, 40));
      assert.ok(answer.body.length < 500);
    }
    const answer = await ask(`${url}/eth`, { method: 'POST', body: JSON.stringify(calls(1)[0]) });
    assert.equal(told(answer)[0]!.result, '0x1');
  });

  it('counts by WebSocket too', async () => {
    const eth = { jsonrpc: 'evm', endpoints: [{ url: node.origin }], callerRate: { limit: 5, windowMs: HOUR } };
    const { port } = opened.add(await startGateway({ eth: { ...eth, freshness: false } }));
    const socket = new WebSocket(`ws://127.0.0.1:${port}/eth`); // counts as one
    await new Promise((resolve) => socket.addEventListener('open', resolve));
    const said = async (message: unknown): Promise<Told[]> => {
      const heard = new Promise<string>((resolve) =>
        socket.addEventListener('message', ({ data }) => resolve(String(data)), { once: true }),
      );
      socket.send(JSON.stringify(message));
      return [JSON.parse(await heard)].flat() as Told[];
    };
    assert.equal((await said(calls(3))).filter(({ error }) => error === undefined).length, 3);
    assert.deepEqual(
      (await said(calls(2))).map(({ error }) => error?.data['limit']),
      ['callerRate', 'callerRate'],
    );
    assert.equal((await said(calls(1)[0]))[0]!.error, undefined);
    socket.close();
  });

  it('counts the same where one process counts for several workers', async () => {
    const upstreams = { eth: { jsonrpc: 'evm', endpoints: [{ url: node.origin }], callerRate: { limit: 10 } } };
    const home = new CallerRates(parseConfig({ upstreams }, '.'));
    const asked = new CallerRatesAsked((takes) => asked.heard(home.taken(takes)));
    const rate = new CallerRate({ limit: 10, windowMs: 1_000, by: 'address', keysMax: 10 });
    asked.follow([{ name: 'eth', callerRate: rate } as never]);
    const request = { headers: {}, socket: { remoteAddress: '192.0.2.1' } } as never;
    const codes = [
      await rate.objection(request),
      await rate.batchObjection(request, 10),
      await rate.objection(request),
    ];
    assert.deepEqual(
      codes.map((problem) => problem?.status),
      [undefined, undefined, 429],
    );
    assert.equal((await rate.batchObjection(request, 11))?.status, 413);
  });

  it('never gets more than the limit through in any window, whatever the sizes and the moments', () => {
    const step = fc.record({ waitMs: fc.integer({ min: 0, max: 400 }), count: fc.integer({ min: 1, max: 14 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let now = 0;
        const rate = new CallerRate({ limit: 10, windowMs: 1_000, by: 'address', keysMax: 10 }, () => now);
        const request = { headers: {}, socket: { remoteAddress: '192.0.2.1' } } as never;
        const through: { readonly at: number; readonly count: number }[] = [];
        for (const { waitMs, count } of steps) {
          now += waitMs;
          if (rate.objection(request) !== undefined) continue;
          if (rate.batchObjection(request, count) === undefined) through.push({ at: now, count });
        }
        for (const { at } of through) {
          const inside = through.filter((each) => each.at >= at && each.at < at + 1_000);
          assert.ok(inside.reduce((sum, { count }) => sum + count, 0) <= 10);
        }
      }),
      { numRuns: 300 },
    );
  });
});
