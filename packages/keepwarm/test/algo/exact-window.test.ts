/**
 * The window against a count by hand of every window there is. The numbers are those at the head of exact-window.ts.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ExactWindow } from '../../src/algo/exact-window.ts';

/** Instants are multiples of 1/8 ms, which doubles hold exactly: what is compared is the algorithm, not rounding. */
const TICK_MS = 1 / 8;

interface Start {
  readonly weight: number;
  readonly begunAt: number;
  /** Until when the peer may come to count it; `Infinity` while that is open. */
  countedBy: number;
}

/** The worst a peer can have seen in one window, if it counts each start at an instant of its choice. */
function worstWindow(starts: readonly Start[], windowMs: number): number {
  // A window's weight changes only where a start may be counted first or last: these starts of windows suffice.
  const from = starts.flatMap(({ begunAt, countedBy }) => [begunAt, countedBy - windowMs + TICK_MS, countedBy]);
  let worst = 0;
  for (const t of from) {
    let weight = 0;
    for (const start of starts) if (start.begunAt < t + windowMs && start.countedBy >= t) weight += start.weight;
    worst = Math.max(worst, weight);
  }
  return worst;
}

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom(
      'begin',
      'begin',
      'take',
      'settle',
      'settle',
      'lose',
      'cancel',
      'wait',
      'back',
      'waitUntilFit',
    ),
    weight: fc.integer({ min: 1, max: 4 }),
    ticks: fc.oneof(fc.nat(6), fc.nat(100)),
    pick: fc.nat(20),
  }),
  { maxLength: 60, size: 'max' },
);

