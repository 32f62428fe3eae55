/**
 * Any schedule of wishes, latencies, failures, losses, aborts, pauses and crashes, on a clock that stands still; the
 * provider counts each connection at some instant before its answer. The same schedules find a fault that is put in.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CONNECTION_RATE_DEFAULTS, ConnectionRate } from '../../src/pool/connection-rate.ts';
import type { Start } from '../../src/pool/start-gate.ts';
import type { StartRecord, StartStore } from '../../src/pool/start-store.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { busiestWindow } from '../adapters/redis/counting-server.ts';

const [LIMIT, WINDOW_MS, ATTEMPT_MS, LATE_MS] = [4, 1_000, 300, 80];

type Step =
  | {
      readonly what: 'dial';
      readonly fate: Fate;
      readonly thereMs: number;
      readonly backMs: number;
      readonly stays: number;
    }
  | { readonly what: 'wait'; readonly ms: number }
  | { readonly what: 'penalise'; readonly ms: number }
  | { readonly what: 'crash'; readonly ms: number };
type Fate = 'settled' | 'thrownOut' | 'lost' | 'cancelled';

const latency = fc.integer({ min: 0, max: ATTEMPT_MS / 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      what: fc.constant('dial' as const),
      fate: fc.constantFrom<Fate>('settled', 'settled', 'settled', 'thrownOut', 'lost', 'cancelled'),
      thereMs: latency,
      backMs: latency,
      /** How long it is waited for before it is aborted. */
      stays: fc.constantFrom(0, 200, 5_000, 5_000),
    }),
  },
  { weight: 5, arbitrary: fc.record({ what: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 1_200 }) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('penalise' as const), ms: fc.integer({ min: 0, max: 500 }) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('crash' as const), ms: fc.integer({ min: 0, max: 400 }) }) },
);
const schedules = fc.record({
  steps: fc.array(step, { maxLength: 60, size: 'max' }),
  reserve: fc.integer({ min: 0, max: 3 }),
});

type Schedule = typeof schedules extends fc.Arbitrary<infer T> ? T : never;

/** Put in on purpose, to see that it is found. */
type Fault = 'stamped at the grant' | 'free when lost' | 'forgotten by a crash' | undefined;

class Memory implements StartStore {
  readonly #records = new Map<string, { grantedAt: number; settledAt: number | undefined }>();
  #run = 0;

  read(): readonly StartRecord[] {
    this.#run++;
    return [...this.#records.values()];
  }
  granted(id: number, wallMs: number): void {
    this.#records.set(`${this.#run}.${id}`, { grantedAt: wallMs, settledAt: undefined });
  }
  settled(id: number, wallMs: number): void {
    this.#records.get(`${this.#run}.${id}`)!.settledAt = wallMs;
  }
  cancelled(id: number): void {
    this.#records.delete(`${this.#run}.${id}`);
  }
}

/** @returns the most the provider counted in any window, and how many in all */
async function played({ steps, reserve }: Schedule, fault: Fault): Promise<{ most: number; count: number }> {
  const clock = new FakeClock();
  const arrivals: number[] = [];
  let store = new Memory();
  const figures = { limit: LIMIT, windowMs: WINDOW_MS, attemptMs: ATTEMPT_MS, lateMs: LATE_MS, reserve };
  const options = { ...CONNECTION_RATE_DEFAULTS, ...figures, penaltyMs: 100, resetMs: 10, name: 'provider' };
  const aRate = (): ConnectionRate => new ConnectionRate(options, { clock, store });
  let rate = aRate();

  const attempt = (start: Start, { fate, thereMs, backMs }: Extract<Step, { what: 'dial' }>, owner: ConnectionRate) => {
    if (fate === 'cancelled') return start.cancelled();
    if (fault === 'stamped at the grant') start.settled();
    const hangs = fate === 'lost';
    arrivals.push(clock.now() + (hangs ? ATTEMPT_MS + (backMs % LATE_MS) : thereMs));
    clock.after(hangs ? ATTEMPT_MS : thereMs + backMs, () => {
      if (owner !== rate) return; // the process has died: nobody is there to say so
      if (hangs && fault === 'free when lost') start.cancelled();
      else start[fate]();
    });
  };

  for (const [i, each] of steps.entries()) {
    if (each.what === 'wait') await clock.run(each.ms);
    else if (each.what === 'penalise') rate.penalise(each.ms);
    else if (each.what === 'crash') {
      const died = rate;
      if (fault === 'forgotten by a crash') store = new Memory();
      rate = aRate();
      died.close();
      await clock.run(each.ms);
    } else {
      const [owner, caller] = [rate, new AbortController()];
      owner.start(i % 2 === 0 ? 'growth' : 'reconnect', caller.signal).then(
        (start) => attempt(start, each, owner),
        (error) => assert(['ABORTED', 'CLOSED'].includes(error.code)),
      );
      clock.after(each.stays, () => caller.abort());
    }
    const { used, waiting } = rate.snapshot();
    assert(used <= LIMIT && waiting <= options.waitersMax);
  }
  await clock.run(12_000);
  rate.close();
  return {
    most: busiestWindow(
      arrivals.sort((a, b) => a - b),
      WINDOW_MS,
    ),
    count: arrivals.length,
  };
}

describe('a storm of connections', () => {
  it('exceeds no window at the provider, whatever comes late, fails, hangs, is aborted or crashes', async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(schedules, async (schedule) => {
        const { most, count: opened } = await played(schedule, undefined);
        count += opened;
        assert(most <= LIMIT, `${most} of ${LIMIT} in one window`);
      }),
      { numRuns: 400 },
    );
    assert(count > 1_000, `connections are opened at all: ${count}`);
  });

  for (const fault of ['stamped at the grant', 'free when lost', 'forgotten by a crash'] as const) {
    it(`would exceed one if starts were ${fault}: these schedules find it`, async () => {
      const holds = fc.asyncProperty(schedules, async (schedule) => (await played(schedule, fault)).most <= LIMIT);
      const { failed } = await fc.check(holds, { numRuns: 1_000, endOnFailure: true });
      assert.equal(failed, true);
    });
  }
});
