/** The states of a breaker: promises one by one, and a walk beside a model that remembers everything. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Breaker, type BreakerFigures, REFUSED } from '../../src/algo/breaker.ts';

const FIGURES: BreakerFigures = {
  consecutiveMax: 3,
  failureShare: 0.5,
  samplesMin: 10,
  windowMs: 10_000,
  failingMs: 0,
  openMs: 1_000,
  openMsMax: 8_000,
  jitter: 0,
  probesMax: 1,
  probesNeeded: 1,
};

function aBreaker(figures: Partial<BreakerFigures> = {}, random = () => 0) {
  const breaker = new Breaker({ ...FIGURES, ...figures }, random);
  const outcome = (kind: 'success' | 'failure', now: number, count = 1) => {
    for (let i = 0; i < count; i++) breaker[kind](breaker.admit(now), now);
  };
  return { breaker, outcome };
}

/** Opens it at `now` by failures in a row. */
function anOpenOne(now: number, figures: Partial<BreakerFigures> = {}, random?: () => number) {
  const made = aBreaker(figures, random);
  made.outcome('failure', now, 3);
  assert.equal(made.breaker.state, 'open');
  return made;
}

describe('a closed breaker', () => {
  it('opens with the last of so many failures in a row, not before', () => {
    const { breaker, outcome } = aBreaker();
    outcome('failure', 0, 2);
    assert.equal(breaker.state, 'closed');
    outcome('success', 0);
    outcome('failure', 0, 2);
    assert.equal(breaker.state, 'closed', 'a success ends the row');
    outcome('failure', 0);
    assert.deepEqual([breaker.state, breaker.reason], ['open', 'consecutive']);
  });

  it('takes all attempts of one call for one in the row, and each of them for the share', () => {
    const { breaker } = aBreaker({ samplesMin: 6 });
    breaker.failure(breaker.admit(0), 0);
    for (let i = 0; i < 4; i++) breaker.failure(breaker.admit(0), 0, true);
    assert.deepEqual([breaker.state, breaker.consecutive(0), breaker.samples(0)], ['closed', 1, 5]);
    breaker.failure(breaker.admit(0), 0, true);
    assert.deepEqual([breaker.state, breaker.reason], ['open', 'share']);
  });

  it('opens when the share of failures is reached, and not before enough is known', () => {
    const { breaker, outcome } = aBreaker({ consecutiveMax: Number.POSITIVE_INFINITY });
    for (let i = 0; i < 4; i++) {
      outcome('success', i);
      outcome('failure', i);
    }
    outcome('success', 5);
    assert.equal(breaker.state, 'closed');
    outcome('failure', 5);
    assert.deepEqual([breaker.state, breaker.reason], ['open', 'share']);
  });

  it('stays closed below the share, however many fail', () => {
    const { breaker, outcome } = aBreaker();
    for (let i = 0; i < 1_000; i++) {
      outcome('success', i);
      outcome('success', i);
      outcome('failure', i);
    }
    assert.equal(breaker.state, 'closed');
    assert.equal(breaker.failures(999), 1_000);
  });

  it('forgets failures by the clock: an hour of silence leaves nothing, in a row or not', () => {
    const { breaker, outcome } = aBreaker({ consecutiveMax: 100 });
    outcome('failure', 0, 9);
    outcome('failure', 3_600_000, 1);
    assert.deepEqual([breaker.consecutive(3_600_000), breaker.samples(3_600_000)], [1, 1]);
    assert.equal(breaker.state, 'closed');
    const other = aBreaker();
    other.outcome('failure', 0, 2);
    other.outcome('failure', 10_001, 2);
    assert.equal(other.breaker.state, 'closed');
    other.outcome('failure', 20_001);
    assert.equal(other.breaker.state, 'open', 'what is no older than the window counts');
  });

  it('is not opened by what has not lasted: a restart fails all that is under way in one instant', () => {
    const { breaker, outcome } = aBreaker({ failingMs: 1_000 });
    outcome('success', 0, 10);
    outcome('failure', 100, 500);
    outcome('failure', 1_099, 500);
    assert.equal(breaker.state, 'closed');
    outcome('failure', 1_100);
    assert.deepEqual([breaker.state, breaker.reason], ['open', 'consecutive']);
  });

  it('counts the length of a row from its first failure, and begins anew with every success', () => {
    const { breaker, outcome } = aBreaker({ failingMs: 1_000, failureShare: 2 });
    for (let at = 0; at < 5_000; at += 500) {
      outcome('failure', at, 3);
      outcome('failure', at + 400, 3);
      outcome('success', at + 450);
    }
    assert.equal(breaker.state, 'closed');
    outcome('failure', 5_000);
    outcome('failure', 15_001, 5); // the row before it is forgotten
    assert.equal(breaker.state, 'closed');
    outcome('failure', 16_001);
    assert.equal(breaker.state, 'open');
  });

  it('counts the length of a share from when there was a failure at all', () => {
    const { breaker, outcome } = aBreaker({ failingMs: 1_000, consecutiveMax: Number.POSITIVE_INFINITY });
    outcome('failure', 0, 20);
    outcome('success', 999);
    outcome('failure', 999);
    assert.equal(breaker.state, 'closed');
    outcome('failure', 1_000);
    assert.deepEqual([breaker.state, breaker.reason], ['open', 'share']);
  });

  it('hears nothing from calls that say nothing', () => {
    const { breaker, outcome } = aBreaker();
    outcome('failure', 0, 2);
    breaker.neither(breaker.admit(0));
    assert.deepEqual([breaker.consecutive(0), breaker.samples(0)], [2, 2]);
  });
});

