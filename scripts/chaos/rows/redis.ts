/**
 * Redis in trouble while it keeps the limits of a fleet: three clients, each with a connection and a count of its own,
 * and a peer that writes down when each request came.
 */
import type { Client } from 'keepwarm';
import { type FleetRateLimit, type FleetSnapshot, redisRateLimit } from 'keepwarm/redis';
import { OwnRedis } from '../../../packages/keepwarm/test/adapters/redis/a-redis.ts';
import { busiestWindow } from '../../../packages/keepwarm/test/adapters/redis/counting-server.ts';
import { type Figures, figuresOf } from '../figures.ts';
import { loadOn } from '../load.ts';
import { nowMs } from '../peer/tally.ts';
import { type Expectation, expect, expectSpeed, type Row, type Stage } from '../row.ts';

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

type Trouble = 'killed' | 'paused' | 'restarted';
type OnLoss = 'closed' | 'local';

const MEMBERS = 3;
const LIMIT = { limit: 60, windowMs: 300 };
const REDIS_MS = 200;
const WAITERS_MAX = 40;
const WAIT_MS = 500;

/** Half as much again as the limit permits, so that it is always used up and somebody always waits. */
const CALLS_PER_SECOND = (1.5 * LIMIT.limit * 1_000) / LIMIT.windowMs;

/** A process notices the loss within `redisMs` of its next question; this covers what a busy machine adds. */
const NOTICED_MS = 2.5 * REDIS_MS;

/** Polls of states and queues. */
const LOOK_MS = 20;

/** How often they are looked at after the load, until all are back: ten seconds and more. */
const LOOKS_MAX = 500;

interface Member {
  readonly client: Client;
  readonly limit: FleetRateLimit;
}

let names = 0;

function aFleet(stage: Stage, redis: OwnRedis, origin: string, onLoss: OnLoss): Member[] {
  const name = `chaos-${++names}`;
  return Array.from({ length: MEMBERS }, () => {
    const limit = redisRateLimit({
      client: redis.client(),
      name,
      limits: [LIMIT],
      onLoss,
      share: MEMBERS,
      redisMs: REDIS_MS,
      waitersMax: WAITERS_MAX,
      waitMs: WAIT_MS,
    });
    const client = stage.client({ origin, rateLimit: limit, retry: false, breaker: false });
    return { client, limit };
  });
}

/** Watches until stopped: how long the longest queue was, and when all were with Redis again. */
class Watch {
  mostWaiting = 0;
  /** Starts of members that had no Redis when looked at, nor at the look before. */
  startedAlone = 0;
  /** When the trouble was over, once it is; and the first look after that at which all were with Redis. */
  overMs = Number.POSITIVE_INFINITY;
  upMs = Number.POSITIVE_INFINITY;
  readonly #members: readonly Member[];
  readonly #looking: NodeJS.Timeout;
  #last: readonly FleetSnapshot[] = [];

  constructor(members: readonly Member[]) {
    this.#members = members;
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
  }

  #look(): void {
    const snapshots = this.#members.map(({ limit }) => limit.snapshot());
    this.mostWaiting = Math.max(this.mostWaiting, ...snapshots.map(({ waiting }) => waiting));
    for (const [i, { limits, redis }] of snapshots.entries()) {
      const last = this.#last[i];
      // Its loss is older than the last look, and not another one.
      const away = last !== undefined && last.redis.state !== 'up' && redis.lostMs > last.redis.lostMs;
      if (away) this.startedAlone += limits[0]!.granted - last.limits[0]!.granted;
    }
    this.#last = snapshots;
    const now = nowMs();
    const up = snapshots.every(({ redis }) => redis.state === 'up');
    if (up && now >= this.overMs) this.upMs = Math.min(this.upMs, now);
  }

  get isBack(): boolean {
    return this.upMs !== Number.POSITIVE_INFINITY;
  }

  stop(): void {
    clearInterval(this.#looking);
  }
}

/** @returns when it begins and when it ends, in ms since 1970 */
async function afflict(redis: OwnRedis, trouble: Trouble, forMs: number): Promise<readonly [number, number]> {
  const fromMs = nowMs();
  if (trouble === 'paused') redis.pause();
  else await redis.kill();
  if (trouble !== 'restarted') await wait(forMs);
  if (trouble === 'paused') redis.resume();
  else await redis.restart();
  return [fromMs, nowMs()];
}

