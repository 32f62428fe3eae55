/**
 * Which endpoints suit a call, beyond being well: far enough along, offering its method, and with room in their limits.
 *
 * Being behind weighs more than the others: an endpoint without room, or without the method, is passed over only while
 * there is another one that suits in everything.
 */
import type { Eligible } from '../../balance/candidates.ts';
import type { Call } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import { Result } from '../../wire/jsonrpc/answer.ts';
import type { AnswerWatch } from './answers.ts';
import { Asked, needIn } from './asked.ts';
import type { EndpointLimits } from './endpoint-limits.ts';
import type { Freshness } from './freshness.ts';
import { MissingMethods } from './missing.ts';

export class Routing {
  /** Set once the parts that it needs are there. */
  freshness: Freshness | undefined;
  readonly #names: readonly string[];
  readonly #limits: EndpointLimits;
  readonly #missing: MissingMethods;

  constructor(names: readonly string[], limits: EndpointLimits, clock: Clock) {
    this.#names = names;
    this.#limits = limits;
    this.#missing = new MissingMethods(clock);
  }

  readonly eligible: Eligible = (endpoint, call, now) => {
    if (!this.#fresh(endpoint, call)) return false;
    if (this.#serves(endpoint, call, now)) return true;
    return !this.#names.some((name) => name !== endpoint && this.#fresh(name, call) && this.#serves(name, call, now));
  };

  readonly watch: AnswerWatch = (endpoint, asked, answer) => {
    const { traits, method } = asked.plan;
    if (answer instanceof Result) {
      const height = traits.heightSeen?.(answer.value);
      if (height !== undefined) this.freshness?.seen(endpoint, height);
    } else if (answer.kind === 'missing') {
      this.#missing.note(endpoint, method);
    }
  };

  #fresh(endpoint: string, call: Call): boolean {
    return this.freshness === undefined || this.freshness.eligible(endpoint, needIn(call));
  }

  #serves(endpoint: string, call: Call, now: number): boolean {
    const { about } = call;
    if (about instanceof Asked && this.#missing.has(endpoint, about.plan.method)) return false;
    return this.#limits.hasRoom(endpoint, call, now);
  }
}
