/**
 * Every policy on at once, over a server that misbehaves by chance: each call ends once, nothing is held afterwards,
 * and what must not arrive twice does not.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createClient, type NetError } from '../../src/index.ts';
import { startFaultyServer } from '../../src/testing/faulty-server.ts';
import { answer, hangUp, inOrder, pause, reset, type Step, send, silence } from '../../src/testing/faulty-steps.ts';
import { seeded } from '../balance/seeded.ts';
import { leavesNothing, quiet } from '../engine/setup.ts';

leavesNothing();

const CALLS = 2_000;

/** What the server does: mostly answers, kept for a moment, redirected, or as it should not. */
function misbehaving(roll: () => number, arrived: Map<string, number>): Step {
  const steps: readonly Step[] = [
    reset,
    hangUp,
    silence,
    answer('busy', { status: 503 }),
    answer('much', { status: 429, headers: { 'retry-after': '0' } }),
    inOrder(pause(5), answer('late')),
    send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'),
    answer('', { status: 302, headers: { location: '/elsewhere' } }),
    answer('kept', { headers: { 'cache-control': 'max-age=1, stale-while-revalidate=1', etag: '"1"' } }),
    answer('x'.repeat(200_000)),
  ];
  return (request, connection) => {
    const id = request.headers['x-order'];
    if (typeof id === 'string') arrived.set(id, (arrived.get(id) ?? 0) + 1);
    const step = roll() < 0.25 ? steps[Math.floor(roll() * steps.length)]! : answer('ok');
    return step(request, connection);
  };
}

it('thousands of calls under every policy end once each, and leave nothing behind', async () => {
  const roll = seeded(7);
  const arrived = new Map<string, number>();
  const script = misbehaving(roll, arrived);
  const servers = await Promise.all([1, 2, 3].map(() => startFaultyServer({ script })));
  const client = createClient({
    endpoints: servers.map(({ origin }, i) => ({ url: `${origin}/v${i}`, name: `e${i}` })),
    redirectsMax: 3,
    deadlineMs: 2_000,
    limits: { firstByteMs: 200, betweenBytesMs: 200 },
    retry: { attemptMs: 300, baseMs: 1, throttledBaseMs: 2, capMs: 20 },
    hedge: { countMin: 20, delayMsMax: 100 },
    rateLimit: { limit: 1_000, windowMs: 100 },
    concurrency: { limit: 20 },
    breaker: { openMs: 20, openMsMax: 100 },
    coalesce: true,
    cache: true,
    compress: true,
    balance: { ejectMs: 50, ejectMsMax: 200 },
  });
  const ended: string[] = [];
  const call = async (i: number): Promise<void> => {
    const caller = new AbortController();
    const { signal } = caller;
    const kind = roll();
    const making =
      kind < 0.6
        ? client.get(`/item/${i % 17}`, { signal }).text()
        : kind < 0.7
          ? client.fetch(`${servers[0]!.origin}/v0/item/${i % 17}`, { signal }).then((reply) => reply.text())
          : kind < 0.8
            ? client.put('/thing', 'y'.repeat(3_000), { signal }).text()
            : client.post('/orders', 'z'.repeat(2_000), { signal, headers: { 'x-order': String(i) } }).text();
    if (roll() < 0.1) setTimeout(() => caller.abort(new Error('gone')), roll() * 30);
    await Promise.resolve(making).then(
      () => ended.push('answered'),
      (error: NetError) => ended.push(error.code ?? error.message),
    );
  };
  const callers = Array.from({ length: 40 }, async (_, first) => {
    for (let i = first; i < CALLS; i += 40) await call(i);
  });
  await Promise.all(callers);
  assert.equal(ended.length, CALLS);
  const answered = ended.filter((how) => how === 'answered').length;
  assert(answered > CALLS / 2, `${answered} answered`);
  await quiet(client);
  const { uptimeMs, policies } = client.stats();
  const { retry, hedge, rateLimit, concurrency, coalesce, budget, endpoints } = policies;
  const reserve = 100 * Math.ceil(1 + uptimeMs / 10_000);
  assert.deepEqual([retry?.waiting, hedge?.armed, coalesce?.attempts, rateLimit?.[0]?.waiting], [0, 0, 0, 0]);
  assert.deepEqual(
    concurrency?.map(({ inFlight, waiting }) => inFlight + waiting),
    [0, 0, 0],
  );
  assert.deepEqual(
    endpoints?.endpoints.map(({ inFlight }) => inFlight),
    [0, 0, 0],
  );
  assert(budget !== undefined && budget.withdrawals <= reserve + 0.2 * budget.deposits, 'the budget holds');
  assert.deepEqual(
    [...arrived.values()].filter((times) => times > 1),
    [],
    'no order arrived twice',
  );
  await client.close({ deadlineMs: 0 });
  await Promise.all(servers.map((server) => server.close()));
});

it('a client that is destroyed in the midst of it ends every call', async () => {
  const roll = seeded(11);
  const server = await startFaultyServer({ script: misbehaving(roll, new Map()) });
  const client = createClient({
    origin: server.origin,
    limits: { firstByteMs: 200 },
    retry: { baseMs: 50 },
    hedge: { countMin: 1 },
    rateLimit: { limit: 50, windowMs: 1_000 },
    concurrency: { limit: 5 },
    coalesce: true,
    cache: true,
    compress: { streams: true },
  });
  const calls = Array.from({ length: 300 }, (_, i) =>
    i % 3 === 0 ? client.post(`/${i}`, 'x'.repeat(50_000)).text() : client.get(`/${i % 7}`).text(),
  );
  const settled = Promise.allSettled(calls);
  await new Promise((resolve) => setTimeout(resolve, 60));
  client.destroy();
  const outcomes = await settled;
  const codes = new Set(outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'answered')));
  assert(codes.has('CLOSED'), [...codes].join());
  await quiet(client);
  await assert.rejects(client.get('/').text(), { code: 'CLOSED' });
  await server.close();
});
