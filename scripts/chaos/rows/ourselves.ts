/**
 * Trouble that is our own: a blocked event loop, a wall clock that jumps, more calls than sockets, an end in between.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Client } from 'keepwarm';
import { type Clock, systemClock } from '../../../packages/keepwarm/src/core/clock.ts';
import { type Figures, figuresOf } from '../figures.ts';
import { loadOn, type Outcome } from '../load.ts';
import type { Served } from '../peer/peer.ts';
import { SLOT_MS } from '../peer/tally.ts';
import { expect, expectSpeed, NEARLY_ALL, type Row } from '../row.ts';

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Nothing runs meanwhile, as in a synchronous computation or a long collection of garbage. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

const STALL_MS = 500;

const stall: Row = {
  name: 'event loop stalled',
  fault: `the event loop is blocked for ${STALL_MS} ms while 50 calls are answered, 100 ms after they were made`,
  policies: 'breaker (patienceMs 100), deadlineMs 400, firstByteMs 250, betweenBytesMs 250; no retry',
  expected: [
    expect('no call fails: answers that have arrived are not late', ({ ok, calls }) => ok === calls),
    expect('the breaker stays closed', ({ more }) => more['breaker opened'] === 0),
  ],
  async run(stage) {
    const served = await stage.serve({ fault: { kind: 'none', serviceMs: 100 } });
    // Limits below the stall, and above what a machine that runs tests may take for an answer.
    const limitMs = stage.pick(250, 1_000);
    const client = stage.client({
      origin: served.origin,
      breaker: { patienceMs: 100 },
      deadlineMs: stage.pick(400, 1_200),
      limits: { firstByteMs: limitMs, betweenBytesMs: limitMs },
    });
    const wave = { calls: 50, concurrency: 50 };
    const outcomes: Outcome[] = await loadOn(client, wave);
    for (let round = 0; round < stage.pick(10, 1); round++) {
      const calls = loadOn(client, wave);
      await arrived(served, outcomes.length + wave.calls); // and be they answered by now, on a busy machine
      block(stage.pick(STALL_MS, 1_500));
      outcomes.push(...(await calls));
    }
    const { breakers = [] } = client.stats().policies.breaker ?? {};
    const opened = breakers.reduce((sum, breaker) => sum + breaker.opened, 0);
    return figuresOf(outcomes, await served.close(), { 'breaker opened': opened });
  },
};

/** By which the wall clock jumps, in ms: a correction, an hour back, a day on. */
const JUMPS_MS = [45_000, -3_600_000, 86_400_000];

const LIMIT = { limit: 100, windowMs: 500 };

const wall: Row = {
  name: 'wall clock jumps',
  fault: 'by +45 s, −1 h and +1 day under load; 5 % of the answers are 503',
  policies: `retry, breaker, rateLimit (${LIMIT.limit} per ${LIMIT.windowMs} ms)`,
  expected: [
    NEARLY_ALL,
    expect('the limit holds at the peer', ({ more }) => more['most in a window']! <= LIMIT.limit),
    expectSpeed('and is used: ≥ 80 % of it', ({ more }) => more['share of the limit used']! >= 0.8),
  ],
  async run(stage) {
    let ahead = 0;
    const clock: Clock = { ...systemClock, wall: () => systemClock.wall() + ahead };
    const served = await stage.serve({ fault: { kind: 'status', status: 503, share: 0.05 } });
    const client = stage.client({ origin: served.origin, clock, retry: true, breaker: true, rateLimit: LIMIT });
    const calls = stage.pick(1_500, 260);
    const load = loadOn(client, { calls, concurrency: 20 });
    const stepMs = stage.pick(1_500, 200);
    for (const jump of JUMPS_MS) {
      await wait(stepMs);
      ahead += jump;
    }
    const outcomes = await load;
    const seen = await served.close();
    const width = LIMIT.windowMs / SLOT_MS;
    const windows = seen.receivedBy.map((_count, at) =>
      seen.receivedBy.slice(at, at + width).reduce((sum, count) => sum + count, 0),
    );
    // The last window begins full and ends with the calls.
    const allowed = LIMIT.limit * Math.ceil(seen.receivedBy.length / width);
    return figuresOf(outcomes, seen, {
      'most in a window': Math.max(...windows),
      'share of the limit used': seen.received / allowed,
    });
  },
};

