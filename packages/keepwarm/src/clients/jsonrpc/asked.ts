/** What a message asks, as it travels with its call: what policies of this protocol know beyond HTTP. */
import type { Call } from '../../core/call.ts';
import { type FreshnessNeed, freshnessNeed } from './adapter.ts';
import type { Plan } from './plan.ts';

/** One request. */
export class Asked {
  readonly plan: Plan;
  readonly id: number;
  readonly params: unknown;
  /** The request as text. */
  readonly text: string;
  readonly need: FreshnessNeed;
  /** Whether whole numbers beyond 2⁵³ come back as bigints. */
  readonly exact: boolean;

  constructor(plan: Plan, id: number, params: unknown, text: string, need: FreshnessNeed, exact: boolean) {
    this.plan = plan;
    this.id = id;
    this.params = params;
    this.text = text;
    this.need = need;
    this.exact = exact;
  }
}

/** Several requests in one message; all of them reads. Their ids follow one another. */
export class AskedBatch {
  readonly members: readonly Asked[];
  /** That of the most demanding request in it. */
  readonly need: FreshnessNeed;

  constructor(members: readonly Asked[]) {
    this.members = members;
    this.need = members.reduce((all, { need }) => (all === need ? all : both(all, need)), members[0]?.need ?? ANY);
  }

  get first(): number {
    return this.members[0]!.id;
  }
}

/** A request to which there is no answer. */
export class Told {
  readonly plan: Plan;

  constructor(plan: Plan) {
    this.plan = plan;
  }
}

/** How many requests a call is, as providers count them. */
export function requestsOf({ about }: Call): number {
  return about instanceof AskedBatch ? about.members.length : 1;
}

/** What a call costs in compute units. */
export function costOf({ about }: Call): number {
  if (about instanceof Asked || about instanceof Told) return about.plan.cost;
  if (!(about instanceof AskedBatch)) return 1;
  let cost = 0;
  for (const { plan } of about.members) cost += plan.cost;
  return cost;
}

/** What these params need of an endpoint. @param minHeight asked for by the caller */
export function needOf(plan: Plan, params: unknown, minHeight: number | undefined): FreshnessNeed {
  const need = plan.need ?? freshnessNeed(plan.traits, params);
  return minHeight === undefined ? need : { head: need.head, height: Math.max(need.height ?? 0, minHeight) };
}

const ANY: FreshnessNeed = { head: false, height: undefined };

/** What a call needs of the endpoint it goes to. */
export function needIn({ about }: Call): FreshnessNeed {
  return about instanceof Asked || about instanceof AskedBatch ? about.need : ANY;
}

function both(a: FreshnessNeed, b: FreshnessNeed): FreshnessNeed {
  const height = Math.max(a.height ?? -1, b.height ?? -1);
  return { head: a.head || b.head, height: height < 0 ? undefined : height };
}
