/** The ledger against a Redis that sometimes hears, sometimes answers, sometimes neither. Numbers as in ledger.ts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { StartLedger } from '../../../src/adapters/redis/ledger.ts';

const WINDOW_MS = 100;
const GRAIN_MS = 4;
const LATE_MS = 30;

/** What the script does with a report, in plain words. */
class Heard {
  held = 0;
  settled: number | undefined;
  /** Weight, and until when it counts. */
  readonly entries: { weight: number; until: number }[] = [];

  hear([held, acked, base, , groups, ...rest]: number[], now: number): void {
    this.held = held!;
    let settled = this.settled ?? base!;
    const count = (weight: number, ageMs: number) => {
      if (weight > 0) this.entries.push({ weight, until: now - ageMs + WINDOW_MS });
    };
    count(acked! - settled, 0);
    settled = Math.max(settled, acked!, base!);
    for (let i = 0; i < groups!; i++) {
      count(rest[2 * i + 1]! - settled, rest[2 * i]! / 1_000);
      settled = Math.max(settled, rest[2 * i + 1]!);
    }
    this.settled = settled;
  }

  counts(now: number): number {
    return this.held + this.entries.reduce((sum, { weight, until }) => sum + (until > now ? weight : 0), 0);
  }
}

describe('the ledger of a process', () => {
  it('(1, 2, 3, 4) has Redis count every start for long enough, and none twice, whatever is lost on the way', () => {
    const steps = fc.array(
      fc.record({
        kind: fc.constantFrom(
          'begin',
          'begin',
          'settle',
          'settle',
          'lose',
          'cancel',
          'wait',
          'ask',
          'unheard',
          'unanswered',
        ),
        weight: fc.integer({ min: 1, max: 3 }),
        ms: fc.oneof(fc.nat(3), fc.nat(60)),
      }),
      { maxLength: 80, size: 'max' },
    );
    fc.assert(
      fc.property(steps, (path) => {
        const ledger = new StartLedger(WINDOW_MS, GRAIN_MS);
        const redis = new Heard();
        const held: number[] = [];
        const ended: { weight: number; at: number }[] = [];
        let now = 1_000;
        const counts = (slackMs: number) =>
          held.reduce((sum, weight) => sum + weight, 0) +
          ended.reduce((sum, { weight, at }) => sum + (at + WINDOW_MS + slackMs > now ? weight : 0), 0);
        for (const { kind, weight, ms } of path) {
          if (kind === 'wait') now += ms;
          else if (kind === 'begin') {
            ledger.begin(weight);
            held.push(weight);
          } else if (kind === 'ask' || kind === 'unanswered') {
            redis.hear(ledger.report(now, 0), now);
            if (kind === 'ask') ledger.acknowledge();
            assert.ok(redis.counts(now) >= counts(0), 'Redis counts too little');
            assert.ok(redis.counts(now) <= counts(GRAIN_MS), 'Redis counts something twice, or for too long');
          } else if (kind === 'unheard') ledger.report(now, 0);
          else if (held.length > 0) {
            const [of] = held.splice(0, 1) as [number];
            if (kind === 'cancel') ledger.cancel(of);
            else ledger.settle(of, now, kind === 'lose' ? LATE_MS : 0);
            if (kind !== 'cancel') ended.push({ weight: of, at: now + (kind === 'lose' ? LATE_MS : 0) });
          }
          assert.equal(
            ledger.held,
            held.reduce((sum, each) => sum + each, 0),
          );
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('has Redis count again what it had acknowledged and then lost, as a replica may that takes over', () => {
    const ledger = new StartLedger(WINDOW_MS, GRAIN_MS);
    const redis = new Heard();
    redis.hear(ledger.report(0, 0), 0);
    ledger.begin(3);
    ledger.settle(3, 10);
    const behind = new Heard();
    behind.settled = redis.settled;
    redis.hear(ledger.report(20, 0), 20);
    ledger.acknowledge();
    behind.hear(ledger.report(30, 0), 30);
    assert.deepEqual([redis.counts(30), behind.counts(30)], [3, 3]);
  });

  it('(4) does not grow while Redis is away', () => {
    const ledger = new StartLedger(WINDOW_MS, GRAIN_MS);
    let longest = 0;
    for (let now = 0; now < 10_000; now++) {
      ledger.begin(2);
      ledger.settle(1, now);
      ledger.settle(1, now, LATE_MS);
      if (now % 50 === 0) longest = Math.max(longest, ledger.report(now, 0).length);
    }
    assert.ok(longest < (4 * (WINDOW_MS + LATE_MS + 50)) / GRAIN_MS, `${longest} numbers`);
  });
});