describe('an open breaker', () => {
  it('lets nothing through before its wait is over, and then one probe', () => {
    const { breaker } = anOpenOne(50);
    assert.equal(breaker.probeMs(50), 1_000);
    assert.equal(breaker.admit(1_049.9), REFUSED);
    assert.equal(breaker.state, 'open');
    assert.notEqual(breaker.admit(1_050), REFUSED);
    assert.equal(breaker.state, 'half-open');
    assert.equal(breaker.admit(1_050), REFUSED);
  });

  it('takes no notice of calls that began before it opened, however they end and whenever', () => {
    const { breaker } = aBreaker();
    const early = Array.from({ length: 6 }, () => breaker.admit(0));
    for (const pass of early.slice(0, 3)) breaker.failure(pass, 0);
    assert.equal(breaker.state, 'open');
    breaker.failure(early[3]!, 900);
    assert.equal(breaker.probeMs(900), 100, 'the wait is not longer for it');
    breaker.success(early[4]!, 999);
    assert.equal(breaker.state, 'open');
    const probe = breaker.admit(1_000);
    breaker.success(early[4]!, 1_000);
    breaker.failure(early[5]!, 1_000);
    breaker.neither(early[3]!);
    assert.equal(breaker.state, 'half-open');
    assert.equal(breaker.admit(1_000), REFUSED, 'an old call frees no place for a probe');
    breaker.success(probe, 1_000);
    assert.equal(breaker.state, 'closed');
    breaker.failure(early[5]!, 1_000);
    assert.equal(breaker.consecutive(1_000), 0);
  });

  it('waits twice as long after each failed probe, up to the cap', () => {
    const { breaker } = anOpenOne(0);
    const waits: number[] = [breaker.openMs];
    let now = 0;
    for (let i = 0; i < 5; i++) {
      now += breaker.openMs;
      breaker.failure(breaker.admit(now), now);
      assert.deepEqual([breaker.state, breaker.reason], ['open', 'probe']);
      waits.push(breaker.openMs);
    }
    assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  });

  it('does not begin anew when it opens again soon, only after a whole window closed', () => {
    const { breaker, outcome } = anOpenOne(0);
    outcome('success', 1_000);
    assert.equal(breaker.state, 'closed');
    outcome('failure', 10_999, 3);
    assert.equal(breaker.openMs, 2_000);
    outcome('success', 12_999);
    outcome('failure', 22_999, 3);
    assert.equal(breaker.openMs, 1_000);
  });

  it('takes jitter off its waits, never adds to them', () => {
    assert.equal(anOpenOne(0, { jitter: 0.5 }, () => 0).breaker.openMs, 1_000);
    assert.equal(anOpenOne(0, { jitter: 0.5 }, () => 0.5).breaker.openMs, 750);
    assert.equal(anOpenOne(0, { jitter: 1 }, () => 0.25).breaker.openMs, 750);
  });

  it('is closed at once by a reset, with nothing remembered', () => {
    const { breaker, outcome } = anOpenOne(0);
    breaker.failure(breaker.admit(1_000), 1_000);
    breaker.reset(1_500);
    assert.deepEqual([breaker.state, breaker.consecutive(1_500), breaker.samples(1_500)], ['closed', 0, 0]);
    outcome('failure', 1_500, 3);
    assert.equal(breaker.openMs, 1_000, 'the waits begin anew');
  });
});

