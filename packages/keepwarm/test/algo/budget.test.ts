import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BUDGET_DEFAULTS, type BudgetOptions, RetryBudget } from '../../src/algo/budget.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

const HOUR_MS = 3_600_000;

function aBudget(options: Partial<BudgetOptions> = {}, startMs = 0) {
  const clock = new FakeClock(startMs);
  const budget = new RetryBudget({ ...BUDGET_DEFAULTS, ...options }, clock);
  const deposit = (count: number) => {
    for (let i = 0; i < count; i++) budget.deposit();
  };
  /** How many of so many it grants. */
  const withdraw = (count: number) => Array.from({ length: count }, () => budget.withdraw()).filter(Boolean).length;
  return { clock, budget, deposit, withdraw };
}

describe('a retry budget', () => {
  it('grants its reserve to a client that has made no call yet', () => {
    const { withdraw } = aBudget();
    assert.equal(withdraw(1_000), 100, '10 per second over 10 s');
  });

  it('grants a fifth of the calls on top, no matter how its arithmetic rounds', () => {
    const { withdraw, deposit } = aBudget();
    deposit(1_000);
    assert.equal(withdraw(1_000), 300);
    for (const share of [0.1, 0.29, 0.3, 0.7, 0.9]) {
      const other = aBudget({ share, perSecond: 0 });
      other.deposit(100);
      assert.equal(other.withdraw(1_000), Math.round(share * 100), `share ${share}`);
    }
  });

  it('grants nothing that it was not made to grant', () => {
    const { withdraw, deposit } = aBudget({ share: 0, perSecond: 0 });
    deposit(10_000);
    assert.equal(withdraw(100), 0);
  });

  it('grants what can be done without from the first half only, and counts no refusal of it', () => {
    const { budget, deposit, withdraw } = aBudget();
    deposit(100);
    const spare = Array.from({ length: 500 }, () => budget.withdrawSpare()).filter(Boolean).length;
    assert.equal(spare, 60, 'of 120');
    assert.equal(budget.snapshot().refusals, 0);
    assert.equal(withdraw(500), 60, 'the rest is for failures');
    assert.equal(budget.withdrawSpare(), false);
    const odd = aBudget({ share: 0, perSecond: 0.1 }).budget;
    assert.deepEqual([odd.withdrawSpare(), odd.withdraw()], [false, true], 'the last one is for a failure');
  });

  it('lets a refused caller have what later calls bring', () => {
    const { withdraw, deposit } = aBudget({ perSecond: 0 });
    deposit(4);
    assert.equal(withdraw(1), 0);
    deposit(1);
    assert.equal(withdraw(2), 1, 'a refusal is not a debt');
  });

  it('counts a call for as long as its window, and a withdrawal for one slot longer', () => {
    const { clock, budget, deposit, withdraw } = aBudget();
    deposit(500);
    assert.equal(withdraw(200), 200);
    clock.advance(9_999);
    assert.equal(budget.balance, 0);
    clock.advance(1);
    assert.equal(budget.balance, 0, 'the calls are forgotten, what they were spent on is not');
    clock.advance(500);
    assert.equal(budget.balance, 100);
  });

  it('grants its reserve but once, wherever in a slot it was spent', () => {
    for (const offset of [0, 1, 250, 499, 499.9]) {
      const { clock, withdraw } = aBudget({}, 5_000 + offset);
      withdraw(1_000);
      clock.advance(9_999);
      assert.equal(withdraw(1), 0, `spent ${offset} ms into a slot`);
      clock.advance(501);
      assert.equal(withdraw(1_000), 100);
    }
  });

  it('has forgotten everything after an hour of silence', () => {
    const rich = aBudget();
    rich.deposit(1_000_000);
    rich.clock.advance(HOUR_MS);
    assert.equal(rich.budget.balance, 100);
    const poor = aBudget();
    poor.deposit(1_000);
    poor.withdraw(300);
    poor.clock.advance(HOUR_MS);
    assert.equal(poor.budget.balance, 100);
  });

  it('takes an instant that is past for the latest one seen', () => {
    const { clock, budget } = aBudget({ perSecond: 0 });
    clock.advance(60_000);
    budget.deposit();
    for (let i = 0; i < 9; i++) budget.deposit(10);
    assert.equal(budget.balance, 2);
    clock.advance(10_000);
    assert.equal(budget.balance, 0);
  });

  it('tells what it has done', () => {
    const { budget, deposit, withdraw } = aBudget();
    deposit(10);
    withdraw(103);
    assert.deepEqual(budget.snapshot(), { balance: 0, deposits: 10, withdrawals: 102, refusals: 1 });
  });
});

