/** Fleets whose processes lose Redis one by one and die, on a clock that stands still; counted at the provider. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type RedisConnectionRate, redisConnectionRate } from '../../../src/adapters/redis/index.ts';
import type { RedisClient } from '../../../src/adapters/redis/link.ts';
import type { Start } from '../../../src/pool/start-gate.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import { busiestWindow } from './counting-server.ts';
import { StartModel } from './start-model.ts';

const FIGURES = { limit: 6, windowMs: 2_000, reserve: 1, attemptMs: 500, lateMs: 100, redisMs: 50 } as const;
const PROCESSES = 3;

interface World {
  readonly onLoss: 'closed' | 'share';
  readonly assumed: 'full' | 'empty';
  /** For each process, when it cannot reach Redis, as pairs of lengths: reachable, not reachable, … in ms. */
  readonly outages: readonly (readonly number[])[];
  /** When a process dies, and is begun anew at once. */
  readonly deaths: readonly number[];
  /** When Redis forgets everything. */
  readonly lossAt: number | undefined;
  readonly jitterMs: number;
  readonly seed: number;
}

const worlds: fc.Arbitrary<World> = fc.record({
  onLoss: fc.constantFrom('closed', 'share'),
  assumed: fc.constantFrom('full', 'empty'),
  outages: fc.array(fc.array(fc.integer({ min: 20, max: 6_000 }), { maxLength: 5 }), {
    minLength: PROCESSES,
    maxLength: PROCESSES,
  }),
  deaths: fc.array(fc.integer({ min: 0, max: 19_000 }), { maxLength: 3 }),
  lossAt: fc.option(fc.integer({ min: 0, max: 19_000 }), { nil: undefined }),
  jitterMs: fc.constantFrom(0, 5, 300),
  seed: fc.integer({ min: 1, max: 2 ** 31 - 2 }),
});

/** Park and Miller's. */
const drawn = (seed: number) => {
  let state = seed;
  return (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
};

class Fleet {
  readonly clock = new FakeClock();
  readonly arrivals: number[] = [];
  granted = 0;
  model = new StartModel();
  readonly #world: World;
  readonly #chance: (below: number) => number;

  constructor(world: World) {
    this.#world = world;
    this.#chance = drawn(world.seed);
  }

  /** Until when this process cannot reach Redis; the present when it can. */
  #unreachableUntil(place: number): number {
    const now = this.clock.now();
    let at = 0;
    for (const [i, length] of this.#world.outages[place]!.entries()) {
      at += length;
      if (now < at) return i % 2 === 1 ? at : now;
    }
    return now;
  }

  /** A question may take its time, get lost, or wait for the connection to be back, as clients let them. */
  client(place: number, isAlive: () => boolean): RedisClient {
    const ask = (...args: (string | number)[]): Promise<unknown> =>
      new Promise((resolve) => {
        const backAt = this.#unreachableUntil(place);
        const waitMs = backAt - this.clock.now() + this.#chance(12) * (this.#chance(20) === 0 ? 20 : 1);
        this.clock.after(waitMs, () => {
          if (!isAlive()) return;
          const answer = this.model.run(Math.round(this.clock.wall() * 1_000), args);
          if (this.#chance(30) > 0) this.clock.after(this.#chance(12), () => resolve(answer));
        });
      });
    return {
      evalsha: (_sha, _count, _key, ...args) => ask(...args),
      eval: (_text, _count, _key, ...args) => ask(...args),
    };
  }

  /** A process that always wants more. @returns by what it is killed */
  process(place: number): () => void {
    let alive = true;
    const { onLoss, assumed } = this.#world;
    const client = this.client(place, () => alive);
    const more = onLoss === 'share' ? { processes: PROCESSES, presentMs: 400 } : {};
    const { clock } = this;
    const rate = redisConnectionRate({ name: 'p', client, clock, ...FIGURES, onLoss, assumed, ...more });
    for (let i = 0; i < 5; i++) this.#dial(rate, () => alive);
    return () => {
      alive = false;
      rate.close();
    };
  }

  #dial(rate: RedisConnectionRate, isAlive: () => boolean): void {
    const signal = this.#chance(10) === 0 ? AbortSignal.abort() : undefined;
    rate.start(this.#chance(2) === 0 ? 'growth' : 'reconnect', signal).then(
      (start) => {
        this.granted++;
        this.#attempt(start, isAlive);
        if (isAlive()) this.#dial(rate, isAlive);
      },
      () => {
        if (isAlive()) this.clock.after(10, () => isAlive() && this.#dial(rate, isAlive));
      },
    );
  }

  /** What the provider sees of a dial, and when that is known here. */
  #attempt(start: Start, isAlive: () => boolean): void {
    if (!isAlive()) return;
    const { jitterMs } = this.#world;
    const fate = this.#chance(10);
    if (fate === 0) return start.cancelled();
    const hangs = fate <= 2;
    const thereMs = hangs ? FIGURES.attemptMs + this.#chance(FIGURES.lateMs) : this.#chance(jitterMs + 1);
    const knownMs = hangs ? FIGURES.attemptMs : thereMs + this.#chance(jitterMs + 1);
    this.arrivals.push(this.clock.now() + thereMs);
    this.clock.after(knownMs, () => {
      if (!isAlive()) return;
      if (hangs) start.lost();
      else start.settled();
    });
  }

  async run(): Promise<void> {
    const { deaths, lossAt = -1 } = this.#world;
    const killed = Array.from({ length: PROCESSES }, (_, place) => this.process(place));
    for (let ms = 0; ms < 20_000; ms += 50) {
      for (const at of deaths) {
        if (at < ms || at >= ms + 50) continue;
        const place = at % PROCESSES;
        killed[place]!();
        killed[place] = this.process(place);
      }
      if (lossAt >= ms && lossAt < ms + 50) this.model = new StartModel();
      await this.clock.run(50);
    }
    for (const kill of killed) kill();
  }
}

describe('a fleet that opens connections', () => {
  it('never exceeds a window at the provider, whoever loses Redis, when, and whatever dies (1) (2) (3)', async () => {
    let granted = 0;
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        // What an empty memory means is the user's word: Redis must not lose it then, nor a process that is alone.
        const { assumed, onLoss } = world;
        const safe =
          assumed === 'full' ? world : { ...world, lossAt: undefined, deaths: onLoss === 'share' ? [] : world.deaths };
        const fleet = new Fleet(safe);
        await fleet.run();
        granted += fleet.granted;
        const most = busiestWindow(
          fleet.arrivals.sort((a, b) => a - b),
          FIGURES.windowMs,
        );
        assert(most <= FIGURES.limit, `${most} of ${FIGURES.limit} in one window`);
      }),
      { numRuns: 40 },
    );
    assert(granted > 400, `it opens connections at all: ${granted}`);
  });

  it('uses the limit where nothing goes wrong, and most of it by shares while all are without Redis', async () => {
    for (const outages of [
      [[], [], []],
      [
        [6_000, 60_000],
        [6_000, 60_000],
        [6_000, 60_000],
      ],
    ]) {
      const seed = 7;
      const fleet = new Fleet({
        onLoss: 'share',
        assumed: 'empty',
        outages,
        deaths: [],
        lossAt: undefined,
        jitterMs: 0,
        seed,
      });
      await fleet.run();
      const last = fleet.arrivals.filter((at) => at >= 14_000).length;
      assert(last >= 10, `${last} of 18 in three windows`);
    }
  });
});