async function run(stage: Stage, redis: OwnRedis, trouble: Trouble, onLoss: OnLoss): Promise<Figures> {
  const [beforeMs, troubleMs, afterMs] = stage.pick([2_000, 3_000, 4_000], [200, 600, 500]);
  const served = await stage.serve({ fault: { kind: 'none', serviceMs: 5 }, instants: true });
  const members = aFleet(stage, redis, served.origin, onLoss);
  const calls = Math.ceil((CALLS_PER_SECOND * (beforeMs + troubleMs + afterMs)) / 1_000 / MEMBERS);
  const watch = new Watch(members);
  try {
    const loads = members.map(({ client }) => loadOn(client, { calls, perSecond: CALLS_PER_SECOND / MEMBERS }));
    await wait(beforeMs);
    const [fromMs, untilMs] = await afflict(redis, trouble, troubleMs);
    watch.overMs = untilMs;
    const outcomes = (await Promise.all(loads)).flat();
    // Who has nothing to ask hears of no return: a busy machine may need more calls for that.
    for (let looks = 0; !watch.isBack && looks < LOOKS_MAX; looks++) {
      outcomes.push(...(await Promise.all(members.map(({ client }) => loadOn(client, { calls: 1 })))).flat());
      await wait(LOOK_MS);
    }
    const { instants, ...seen } = await served.close();
    const { upMs } = watch;
    const within = (from: number, until: number) => instants.filter((at) => at >= from && at < until);
    const usedShare = (from: number, until: number) =>
      within(from, until).length / (((until - from) * LIMIT.limit) / LIMIT.windowMs);
    const noticedMs = fromMs + NOTICED_MS;
    const healedMs = upMs + LIMIT.windowMs;
    const endMs = instants.at(-1) ?? untilMs;
    return figuresOf(
      outcomes,
      { ...seen, instants },
      {
        'most in a window': busiestWindow(instants, LIMIT.windowMs),
        'started alone': watch.startedAlone,
        'share of the limit used while away': untilMs > noticedMs ? usedShare(noticedMs, untilMs) : 0,
        'share used afterwards': endMs > healedMs ? usedShare(healedMs, endMs) : 0,
        'back after ms': Math.max(0, upMs - untilMs),
        'most waiting': watch.mostWaiting,
      },
    );
  } finally {
    watch.stop();
  }
}

const EXACT = expect('no window exceeds the limit, as counted by the peer', ({ more }) => {
  return more['most in a window']! <= LIMIT.limit;
});
/** Shares come on top of grants when only some lose Redis, as on a busy machine. */
const TOGETHER = [
  expectSpeed(EXACT.words, EXACT.holds),
  expect('and never more than twice the limit', ({ more }) => more['most in a window']! <= 2 * LIMIT.limit),
];
const SILENT = expect('no call starts without Redis', ({ more }) => more['started alone'] === 0);
const SHARES = expectSpeed(
  'at least half of the limit is used meanwhile',
  ({ more }) => more['share of the limit used while away']! >= 0.5,
);
const BOUNDED: readonly Expectation[] = [
  expect('calls that find no room are refused, unsent', ({ ends, ok, calls, wire }) => {
    return ok + (ends['SATURATED'] ?? 0) + (ends['TIMEOUT'] ?? 0) === calls && wire === ok;
  }),
  expect(`≤ ${WAITERS_MAX} calls wait`, ({ more }) => more['most waiting']! <= WAITERS_MAX),
];
const BACK = [
  expect('all clients use Redis again', ({ more }) => Number.isFinite(more['back after ms'])),
  expectSpeed('≤ 5 s after its return', ({ more }) => more['back after ms']! <= 5_000),
  expectSpeed('and use at least half of the limit', ({ more }) => more['share used afterwards']! >= 0.5),
];

const FAULTS: Readonly<Record<Trouble, string>> = {
  killed: 'Redis is killed, and restarted empty after a while',
  paused: 'Redis is suspended for a while (SIGSTOP)',
  restarted: 'Redis is killed, and restarted empty at once',
};

function redisRow(trouble: Trouble, onLoss: OnLoss): Row {
  const meanwhile = onLoss === 'closed' ? [SILENT] : trouble === 'restarted' ? [] : [SHARES];
  return {
    name: `Redis ${trouble}, ${onLoss}`,
    fault: `${FAULTS[trouble]}; three clients want 1.5 times the limit`,
    policies: `redisRateLimit (${LIMIT.limit} per ${LIMIT.windowMs} ms, onLoss ${onLoss}, waitersMax ${WAITERS_MAX})`,
    expected: [...(onLoss === 'closed' ? [EXACT] : TOGETHER), ...meanwhile, ...BOUNDED, ...BACK],
    async run(stage) {
      const redis = await OwnRedis.start();
      try {
        return await run(stage, redis, trouble, onLoss);
      } finally {
        await redis.stop();
      }
    },
  };
}

export const REDIS: readonly Row[] = (['killed', 'paused', 'restarted'] as const).flatMap((trouble) => [
  redisRow(trouble, 'closed'),
  redisRow(trouble, 'local'),
]);