type Step = { readonly kind: 'deposit' | 'withdraw' | 'wait'; readonly amount: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('deposit' as const), amount: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ kind: fc.constant('withdraw' as const), amount: fc.integer({ min: 1, max: 40 }) }),
    fc.record({
      kind: fc.constant('wait' as const),
      amount: fc.oneof(
        fc.double({ min: 0, max: 40, noNaN: true }),
        fc.double({ min: 0, max: 700, noNaN: true }),
        fc.constantFrom(49, 50, 51, 999, 1_000, 1_001, 1_050, HOUR_MS),
      ),
    }),
  ),
  { minLength: 10, maxLength: 120, size: 'max' },
);

const options: fc.Arbitrary<BudgetOptions> = fc.record({
  share: fc.constantFrom(0, 0.05, 0.2, 0.5, 1, 2),
  perSecond: fc.constantFrom(0, 1, 3, 10),
  windowMs: fc.constantFrom(1_000, 2_000),
});

/** Instants of everything that happened, to be counted by hand. */
class Ledger {
  readonly #instants: number[] = [];

  add(instant: number): void {
    this.#instants.push(instant);
  }

  /** After `from`, up to now. */
  since(from: number): number {
    return this.#instants.filter((instant) => instant > from).length;
  }

  get all(): readonly number[] {
    return this.#instants;
  }
}

function walk({ share, perSecond, windowMs }: BudgetOptions, path: readonly Step[], startMs: number): void {
  const { clock, budget } = aBudget({ share, perSecond, windowMs }, startMs);
  const reserve = (perSecond * windowMs) / 1000;
  const slotMs = windowMs / 20;
  const calls = new Ledger();
  const granted = new Ledger();
  const withdraw = (now: number): void => {
    const promised = budget.balance;
    const yes = budget.withdraw();
    assert.equal(yes, promised >= 1, 'the balance is what would be granted');
    if (yes) {
      granted.add(now);
      const allowed = reserve + share * calls.since(now - windowMs);
      assert.ok(granted.since(now - windowMs) <= allowed + 1e-6, `(1) at ${now}`);
    } else {
      const due = reserve + share * calls.since(now - windowMs + slotMs) - granted.since(now - windowMs - slotMs);
      assert.ok(due < 1 + 1e-6, `(2) refused at ${now}, though ${due} were due`);
    }
  };
  for (const { kind, amount } of path) {
    if (kind === 'wait') clock.advance(amount);
    else for (let i = 0; i < amount; i++) kind === 'deposit' ? deposit() : withdraw(clock.now());
  }
  function deposit(): void {
    budget.deposit();
    calls.add(clock.now());
  }
  // In the long run: a share of all calls, and one reserve per window.
  const windows = Math.ceil((clock.now() - startMs) / windowMs) + 1;
  assert.ok(granted.all.length <= share * calls.all.length + reserve * windows + 1e-6, 'in the long run');
  clock.advance(HOUR_MS);
  assert.equal(budget.balance, reserve, '(2) after an hour of silence');
}

describe('a walk through deposits, withdrawals and waits', () => {
  it('never grants more than the rule allows over any window, nor less than it allows over a slot less', () => {
    const start = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(fc.property(options, steps, start, walk), { numRuns: 1_000 });
  });
});
