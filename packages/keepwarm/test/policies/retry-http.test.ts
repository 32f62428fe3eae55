/**
 * Retry and hedge over real connections: what they throw away costs no connection, and what they repeat arrives once.
 */
import assert from 'node:assert/strict';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { BUDGET_DEFAULTS, RetryBudget } from '../../src/algo/budget.ts';
import type { Call } from '../../src/core/call.ts';
import { systemClock } from '../../src/core/clock.ts';
import { originOf } from '../../src/core/origin.ts';
import { type Client, createClient } from '../../src/index.ts';
import { HEDGE_DEFAULTS, hedge } from '../../src/policies/hedge.ts';
import { retry } from '../../src/policies/retry.ts';
import { RETRY_DEFAULTS } from '../../src/policies/retry-options.ts';
import { aCall } from '../../src/testing/scripted-engine.ts';
import { until } from '../engine/setup.ts';

const parts = () => ({
  clock: systemClock,
  random: () => 0.1,
  observer: {},
  budget: new RetryBudget(BUDGET_DEFAULTS, systemClock),
});

/** A server, a client whose connections are counted, and a call that goes from the one to the other. */
async function aPair(t: TestContext, listener: RequestListener): Promise<{ client: Client; call: () => Call }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createClient({ origin, retry: false, breaker: false });
  t.after(async () => {
    await client.close({ deadlineMs: 0 });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const call = () => {
    const startedAt = systemClock.now();
    return aCall({ origin: originOf(new URL(origin)), startedAt, deadlineAt: startedAt + 10_000 });
  };
  return { client, call };
}

const sendBy = (client: Client) => (call: Call) =>
  Promise.resolve(client.get(call.path, { signal: call.signal, deadlineMs: call.deadlineAt - call.startedAt }));

describe('over real connections', () => {
  it('a reply that is repeated is read to its end, so its connection serves the next attempt', async (t) => {
    let count = 0;
    const { client, call } = await aPair(t, (_, response) => {
      count++;
      if (count > 3) return void response.end('well');
      response.writeHead(503, { 'transfer-encoding': 'chunked' });
      response.write('part of an error page');
      setImmediate(() => response.end('and the rest of it'));
    });
    const send = retry({ ...RETRY_DEFAULTS, baseMs: 200 }, parts())(sendBy(client));
    const reply = await send(call());
    assert.deepEqual([reply.status, await reply.text(), count], [200, 'well', 4]);
    assert.equal(client.stats().reuse.fresh, 1, 'one connection served all attempts');
  });

  it('a slower copy keeps its connection', async (t) => {
    const asked: ServerResponse[] = [];
    const { client, call } = await aPair(t, (_, response) => {
      if (asked.push(response) > 1) response.end('fast');
    });
    const policy = hedge({ ...HEDGE_DEFAULTS, countMin: 0, delayMsMin: 20 }, parts());
    const reply = await policy(sendBy(client))(call());
    assert.equal(await reply.text(), 'fast');
    assert.deepEqual([policy.snapshot().hedged, policy.snapshot().won], [1, 1]);
    asked[0]!.end('slow');
    await until(() => client.stats().pools[0]?.idle === 2, 'both connections idle');
    assert.equal(client.stats().sockets.closed, 0);
    policy.close();
  });

  for (const [inFlight, writes] of [
    [1, 'at once'],
    [20, 'with those of its turn'],
  ] as const) {
    it(`a repeat elsewhere that goes out while its first reply is being read is written ${writes}`, async (t) => {
      const paths: string[] = [];
      const server = createServer((request, response) => {
        paths.push(request.url!);
        response.statusCode = request.url === '/ill/item' ? 503 : 200;
        response.end(request.url);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const client = createClient({
        endpoints: [
          { url: `${origin}/ill`, name: 'ill' },
          { url: `${origin}/well`, name: 'well', priority: 1 },
        ],
        balance: { consecutiveMax: 1_000, failureShare: 2 },
        breaker: false,
        budget: { share: 1, perSecond: 100 },
        pool: { socketsMax: inFlight },
      });
      t.after(async () => {
        await client.close({ deadlineMs: 0 });
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      });
      const each = await Promise.all(Array.from({ length: inFlight }, () => client.get('/item').text()));
      assert.deepEqual(new Set(each), new Set(['/well/item']));
      assert.equal(paths.length, inFlight * 2, 'each was asked for once at either endpoint');
      const { fresh, reused } = client.stats().reuse;
      assert.deepEqual([fresh, reused], [inFlight, inFlight], 'over the connection that had just come back');
      const ends = client.stats().policies.endpoints!.endpoints;
      assert.deepEqual(
        ends.map((end) => end.inFlight),
        [0, 0],
      );
    });
  }
});
