/** A hedging policy with everything around it in hand. */
import { BUDGET_DEFAULTS, type BudgetOptions, RetryBudget } from '../../src/algo/budget.ts';
import type { Hedged, HedgeWon, Observer } from '../../src/core/observer.ts';
import { HEDGE_DEFAULTS, type HedgeOptions, hedge } from '../../src/policies/hedge.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, later, scripted } from '../../src/testing/scripted-engine.ts';

export function aHedge(options: Partial<HedgeOptions> = {}, shared: Partial<BudgetOptions> = {}) {
  const clock = new FakeClock();
  const budget = new RetryBudget({ ...BUDGET_DEFAULTS, ...shared }, clock);
  const hedged: Hedged[] = [];
  const won: HedgeWon[] = [];
  const observer: Observer = { hedged: (fact) => hedged.push(fact), hedgeWon: (fact) => won.push(fact) };
  const policy = hedge({ ...HEDGE_DEFAULTS, ...options }, { clock, observer, budget });
  /** Makes it know so many answers that took so long. */
  const learn = async (count: number, ms: number): Promise<void> => {
    const send = policy(scripted(() => later(ms, 200), clock));
    const replies = Array.from({ length: count }, () => send(aCall()));
    await clock.run(ms);
    await Promise.all(replies);
  };
  return { clock, budget, hedged, won, policy, learn };
}
