/**
 * Two exchanges, one walk: bursts of orders and cancellations while answers are lost, doubled or late, clocks are off,
 * nonces are taken by others, keys expire in the middle of a burst and streams break. At the end the server has each
 * order exactly as often as its fate says, each cancellation is what it was called, and the stream has told of every
 * order once.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { ParadexFault } from '../../src/testing/paradex/rules.ts';
import type { VestFault } from '../../src/testing/vest/rules.ts';
import { aParadex, ORDER as PARADEX_ORDER, QUICK as PARADEX_QUICK } from '../paradex/a-paradex.ts';
import { aVest, QUICK, ORDER as VEST_ORDER } from '../vest/a-vest.ts';
import { until } from './until.ts';

const FAST = [{ limit: 10_000, windowMs: 1_000 }];
const FIGURES = { deadlineMs: 30_000 } as const;

/** What the walk needs of an exchange. */
interface Place {
  /** @returns its id where it was placed, nothing where it was not; throws when that is not known */
  order(n: number): Promise<string | undefined>;
  /** @returns whether it was cancelled; nothing where that is not known */
  cancel(id: string): Promise<boolean | undefined>;
  /** Ids of the n-th order at the server, and whether it is cancelled there. */
  there(n: number): readonly { readonly id: string; readonly cancelled: boolean }[];
  expire(): void;
  breakStreams(): void;
  events(signal: AbortSignal): AsyncIterable<unknown>;
  readonly streams: number;
}

const SHARED = ['lose before', 'lose after', 'silent after', 'late', 'twice', 'copy'] as const;
const CANCEL_FAULTS = [undefined, undefined, 'lose before', 'lose after', 'twice', 'copy'] as const;

const story = fc.record({
  bursts: fc.array(
    fc.record({
      faults: fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 4 }),
      expires: fc.boolean(),
      breaks: fc.boolean(),
      cancels: fc.array(fc.constantFrom(...CANCEL_FAULTS), { maxLength: 2 }),
    }),
    { minLength: 2, maxLength: 3 },
  ),
  aheadMs: fc.constantFrom(0, 0, -20_000, 20_000),
  gapless: fc.boolean(),
});
type Story = ReturnType<typeof fc.sample<typeof story extends fc.Arbitrary<infer T> ? T : never>>[number];

/** Faults of all orders in a row, the same for every run of the story. */
const faultsOf = <F>({ bursts }: Story, all: readonly F[]): (F | undefined)[] =>
  bursts.flatMap(({ faults }) => faults.map((n) => all[n]));
const cancelsOf = ({ bursts }: Story) => bursts.flatMap(({ cancels }) => cancels);

async function vestPlace(t: TestContext, told: Story): Promise<Place> {
  const faults = faultsOf<VestFault>(told, [...SHARED, 'page', 'page before', 'key', 'slow down', 'other']);
  const cancels = cancelsOf(told);
  const { vest, server } = await aVest(
    t,
    { ...QUICK, ...FIGURES, rateLimits: { perIp: FAST, perAccount: FAST, pauseMs: 1 } },
    {
      ...{ fault: (n) => faults[n], cancelFault: (n) => cancels[n], lateMs: 100 },
      ...{ aheadMs: told.aheadMs, gapless: told.gapless },
    },
  );
  await vest.connect();
  const account = vest.account();
  return {
    async order(n) {
      const fate = await account.placeOrder({ ...VEST_ORDER, size: `${n}.5` });
      assert.notEqual(fate.kind, 'unknown', JSON.stringify({ told, n, fate }));
      return fate.kind === 'placed' ? fate.id : undefined;
    },
    async cancel(id) {
      const { kind } = await account.cancelOrder(id);
      return kind === 'unknown' ? undefined : kind === 'cancelled';
    },
    there: (n) =>
      server.orders
        .filter(({ symbol, size }) => symbol === VEST_ORDER.symbol && size === `${n}.5`)
        .map(({ id, status }) => ({ id, cancelled: status === 'CANCELLED' })),
    expire: () => server.expireKeys(),
    breakStreams: () => server.dropStreams(),
    events: (signal) => account.events(signal),
    get streams() {
      return server.streams;
    },
  };
}

