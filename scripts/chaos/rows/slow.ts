/** A peer that answers, some of the time far too late. */
import { figuresOf } from '../figures.ts';
import { loadOn } from '../load.ts';
import { EXTRA, expect, expectSpeed, NEARLY_ALL, type Row } from '../row.ts';

/** One answer in twenty takes ten times as long; machine noise on loopback is far below either. */
const FAULT = { kind: 'slow', serviceMs: 10, slowMs: 100, share: 0.05 } as const;

/** The percentile lies below the slow share, so that every slow call is hedged, and the share covers all of those. */
const HEDGE = { percentile: 90, share: 0.1 };

/** What the hedge may send beyond its share: one per second, those of ten seconds in advance. */
const RESERVE = 10;

const tail: Row = {
  name: 'slow answers, hedged',
  fault: '5 % of the answers take ten times as long',
  policies: `hedge (percentile ${HEDGE.percentile}, share ${HEDGE.share}); compared with none`,
  expected: [
    expectSpeed('p99 falls by a third or more', ({ p99Ms, more }) => p99Ms <= (more['p99 ms without'] ?? 0) * 0.67),
    expect(
      'copies ≤ the share of the calls plus the reserve',
      ({ more }) => more['copies']! <= more['copies at most']!,
    ),
    expect('every call succeeds', ({ ok, calls }) => ok === calls),
  ],
  async run(stage) {
    const load = { calls: stage.pick(10_000, 700), concurrency: 20, posts: 0 };
    const without = await stage.measure({ fault: FAULT }, { retry: true }, load);
    const served = await stage.serve({ fault: FAULT });
    const client = stage.client({ origin: served.origin, retry: true, hedge: HEDGE });
    // A percentile rests on answers; until there are enough nothing is hedged.
    const learning = await loadOn(client, { ...load, calls: 200 });
    const outcomes = await loadOn(client, load);
    const seen = await served.close();
    // What was not spent while it learnt is spent later: the account is that of both.
    const { calls, wire, lastedMs } = figuresOf([...learning, ...outcomes], seen);
    return figuresOf(
      outcomes,
      { ...seen, received: seen.received - learning.length },
      {
        'p99 ms without': without.p99Ms,
        copies: wire - calls,
        'copies at most': HEDGE.share * calls + RESERVE + lastedMs / 1_000,
      },
    );
  },
};

const orders: Row = {
  name: 'slow answers, orders',
  fault: '5 % of the answers take ten times as long; every call is a POST',
  policies: `hedge (percentile ${HEDGE.percentile}, share ${HEDGE.share})`,
  expected: [
    expect('nothing is sent twice: requests = calls', ({ wire, calls }) => wire === calls),
    expect('every call succeeds', ({ ok, calls }) => ok === calls),
  ],
  run: (stage) =>
    stage.measure(
      { fault: FAULT },
      { retry: true, hedge: HEDGE },
      { calls: stage.pick(2_000, 300), concurrency: 20, posts: 1 },
    ),
};

/** Longer than anybody waits here. */
const SILENCE_MS = 30_000;

const silent: Row = {
  name: 'silent for some',
  fault: '2 % of the requests are accepted and never answered',
  policies: 'retry, firstByteMs 150',
  expected: [
    NEARLY_ALL,
    expect('all failures are TIMEOUT', ({ ends, ok, calls }) => ok + (ends['TIMEOUT'] ?? 0) === calls),
    ...EXTRA,
  ],
  run: (stage) =>
    stage.measure(
      { fault: { kind: 'slow', serviceMs: 1, slowMs: SILENCE_MS, share: 0.02 } },
      { retry: true, limits: { firstByteMs: stage.pick(150, 500) } },
      { calls: stage.pick(10_000, 500), concurrency: 20 },
    ),
};

export const SLOW: readonly Row[] = [tail, orders, silent];
