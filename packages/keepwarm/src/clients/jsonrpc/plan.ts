/** What is known of a method before it is called, worked out once: its traits, and the text its requests begin with. */
import type { Traits } from '../../core/call.ts';
import { requestPrefix } from '../../wire/jsonrpc/request.ts';
import { IDEMPOTENT, ONCE } from '../methods.ts';
import { invalid } from '../options.ts';
import { type FreshnessNeed, freshnessNeed, type MethodTraits, type RpcAdapter } from './adapter.ts';
import type { Agree } from './agree-options.ts';
import type { AnswerTraits } from './answer-traits.ts';

export interface Plan {
  readonly method: string;
  readonly prefix: string;
  readonly traits: MethodTraits;
  /** As policies see it. */
  readonly callTraits: Traits;
  /** In compute units. */
  readonly cost: number;
  readonly isRead: boolean;
  /** How many endpoints must agree on them, where a call does not say it. */
  readonly agree: Agree | undefined;
  /** What its answers mean beside those of other endpoints; nothing where they are believed as they come. */
  readonly answers: AnswerTraits | undefined;
  /** What its calls need of an endpoint, where that depends on no params. */
  readonly need: FreshnessNeed | undefined;
}

/** The unknown method may change something. */
const UNKNOWN: MethodTraits = { kind: 'write' };
/** Methods beyond the adapter's that are remembered; others are planned anew each time. */
const OTHERS_MAX = 1_000;
const NOBODY: ReadonlyMap<string, Agree> = new Map();

export class Plans {
  readonly #plans = new Map<string, Plan>();
  readonly #adapter: RpcAdapter;
  readonly #agreeing: ReadonlyMap<string, Agree>;
  #others = 0;

  constructor(adapter: RpcAdapter, agreeing: ReadonlyMap<string, Agree> = NOBODY) {
    this.#adapter = adapter;
    this.#agreeing = agreeing;
  }

  /** @throws NetError `INVALID` for what is no name of a method */
  of(method: string): Plan {
    return this.#plans.get(method) ?? this.#plan(method);
  }

  #plan(method: string): Plan {
    if (typeof method !== 'string' || method === '') {
      throw invalid(`a method is ${method === '' ? 'empty' : `a ${typeof method}`}; allowed: its name as text`);
    }
    const { methods } = this.#adapter;
    const known = Object.hasOwn(methods, method) ? methods[method] : undefined;
    const traits = known ?? UNKNOWN;
    const isRead = traits.kind === 'read';
    const plan: Plan = {
      method,
      prefix: requestPrefix(method),
      traits,
      callTraits: isRead ? IDEMPOTENT : ONCE,
      cost: traits.cost ?? (known === undefined ? this.#adapter.costOther : undefined) ?? 1,
      isRead,
      agree: this.#agreeing.get(method),
      answers: isRead ? this.#answersOf(method) : undefined,
      need: traits.heightNeeded === undefined && traits.pinned === undefined ? freshnessNeed(traits, []) : undefined,
    };
    if (known !== undefined || this.#others++ < OTHERS_MAX) this.#plans.set(method, plan);
    return plan;
  }

  #answersOf(method: string): AnswerTraits | undefined {
    const { answers = {} } = this.#adapter;
    return Object.hasOwn(answers, method) ? answers[method] : undefined;
  }
}
