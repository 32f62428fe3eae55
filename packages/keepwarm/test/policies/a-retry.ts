/** A retry policy with everything around it in hand: the clock, the dice, the budget, and what it tells. */
import { BUDGET_DEFAULTS, type BudgetOptions, RetryBudget } from '../../src/algo/budget.ts';
import type { Call, Send } from '../../src/core/call.ts';
import type { Observer, Retried, RetryDenied } from '../../src/core/observer.ts';
import { attemptTime } from '../../src/policies/attempt-time.ts';
import { type Retry, retry } from '../../src/policies/retry.ts';
import { RETRY_DEFAULTS, type RetryOptions } from '../../src/policies/retry-options.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

/** Every wait is half of the longest one: 12.5, 25, 50 and 100 ms by default. */
export const HALF = (): number => 0.5;

export function aRetry(
  options: Partial<RetryOptions> = {},
  budgetOptions: Partial<BudgetOptions> = {},
  untried: (call: Call) => number = () => 0,
) {
  const clock = new FakeClock();
  const budget = new RetryBudget({ ...BUDGET_DEFAULTS, ...budgetOptions }, clock);
  const retried: Retried[] = [];
  const denied: RetryDenied[] = [];
  const observer: Observer = { retried: (fact) => retried.push(fact), retryDenied: (fact) => denied.push(fact) };
  const made = retry({ ...RETRY_DEFAULTS, ...options }, { clock, random: HALF, observer, budget, untried });
  const timed = attemptTime(clock);
  const policy: Retry = Object.assign((next: Send) => made(timed(next)), {
    passing: (next: Send) => made.passing(timed(next)),
    snapshot: made.snapshot,
    close: made.close,
  });
  return { clock, budget, retried, denied, policy };
}
