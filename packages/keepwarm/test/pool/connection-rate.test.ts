import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  CONNECTION_RATE_DEFAULTS,
  ConnectionRate,
  type ConnectionRateOptions,
} from '../../src/pool/connection-rate.ts';
import type { Start } from '../../src/pool/start-gate.ts';
import type { StartRecord, StartStore } from '../../src/pool/start-store.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { isHeard } from '../core/heard.ts';

const OPTIONS: ConnectionRateOptions = {
  ...CONNECTION_RATE_DEFAULTS,
  name: 'provider',
  limit: 6,
  windowMs: 2_000,
  reserve: 1,
  lateMs: 100,
  attemptMs: 500,
  penaltyMs: 700,
  assumed: 'empty',
};

const ended = (error: { code?: string }): void => assert.equal(error.code, 'CLOSED', 'the run is over');
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What a file would keep. */
class Memory implements StartStore {
  readonly records = new Map<number, { grantedAt: number; settledAt: number | undefined }>();
  broken = false;
  #run = 0;

  read(): readonly StartRecord[] {
    this.#run += 1_000_000; // ids of another run are other ids
    return [...this.records.values()];
  }
  granted(id: number, wallMs: number): void {
    if (this.broken) throw new Error('the disk is full');
    this.records.set(this.#run + id, { grantedAt: wallMs, settledAt: undefined });
  }
  settled(id: number, wallMs: number): void {
    const record = this.records.get(this.#run + id);
    if (record !== undefined) record.settledAt = wallMs;
  }
  cancelled(id: number): void {
    this.records.delete(this.#run + id);
  }
}

/** The most that any half-open window holds. */
function busiest(arrivals: readonly number[], windowMs: number): number {
  const sorted = [...arrivals].sort((a, b) => a - b);
  let most = 0;
  for (let from = 0, to = 0; to < sorted.length; to++) {
    while (sorted[to]! - sorted[from]! >= windowMs) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

function aRate(options: Partial<ConnectionRateOptions> = {}, store?: StartStore) {
  const clock = new FakeClock();
  return { clock, rate: new ConnectionRate({ ...OPTIONS, ...options }, { clock, store }) };
}

describe('the gate in front of dials', () => {
  it('grants up to the limit at once, and the rest as places come free, in order', async () => {
    const { clock, rate } = aRate({ reserve: 0 });
    let last: Promise<void> | undefined;
    const granted: number[] = [];
    const starts: Start[] = [];
    for (let i = 0; i < 9; i++) {
      const start = rate.start('growth').then((each) => {
        granted.push(i);
        starts.push(each);
      });
      if (i === 8) last = assert.rejects(start, { code: 'CLOSED' });
    }
    await settle();
    assert.deepEqual(granted, [0, 1, 2, 3, 4, 5]);
    for (const start of starts.slice(0, 2)) start.settled();
    await clock.run(1_999);
    assert.equal(granted.length, 6, 'what is under way holds its place, what was settled counts');
    await clock.run(2);
    assert.deepEqual(granted, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.equal(rate.snapshot().waiting, 1);
    rate.close();
    await last;
  });

  it('takes reconnects first, and keeps places for them', async () => {
    const { clock, rate } = aRate({ reserve: 2 });
    const order: string[] = [];
    const ask = (kind: 'growth' | 'reconnect', name: string): void =>
      void rate.start(kind).then((start) => {
        order.push(name);
        start.settled();
      });
    for (let i = 0; i < 6; i++) ask('growth', `g${i}`);
    await settle();
    assert.deepEqual(order, ['g0', 'g1', 'g2', 'g3']);
    for (let i = 0; i < 4; i++) ask('reconnect', `r${i}`);
    await settle();
    assert.deepEqual(order.slice(4), ['r0', 'r1']);
    await clock.run(2_001);
    assert.deepEqual(order.slice(6), ['r2', 'r3', 'g4', 'g5']);
    rate.close();
  });

  it('lets no newcomer overtake, though a place is free and the timer has not rung yet', async () => {
    const { clock, rate } = aRate({ limit: 1, reserve: 0 });
    await clock.run(0.5);
    (await rate.start('growth')).settled();
    await clock.run(0.5);
    const order: string[] = [];
    const ask = (name: string): void =>
      void rate.start('growth').then(
        () => order.push(name),
        () => order.push('-'),
      );
    ask('first');
    await clock.run(1_999.7); // the place is free since 0.2 ms
    ask('newcomer');
    await clock.run(1);
    rate.close();
    await settle();
    assert.deepEqual(order, ['first', '-']);
  });

  it('opens nothing for a while after the provider had too much', async () => {
    const { clock, rate } = aRate();
    rate.penalise();
    let granted = false;
    void rate.start('reconnect').then(() => {
      granted = true;
    });
    await clock.run(699);
    assert.equal(granted, false);
    assert.equal(rate.snapshot().penalties, 1);
    await clock.run(2);
    assert.equal(granted, true);
    rate.close();
  });

  it('pauses for twice as long each time in a row, or for as long as the provider asks, up to a cap (6)', async () => {
    const { clock, rate } = aRate({ penaltyMsMax: 2_000 });
    const lengths: number[] = [];
    for (const asked of [undefined, undefined, undefined, 1_500, 90_000]) {
      rate.penalise(asked);
      const { pausedMs } = rate.snapshot();
      lengths.push(pausedMs);
      await clock.run(pausedMs);
    }
    assert.deepEqual(lengths, [700, 1_400, 2_000, 1_500, 2_000]);
    assert.equal(rate.snapshot().penalties, 5);
    rate.close();
  });

  it('pauses, more shortly, when a connection is thrown out as soon as it is there (6)', async () => {
    const { clock, rate } = aRate({ reserve: 0, resetMs: 50 });
    const starts = await Promise.all(Array.from({ length: 3 }, () => rate.start('growth')));
    for (const start of starts) start.thrownOut();
    assert.deepEqual([rate.snapshot().used, rate.snapshot().underWay], [3, 0], 'the provider has counted them');
    assert.equal(rate.snapshot().pausedMs, 50, 'one wave');
    let granted = 0;
    void rate.start('reconnect').then((start) => {
      granted++;
      start.thrownOut();
    });
    await clock.run(49);
    assert.equal(granted, 0);
    await clock.run(2);
    assert.equal(granted, 1);
    assert(rate.snapshot().pausedMs > 90, 'twice as long now');
    rate.close();
  });

  it('lets go of whoever does not want to wait any more, and counts nothing for them', async () => {
    const { clock, rate } = aRate({ limit: 1, reserve: 0 });
    const first = await rate.start('growth');
    const caller = new AbortController();
    const waiting = assert.rejects(rate.start('growth', caller.signal), { code: 'ABORTED', reach: 'unsent' });
    caller.abort(new Error('gone'));
    await waiting;
    await assert.rejects(rate.start('growth', caller.signal), { code: 'ABORTED' });
    first.cancelled();
    first.settled();
    assert.equal(rate.snapshot().used, 0, 'the first word counts');
    (await rate.start('growth')).settled();
    assert.equal(clock.sleeping, 0, 'no timer is left behind');
    rate.close();
  });

  it('remembers in its store what was settled, and not what was cancelled', async () => {
    const store = new Memory();
    const { rate } = aRate({}, store);
    const [cancelled, settled] = [await rate.start('growth'), await rate.start('growth')];
    cancelled.cancelled();
    settled.settled();
    const kept = [...store.records.values()].map(({ settledAt }) => settledAt !== undefined);
    assert.deepEqual(kept, [true]);
    rate.close();
  });

  it('keeps nothing on the signal of whoever has got a start, or is refused one', async () => {
    const { clock, rate } = aRate({ limit: 1, reserve: 0 });
    const first = await rate.start('growth');
    const [served, refused] = [new AbortController().signal, new AbortController().signal];
    const start = rate.start('growth', served);
    const closed = assert.rejects(rate.start('growth', refused), { code: 'CLOSED', reach: 'unsent' });
    assert.equal(isHeard(served), true);
    first.cancelled();
    (await start).settled();
    rate.close();
    await closed;
    assert.deepEqual([isHeard(served), isHeard(refused), clock.sleeping], [false, false, 0]);
  });

  it('refuses more than may wait, and everybody once it is closed', async () => {
    const { clock, rate } = aRate({ limit: 1, reserve: 0, waitersMax: 1 });
    await rate.start('growth');
    const waiting = assert.rejects(rate.start('growth'), { code: 'CLOSED' });
    await assert.rejects(rate.start('growth'), { code: 'SATURATED', reach: 'unsent', value: 1 });
    rate.close();
    rate.close();
    await waiting;
    await assert.rejects(rate.start('reconnect'), { code: 'CLOSED', reach: 'unsent' });
    assert.equal(clock.sleeping, 0, 'no timer is left behind');
  });

  it('opens nothing that it cannot record', async () => {
    const store = new Memory();
    const { rate } = aRate({}, store);
    store.broken = true;
    await assert.rejects(rate.start('growth'), { code: 'CONNECT', reach: 'unsent' });
    assert.equal(rate.snapshot().used, 0);
    rate.close();
  });
});

/** A provider that counts, under demand that never ends: what it saw, run by run. */
const STORM = fc.record({
  seed: fc.infiniteStream(fc.integer({ min: 0, max: 999_999 })),
  jitterMs: fc.constantFrom(0, 5, 300),
  runs: fc.array(fc.integer({ min: 1, max: 6_000 }), { minLength: 1, maxLength: 4 }),
  reserve: fc.integer({ min: 0, max: 5 }),
});

describe('the provider', () => {
  it('never counts more than the limit in any window, in a storm, with jitter, losses, crashes (1) (3)', async () => {
    await fc.assert(
      fc.asyncProperty(STORM, async ({ seed, jitterMs, runs, reserve }) => {
        const chance = (below: number): number => seed.next().value % below;
        const clock = new FakeClock();
        const store = new Memory();
        const arrivals: number[] = [];
        for (const lengthMs of runs) {
          const rate = new ConnectionRate({ ...OPTIONS, reserve }, { clock, store });
          let alive = true;
          const dial = async (): Promise<void> => {
            const start = await rate.start(chance(2) === 0 ? 'growth' : 'reconnect');
            const outcome = chance(10);
            if (outcome === 0) start.cancelled();
            else {
              const connectMs = chance(jitterMs + 1);
              const backMs = chance(jitterMs + 1);
              const now = clock.now();
              // A dial that hangs is given up after attemptMs; what it sent may arrive until lateMs after that.
              const hangs = outcome <= 3;
              arrivals.push(now + (hangs ? OPTIONS.attemptMs + chance(OPTIONS.lateMs) : connectMs));
              // A process that dies leaves it where it is: it has arrived, or still will.
              clock.after(hangs ? OPTIONS.attemptMs : connectMs + backMs, () => {
                if (!alive) return;
                if (hangs) start.lost();
                else start.settled();
              });
            }
            if (alive) clock.after(1, () => void (alive && dial().catch(ended)));
          };
          for (let i = 0; i < 4; i++) dial().catch(ended);
          for (let ms = 0; ms < lengthMs; ms += 250) await clock.run(Math.min(250, lengthMs - ms));
          alive = false;
          rate.close();
          await clock.run(chance(400));
        }
        const most = busiest(arrivals, OPTIONS.windowMs);
        assert(most <= OPTIONS.limit, `${most} of ${OPTIONS.limit} in one window`);
      }),
      { numRuns: 400 },
    );
  });

  it('counts what was lost just before a crash for as long as it may still be on its way', async () => {
    const clock = new FakeClock();
    const store = new Memory();
    const before = new ConnectionRate({ ...OPTIONS, limit: 1, reserve: 0 }, { clock, store });
    (await before.start('reconnect')).lost();
    await clock.run(10);
    before.close(); // what was lost may arrive 90 ms from now
    const rate = new ConnectionRate({ ...OPTIONS, limit: 1, reserve: 0 }, { clock, store });
    let startedAt: number | undefined;
    void rate.start('reconnect').then(() => {
      startedAt = clock.now();
    }, ended);
    await clock.run(90 + OPTIONS.windowMs - 1);
    assert.equal(startedAt, undefined);
    await clock.run(OPTIONS.lateMs);
    assert.notEqual(startedAt, undefined, 'and little longer');
    rate.close();
  });

  it('gets the whole of the limit, all the time, when the way there is short', async () => {
    const { clock, rate } = aRate({ reserve: 0 });
    const arrivals: number[] = [];
    const dial = (): void =>
      void rate.start('growth').then(
        (start) => {
          arrivals.push(clock.now());
          start.settled();
          dial();
        },
        () => {},
      ); // closed at the end
    for (let i = 0; i < 10; i++) dial();
    for (let i = 0; i < 40; i++) await clock.run(500);
    assert(arrivals.length >= 6 * 9, String(arrivals.length));
    assert.equal(busiest(arrivals, OPTIONS.windowMs), OPTIONS.limit);
    rate.close();
  });
});
