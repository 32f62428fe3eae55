/** A peer that says no, or cannot keep up. */
import type { ClientOptions } from 'keepwarm';
import { figuresOf, ratePerSecond, recoveryMs } from '../figures.ts';
import { loadOn } from '../load.ts';
import type { Overload } from '../peer/fault.ts';
import { SLOT_MS } from '../peer/tally.ts';
import { EXTRA, expect, expectSpeed, NEARLY_ALL, type Row, type Stage } from '../row.ts';

const failing: Row = {
  name: '10 % of answers 503',
  fault: 'one answer in ten is 503',
  policies: 'retry, its budget',
  expected: [NEARLY_ALL, expect('extra traffic ≤ 20 %', ({ extra }) => extra <= 0.2)],
  run: (stage) =>
    stage.measure(
      { fault: { kind: 'status', status: 503, share: 0.1 } },
      { retry: true },
      { calls: stage.pick(20_000, 1_000), concurrency: 20 },
    ),
};

const allFailing: Row = {
  name: 'all answers 503',
  fault: 'every answer is 503',
  policies: 'retry, budget 20 % and no reserve',
  expected: [expect('requests ≤ 1.2 × calls', ({ extra }) => extra <= 0.2)],
  run: (stage) =>
    stage.measure(
      { fault: { kind: 'status', status: 503, share: 1 } },
      { retry: { baseMs: 5 }, budget: { perSecond: 0 } },
      { calls: stage.pick(2_000, 300), concurrency: 20 },
    ),
};

/** Callers at a time. Each may meet the quota once per window, when it is used up; what they ask for is sent again. */
const CALLERS = 10;

const onceEach = expect('each caller is refused at most once per window', ({ wire, calls }) => {
  const windows = Math.ceil(calls / QUOTA.limit);
  return wire - calls <= CALLERS * windows;
});

/** The peer's quota; ours is beyond it, so that only what it answers can hold us back. */
const QUOTA = { limit: 20, windowMs: 1_000 };

const quotaTold: Row = {
  name: '429 with Retry-After',
  fault: `${QUOTA.limit} answers per second, then 429 with Retry-After`,
  policies: 'retry, rateLimit (feedback)',
  expected: [
    expect('every idempotent call succeeds in the end', ({ readsOk }) => readsOk === 1),
    expect('no caller sends anything before the time the peer named', ({ early }) => early === 0),
    onceEach,
  ],
  run: (stage) =>
    stage.measure(
      { fault: { kind: 'quota', ...QUOTA, retryAfter: true } },
      { retry: { attemptsMax: 10 }, rateLimit: { limit: 1_000, windowMs: 1_000 }, deadlineMs: 30_000 },
      { calls: stage.pick(100, 30), concurrency: CALLERS, posts: 0 },
    ),
};

const quotaSilent: Row = {
  name: '429 without Retry-After',
  fault: `${QUOTA.limit} answers per second, then 429 without Retry-After`,
  policies: 'retry, rateLimit (pauseMs 1,000)',
  expected: [expect('every idempotent call succeeds in the end', ({ readsOk }) => readsOk === 1), onceEach],
  run: (stage) =>
    stage.measure(
      { fault: { kind: 'quota', ...QUOTA, retryAfter: false } },
      { retry: { attemptsMax: 10 }, rateLimit: { limit: 1_000, windowMs: 1_000 }, deadlineMs: 30_000 },
      { calls: stage.pick(100, 30), concurrency: CALLERS, posts: 0 },
    ),
};

/**
 * A peer that is slow because it is overloaded: 8 workers of 10 ms serve 800 calls/s, but 270/s once 200 wait. For a
 * while each takes twenty times as long. Callers come at 400/s whatever happens, and leave after 150 ms; the peer does
 * not know who has left. Source of the shape: N. Bronson et al., "Metastable Failures in Distributed Systems",
 * HotOS 2021: a trigger that ends, and a feedback (retries) that keeps the trouble going without it.
 */
const CALLS_PER_SECOND = 400;
const ATTEMPT_MS = 150;

const trouble = (stage: Stage): Overload => ({
  kind: 'overload',
  workers: 8,
  serviceMs: 10,
  strain: 3,
  factor: 20,
  fromMs: stage.pick(3_000, 500),
  untilMs: stage.pick(6_000, 1_000),
});

/** Repeats at once whatever fails, ten times over, with sockets without end. */
const NAIVE: ClientOptions = {
  retry: { attemptsMax: 10, attemptMs: ATTEMPT_MS, baseMs: 1, throttledBaseMs: 1, capMs: 1 },
  budget: { share: 1_000, perSecond: 1_000_000 },
  pool: { socketsMax: 2_000, socketsTotalMax: 2_000 },
};

async function overload(stage: Stage, options: ClientOptions) {
  const fault = trouble(stage);
  const served = await stage.serve({ fault });
  const client = stage.client({ ...options, origin: served.origin });
  const calls = CALLS_PER_SECOND * stage.pick(20, 2.2);
  const outcomes = await loadOn(client, { calls, perSecond: CALLS_PER_SECOND });
  const seen = await served.close();
  client.destroy();
  const rate = (fromMs: number, untilMs: number) => ratePerSecond(seen.receivedBy, SLOT_MS, fromMs, untilMs);
  const before = rate(100, fault.fromMs);
  // The first of the trouble is when we learn of it: for as long as the breaker waits and sees (`failingMs`).
  const during = rate(fault.fromMs + stage.pick(1_300, 300), fault.untilMs);
  return figuresOf(outcomes, seen, {
    'traffic in trouble ÷ before': during / before,
    'recovered after ms': recoveryMs(outcomes, seen.epochMs + fault.untilMs),
  });
}

const metastable: Row = {
  name: 'metastable overload',
  fault: 'for 3 s a peer that runs at half its capacity is 20 times slower; its queue then keeps it slow',
  policies:
    `retry (attemptMs ${ATTEMPT_MS}), budget, breaker (openMsMax 5,000); ` +
    'compared with up to ten immediate attempts without budget and breaker',
  expected: [
    expectSpeed('our traffic falls below half', ({ more }) => more['traffic in trouble ÷ before']! < 0.5),
    ...EXTRA,
    expectSpeed('recovered ≤ 10 s after the cause ended', ({ more }) => more['recovered after ms']! <= 10_000),
    expectSpeed(
      'naive retries make it worse: at least twice our requests',
      ({ more, extra }) => more['naive: requests ÷ calls']! >= 2 * (1 + extra),
    ),
  ],
  async run(stage) {
    const breaker = stage.pick({ openMsMax: 5_000 }, { failingMs: 100, openMs: 200, openMsMax: 400 });
    const ours = await overload(stage, { retry: { attemptMs: ATTEMPT_MS }, breaker, deadlineMs: 2_000 });
    const naive = await overload(stage, { ...NAIVE, deadlineMs: stage.pick(3_000, 1_000) });
    return {
      ...ours,
      more: {
        ...ours.more,
        'naive: requests ÷ calls': 1 + naive.extra,
        'naive: traffic in trouble ÷ before': naive.more['traffic in trouble ÷ before']!,
        'naive: recovered after ms': naive.more['recovered after ms']!,
      },
    };
  },
};

export const OVERLOAD: readonly Row[] = [failing, allFailing, quotaTold, quotaSilent, metastable];