describe('a half-open breaker', () => {
  it('closes with nothing remembered once as many probes as needed have succeeded', () => {
    const { breaker, outcome } = anOpenOne(0, { probesMax: 2, probesNeeded: 3 });
    const [a, b] = [breaker.admit(1_000), breaker.admit(1_000)];
    assert.equal(breaker.admit(1_000), REFUSED);
    breaker.success(a, 1_000);
    const c = breaker.admit(1_000);
    assert.equal(breaker.admit(1_000), REFUSED);
    breaker.success(b, 1_000);
    assert.equal(breaker.admit(1_000), REFUSED, 'a fourth would prove nothing');
    breaker.success(c, 1_000);
    assert.equal(breaker.state, 'closed');
    outcome('failure', 1_000, 2);
    assert.equal(breaker.state, 'closed');
  });

  it('lets another probe through when one said nothing', () => {
    const { breaker } = anOpenOne(0);
    breaker.neither(breaker.admit(1_000));
    assert.equal(breaker.state, 'half-open');
    breaker.success(breaker.admit(1_000), 1_000);
    assert.equal(breaker.state, 'closed');
  });

  it('opens again when a probe has no outcome for as long as the first wait', () => {
    const { breaker } = anOpenOne(0);
    const lost = breaker.admit(5_000);
    assert.equal(breaker.admit(5_999), REFUSED);
    assert.equal(breaker.state, 'half-open');
    assert.equal(breaker.admit(6_000), REFUSED);
    assert.deepEqual([breaker.state, breaker.reason, breaker.probeMs(6_000)], ['open', 'silence', 2_000]);
    breaker.success(lost, 6_500);
    assert.equal(breaker.state, 'open');
  });
});

it('a breaker may be forgotten when it is closed, or nobody came for a window after its wait', () => {
  assert(aBreaker().breaker.forgettable(0));
  const { breaker } = anOpenOne(0);
  assert(!breaker.forgettable(11_000));
  assert(breaker.forgettable(11_001));
  breaker.admit(20_000);
  assert(!breaker.forgettable(30_000));
  assert(breaker.forgettable(30_001));
});

interface Past {
  readonly era: number;
  readonly at: number;
  readonly failed: boolean;
}

/** The same rules by looking at everything that ever happened; slow, and with nothing to keep up to date. */
class Model {
  state: 'closed' | 'open' | 'half-open' = 'closed';
  era = 0;
  probeAt = 0;
  past: Past[] = [];
  underWay: number[] = [];
  openings = 0;
  closedAt = Number.NEGATIVE_INFINITY;
  readonly #of: BreakerFigures;

  constructor(figures: BreakerFigures) {
    this.#of = figures;
  }