const burst: Row = {
  name: 'burst',
  fault: '2,000 calls at once',
  policies: 'pool (socketsMax 50)',
  expected: [
    expect('every call succeeds', ({ ok, calls }) => ok === calls),
    expect('≤ 50 connections', ({ connects }) => connects <= 50),
    expect('requests = calls', ({ wire, calls }) => wire === calls),
  ],
  run: (stage) =>
    stage.measure(
      { fault: { kind: 'none', serviceMs: 2 } },
      { pool: { socketsMax: 50 } },
      { calls: 2_000, concurrency: 2_000 },
    ),
};

/** Waits until so many requests have reached the peer. */
async function arrived(served: Served, count: number): Promise<void> {
  for (let looks = 0; looks < 500; looks++) {
    const { received } = await served.seen();
    if (received >= count) return;
    await wait(10);
  }
  throw new Error(`${count} requests did not arrive`);
}

/** Closes a client with its sockets in use and nine times as many calls waiting. */
async function closing(served: Served, client: Client, deadlineMs: number, sockets: number): Promise<Figures> {
  const load = loadOn(client, { calls: 10 * sockets, concurrency: 10 * sockets });
  await arrived(served, sockets);
  const since = performance.now();
  const closed = client.close({ deadlineMs });
  const late = loadOn(client, { calls: 1, posts: 0 });
  const outcomes = await load;
  await closed;
  const closedMs = performance.now() - since;
  const [{ end }] = (await late) as [Outcome];
  const open = client.stats().sockets.open;
  return figuresOf(outcomes, await served.close(), {
    'close took ms': closedMs,
    'sockets left': open,
    'newcomers let in': end === 'CLOSED' ? 0 : 1,
  });
}

const settled = ({ ok, ends, calls }: Figures): boolean => ok + (ends['CLOSED'] ?? 0) === calls;

const CLOSED_CLEAN = [
  expect('each call is answered or ends with CLOSED', settled),
  expect('new calls get CLOSED', ({ more }) => more['newcomers let in'] === 0),
  expect('no socket stays open', ({ more }) => more['sockets left'] === 0),
];

const patient: Row = {
  name: 'close while busy, patient',
  fault: 'the client is closed with 10 calls in flight and 90 waiting',
  policies: 'retry, pool (socketsMax 10), close (deadlineMs 10,000)',
  expected: [...CLOSED_CLEAN, expect('calls in flight are answered', ({ ok }) => ok >= 10)],
  async run(stage) {
    const served = await stage.serve({ fault: { kind: 'none', serviceMs: stage.pick(200, 50) } });
    const client = stage.client({ origin: served.origin, retry: true, pool: { socketsMax: 10 } });
    return closing(served, client, 10_000, 10);
  },
};

const hasty: Row = {
  name: 'close while busy, hasty',
  fault: 'the same, and the answers take longer than the client waits',
  policies: 'retry, pool (socketsMax 10), close (deadlineMs 100)',
  expected: [...CLOSED_CLEAN, expectSpeed('closing takes ≤ 2 s', ({ more }) => more['close took ms']! <= 2_000)],
  async run(stage) {
    const served = await stage.serve({ fault: { kind: 'none', serviceMs: 5_000 } });
    const client = stage.client({ origin: served.origin, retry: true, pool: { socketsMax: 10 } });
    return closing(served, client, 100, 10);
  },
};

const IN_FLIGHT = 20;

const sigterm: Row = {
  name: 'SIGTERM',
  fault: `a process is told to end with ${IN_FLIGHT} calls in flight`,
  policies: 'close() on the signal',
  expected: [
    expect('every call in flight is answered', ({ ok }) => ok === IN_FLIGHT),
    expect('the process ends by itself, with exit code 0', ({ more }) => more['exit code'] === 0),
  ],
  async run(stage) {
    const served = await stage.serve({ fault: { kind: 'none', serviceMs: stage.pick(1_000, 250) } });
    const child = fork(new URL('../leaving.ts', import.meta.url), [served.origin, String(IN_FLIGHT)], {
      execArgv: ['--conditions=keepwarm-source', '--disable-warning=ExperimentalWarning'],
    });
    let outcomes: Outcome[] = [];
    child.once('message', (message: Outcome[]) => (outcomes = message));
    const ended = Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
    try {
      await arrived(served, IN_FLIGHT);
      child.kill('SIGTERM');
      const [[code]] = await ended;
      return figuresOf(outcomes, await served.close(), { 'exit code': code ?? -1 });
    } finally {
      if (child.exitCode === null) child.kill('SIGKILL');
    }
  },
};

export const OURSELVES: readonly Row[] = [stall, wall, burst, patient, hasty, sigterm];
