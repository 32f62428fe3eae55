/** What a message asks, as it travels with its call: what policies of this protocol know beyond HTTP. */
import type { Call } from '../../core/call.ts';
import type { Plan } from './plan.ts';

/** One request. */
export class Asked {
  readonly plan: Plan;
  readonly id: number;
  readonly params: unknown;
  /** The request as text. */
  readonly text: string;
  /** The height the node must have reached to answer; nothing where any will do. */
  readonly height: number | undefined;

  constructor(plan: Plan, id: number, params: unknown, text: string, height: number | undefined) {
    this.plan = plan;
    this.id = id;
    this.params = params;
    this.text = text;
    this.height = height;
  }
}

/** Several requests in one message; all of them reads. Their ids follow one another. */
export class AskedBatch {
  readonly members: readonly Asked[];

  constructor(members: readonly Asked[]) {
    this.members = members;
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

/** The height an endpoint must have reached to answer this call: that of the most demanding request in it. */
export function heightOf({ about }: Call): number | undefined {
  if (about instanceof Asked) return about.height;
  if (!(about instanceof AskedBatch)) return undefined;
  let height: number | undefined;
  for (const member of about.members) {
    if (member.height !== undefined && member.height > (height ?? -1)) height = member.height;
  }
  return height;
}