async function paradexPlace(t: TestContext, told: Story): Promise<Place> {
  const faults = faultsOf<ParadexFault>(told, [...SHARED, 'timed out before', 'timed out after', 'token']);
  const cancels = cancelsOf(told);
  const { paradex, server } = await aParadex(
    t,
    { ...PARADEX_QUICK, ...FIGURES },
    { fault: (n) => faults[n], cancelFault: (n) => cancels[n], lateMs: 100, aheadMs: told.aheadMs },
  );
  await paradex.connect();
  const account = paradex.account();
  return {
    async order(n) {
      const fate = await account.placeOrder({ ...PARADEX_ORDER, clientId: `c${n}` });
      assert.notEqual(fate.kind, 'unknown', JSON.stringify({ told, n, fate }));
      return fate.kind === 'placed' ? fate.id : undefined;
    },
    cancel: (id) =>
      account.cancelOrder(id).then(
        (how) => how === 'cancelled',
        () => undefined, // it says what stood in the way, and not what became of it
      ),
    there: (n) =>
      server.orders
        .filter((order) => order.client_id === `c${n}`)
        .map(({ id, cancel_reason: reason }) => ({ id, cancelled: reason !== '' })),
    expire: () => server.expireTokens(),
    breakStreams: () => server.dropStreams(),
    events: (signal) => paradex.subscribe('orders.ALL', { account: 'main', signal }),
    get streams() {
      return server.streams;
    },
  };
}

async function walk(place: Place, told: Story): Promise<{ placed: number; cancelled: number }> {
  const leaving = new AbortController();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const message of place.events(leaving.signal)) seen.push(JSON.stringify(message));
  })();
  await until(() => place.streams === 1);
  const ids: (string | undefined)[] = [];
  let n = 0;
  let cancelled = 0;
  for (const { faults, expires, breaks, cancels } of told.bursts) {
    const burst = faults.map(() => place.order(n++));
    if (expires) place.expire();
    if (breaks) place.breakStreams();
    ids.push(...(await Promise.all(burst)));
    const open = ids.findLast((id) => id !== undefined);
    for (const _ of cancels) {
      if (open === undefined) continue;
      const at = ids.indexOf(open);
      const done = await place.cancel(open);
      if (done === undefined) continue;
      assert.equal(place.there(at)[0]!.cancelled, done, JSON.stringify({ told, at }));
      cancelled += done ? 1 : 0;
    }
  }
  for (const [at, id] of ids.entries()) {
    const here = place.there(at);
    assert.deepEqual(
      here.map((order) => order.id),
      id === undefined ? [] : [id],
      JSON.stringify({ told, at }),
    );
  }
  // What is taken is told, and what was missed meanwhile is asked for: each is there, in each state once.
  const placed = ids.filter((id) => id !== undefined);
  const all = (): boolean => placed.every((id) => seen.some((text) => text.includes(`"${id}"`)));
  await until(all, () => JSON.stringify({ told, placed, seen }));
  leaving.abort();
  await assert.rejects(reading, { code: 'ABORTED' });
  const news = seen.filter((text) => !text.includes('"kind":"gap"'));
  assert.equal(new Set(news).size, news.length, 'nothing is told twice');
  return { placed: placed.length, cancelled };
}

describe('orders at two exchanges, in every trouble at once', { concurrency: true }, () => {
  const places = { vest: vestPlace, paradex: paradexPlace };
  for (const [name, make] of Object.entries(places)) {
    it(`are never doubled and never lost (${name})`, { timeout: 120_000 }, async (t) => {
      const stories = fc.sample(story, { numRuns: 6 });
      const walks = await Promise.allSettled(stories.map(async (told) => walk(await make(t, told), told)));
      const sums = walks.map((each) => (each.status === 'fulfilled' ? each.value : assert.fail(each.reason)));
      const sum = (of: 'placed' | 'cancelled'): number => sums.reduce((all, each) => all + each[of], 0);
      assert(sum('placed') > 0 && sum('cancelled') > 0, JSON.stringify(sums));
    });
  }
});