describe('an exact window', () => {
  it('(1, 2, 3, 5) holds on any walk of starts, answers, losses and clock steps', () => {
    const world = fc.record({
      limit: fc.integer({ min: 1, max: 8 }),
      windowTicks: fc.integer({ min: 1, max: 40 }),
      lateTicks: fc.nat(30),
      path: steps,
    });
    fc.assert(
      fc.property(world, ({ limit, windowTicks, lateTicks, path }) => {
        const windowMs = windowTicks * TICK_MS;
        const lateMs = lateTicks * TICK_MS;
        const window = new ExactWindow({ limit, windowMs, lateMs });
        const starts: Start[] = [];
        const held: Start[] = [];
        let now = 1_000;
        let latest = now;
        const counting = () =>
          starts.reduce((sum, { weight, countedBy }) => sum + (countedBy + windowMs > latest ? weight : 0), 0);
        for (const { kind, weight, ticks, pick } of path) {
          latest = Math.max(latest, now);
          const start = { weight, begunAt: latest, countedBy: Number.POSITIVE_INFINITY };
          const fits = window.fits(weight, now);
          assert.equal(fits, counting() + weight <= limit, `(2) refused or granted wrongly at ${now}`);
          assert.equal(window.used(now), counting(), '(2) used');
          assert.equal(window.remaining(now), limit - counting());
          const fitsAt = window.fitsAt(weight, now);
          assert.ok(fitsAt >= latest);
          if (weight <= limit)
            assert.equal(fitsAt === latest, fits, '(3) what fits now fits at once, and nothing else');
          if (kind === 'begin') {
            if (!fits) continue;
            window.begin(weight, now);
            starts.push(start);
            held.push(start);
          } else if (kind === 'take') {
            assert.equal(window.take(weight, now), fits);
            if (fits) starts.push({ ...start, countedBy: latest });
          } else if (kind === 'wait') now += ticks * TICK_MS;
          else if (kind === 'back') now -= ticks * TICK_MS;
          else if (kind === 'waitUntilFit') {
            if (held.length > 0 || weight > limit) continue;
            if (fitsAt > latest) assert.ok(!window.fits(weight, fitsAt - TICK_MS), '(3) refused just before');
            assert.ok(window.fits(weight, fitsAt), '(3) granted at it');
            now = fitsAt;
          } else if (held.length > 0) {
            const [ended] = held.splice(pick % held.length, 1) as [Start];
            if (kind === 'settle') window.settle(ended.weight, now);
            else if (kind === 'lose') window.lose(ended.weight, now);
            else window.cancel(ended.weight);
            if (kind === 'cancel') starts.splice(starts.indexOf(ended), 1);
            else ended.countedBy = latest + (kind === 'lose' ? lateMs : 0);
          }
        }
        for (const start of held) start.countedBy = latest; // it is begun; that is all one knows
        assert.ok(worstWindow(starts, windowMs) <= limit, '(1) a window was exceeded');
      }),
      { numRuns: 3_000 },
    );
  });

  it('(1) never exceeds a window and wastes nothing in millions of greedy starts', () => {
    const limit = 500;
    const windowMs = 100;
    const window = new ExactWindow({ limit, windowMs });
    const startedAt = new Float64Array(limit);
    let starts = 0;
    let seed = 1;
    let now = 0;
    while (starts < 2_000_000) {
      const slot = starts % limit;
      if (window.take(1, now)) {
        if (starts >= limit) assert.ok(now - startedAt[slot]! >= windowMs, `start ${starts} makes ${limit + 1}`);
        startedAt[slot] = now;
        starts++;
        seed = (seed * 48_271) % 2_147_483_647; // the minimal standard generator (Park & Miller, 1988)
        if (seed % 3 === 0) now += (seed % 9) * TICK_MS;
      } else {
        const at = window.fitsAt(1, now);
        assert.equal(at, startedAt[slot]! + windowMs, '(3) the place of the oldest is the next to be free');
        now = at;
      }
    }
    assert.ok(window.used(now) <= limit);
  });

  it('(3) knows when several windows from now a long queue will have had its turn', () => {
    const window = new ExactWindow({ limit: 3, windowMs: 100 });
    const starts: number[] = [];
    window.take(1, 0);
    window.take(1, 40);
    const promised = [1, 2, 3, 4, 5, 6, 7, 8].map((weight) => window.fitsAt(weight, 50));
    for (let now = 50; starts.length < 8; now++) while (window.take(1, now)) starts.push(now);
    assert.deepEqual(starts, promised);
  });

  it('(4) keeps the memory of an enormous limit small, and errs on the safe side only', () => {
    const limit = 1_000_000;
    const windowMs = 1_000;
    const window = new ExactWindow({ limit, windowMs });
    const mirror: number[] = [];
    let oldest = 0;
    for (let i = 0; mirror.length < 2_500_000; i++) {
      const now = i / 1_024;
      while (oldest < mirror.length && mirror[oldest]! + windowMs <= now) oldest++;
      const used = window.used(now);
      assert.ok(used >= mirror.length - oldest, 'a start was forgotten before its time');
      assert.ok(used - (mirror.length - oldest) <= 64, 'by no more than what began within one grain');
      for (let burst = i % 4; burst >= 0; burst--) if (window.take(1, now)) mirror.push(now);
    }
  });

  it('lets a lower limit hold for what begins from then on', () => {
    const window = new ExactWindow({ limit: 5, windowMs: 100 });
    assert.ok(window.take(4, 0));
    window.limit = 2;
    assert.equal(window.remaining(10), 0);
    assert.equal(window.fitsAt(1, 10), 100);
    assert.ok(window.take(2, 100));
    assert.ok(!window.take(1, 100));
  });

  it('says when it will be empty', () => {
    const window = new ExactWindow({ limit: 5, windowMs: 100, lateMs: 50 });
    assert.equal(window.emptyAt(7), 7);
    window.take(1, 10);
    assert.equal(window.emptyAt(20), 110);
    window.begin(1, 20);
    assert.equal(window.emptyAt(30), 130, 'as if what is held were settled now');
    window.lose(1, 30);
    assert.equal(window.emptyAt(30), 180);
    assert.equal(window.emptyAt(90), 180, 'also once the late one is in the log');
  });

  it('refuses to begin what does not fit, or to settle what has not begun: that would be our mistake', () => {
    const window = new ExactWindow({ limit: 1, windowMs: 100 });
    window.begin(1, 0);
    assert.throws(() => window.begin(1, 0), /does not fit/);
    window.cancel(1);
    assert.throws(() => window.settle(1, 0), /settled than had begun/);
  });
});