  #enter(state: Model['state']): void {
    this.state = state;
    this.era++;
  }

  open(now: number): void {
    if (this.state === 'closed' && now - this.closedAt >= this.#of.windowMs) this.openings = 0;
    this.probeAt = now + Math.min(this.#of.openMs * 2 ** this.openings, this.#of.openMsMax);
    this.openings++;
    this.#enter('open');
  }

  admits(now: number): boolean {
    if (this.state === 'open' && now >= this.probeAt) this.#enter('half-open');
    if (this.state === 'open') return false;
    if (this.state === 'closed') return true;
    const probes = this.underWay.filter((era) => era === this.era).length;
    const { probesMax, probesNeeded } = this.#of;
    return probes < probesMax && probes + this.present().length < probesNeeded;
  }

  present(): Past[] {
    return this.past.filter(({ era }) => era === this.era);
  }

  record(era: number, failed: boolean, now: number): void {
    if (era !== this.era) return;
    this.past.push({ era, at: now, failed });
    if (this.state === 'half-open') {
      if (failed) this.open(now);
      else if (this.present().length >= this.#of.probesNeeded) this.close(now);
    } else if (failed && this.#tooMany(now)) {
      this.open(now);
    }
  }

  close(now: number): void {
    this.closedAt = now;
    this.#enter('closed');
  }

  #tooMany(now: number): boolean {
    const { windowMs, consecutiveMax, failureShare, samplesMin, failingMs } = this.#of;
    const present = this.present();
    let row = 0;
    let rowSince = now;
    for (let i = present.length - 1; i >= 0 && present[i]!.failed; i--) {
      row++;
      rowSince = present[i]!.at;
      if (i > 0 && present[i]!.at - present[i - 1]!.at > windowMs) break;
    }
    const slotOf = (at: number) => Math.floor(at / (windowMs / 10));
    const recent = present.filter(({ at }) => slotOf(at) > slotOf(now) - 10);
    const failed = recent.filter((one) => one.failed).length;
    const lasts = (since: number) => now - since >= failingMs;
    if (row >= consecutiveMax && lasts(rowSince)) return true;
    return recent.length >= samplesMin && failed / recent.length >= failureShare && lasts(this.#illSince(slotOf));
  }

  /** The first failure after a time in which, whenever one came, none was left in the window. */
  #illSince(slotOf: (at: number) => number): number {
    const failures = this.present().filter(({ failed }) => failed);
    const gap = failures.findLastIndex(({ at }, i) => i > 0 && slotOf(failures[i - 1]!.at) <= slotOf(at) - 10);
    return failures[Math.max(gap, 0)]!.at;
  }
}

it('walks as its model does, and keeps its invariants at every step', () => {
  const step = fc.record({
    kind: fc.constantFrom('begin', 'begin', 'success', 'failure', 'failure', 'failure', 'neither', 'wait', 'reset'),
    ms: fc.oneof(fc.nat(200), fc.nat(3_000), fc.nat(30_000)),
    pick: fc.nat(50),
  });
  const figures = fc.record({
    consecutiveMax: fc.constantFrom(2, 5, 1_000),
    failureShare: fc.constantFrom(0.3, 0.5, 2),
    samplesMin: fc.constantFrom(1, 6),
    failingMs: fc.constantFrom(0, 150, 2_000),
    probesMax: fc.constantFrom(1, 2),
    probesNeeded: fc.constantFrom(1, 3),
  });
  let opened = 0;
  const verifyProbes = ({ probesMax }: BreakerFigures, model: Model) => {
    const probes = model.underWay.filter((era) => era === model.era).length;
    assert(model.state !== 'half-open' || probes <= probesMax, '(1) probes under way');
  };
  fc.assert(
    fc.property(figures, fc.array(step, { maxLength: 150, size: 'max' }), (some, path) => {
      const all = { ...FIGURES, ...some };
      const breaker = new Breaker(all, () => 0);
      const model = new Model(all);
      const passes: number[] = [];
      let now = 0;
      let probedAt = 0;
      for (const { kind, ms, pick } of path) {
        if (kind === 'wait') now += ms;
        else if (kind === 'begin') {
          const silent = () => model.state === 'half-open' && now - probedAt >= all.openMs;
          const admitted = model.admits(now);
          const pass = breaker.admit(now);
          assert.equal(pass !== REFUSED, admitted, '(1) and (2): admission');
          if (admitted) {
            passes.push(pass);
            model.underWay.push(model.era);
            probedAt = now;
          } else if (silent()) model.open(now); // (5)
        } else if (kind === 'reset') {
          if (pick > 5) continue;
          breaker.reset(now);
          model.close(now);
          model.openings = 0;
        } else if (passes.length > 0) {
          const at = pick % passes.length;
          const [pass] = passes.splice(at, 1);
          const [era] = model.underWay.splice(at, 1);
          if (kind === 'neither') breaker.neither(pass!);
          else {
            breaker[kind](pass!, now);
            model.record(era!, kind === 'failure', now);
          }
        }
        assert.equal(breaker.state, model.state, `after ${kind}`);
        if (model.state === 'open') {
          opened++;
          assert.equal(breaker.probeMs(now), Math.max(model.probeAt - now, 0), '(4) the wait');
        }
        verifyProbes(all, model);
      }
    }),
    { numRuns: 2_000 },
  );
  assert(opened > 1_000, 'the walks have been where it matters');
});
