/**
 * Calls that may change something. One is sent to one endpoint, once, unless its caller says that twice is as good as
 * once; or to several endpoints at the same time, as one write: the first that takes it decides.
 *
 * A node that refuses a write has not done it: asked for too much, too far behind, not offering the method. Where the
 * write has an identity, so that even a node that erred would have it once, it goes on to an endpoint where it has not
 * been.
 */
import { invalid } from '../options.ts';
import type { ErrorClass } from './adapter.ts';
import type { RpcCallOptions } from './options.ts';
import { RpcError } from './rpc-error.ts';
import type { Again, Question, Sender } from './sender.ts';

export class Writes {
  readonly #sender: Sender;
  readonly #endpoints: number;
  readonly #changed: () => void;
  readonly #called: () => void;

  /**
   * @param changed told when something may be changed from now on, and when it may have been
   * @param called  told of each write before it is sent: whoever lags should not be the one to get it
   */
  constructor(sender: Sender, endpoints: number, changed: () => void, called: () => void) {
    this.#sender = sender;
    this.#endpoints = endpoints;
    this.#changed = changed;
    this.#called = called;
  }

  /** Whether it can be sent as its caller wants it. @throws NetError `INVALID` when not */
  check(question: Question, options: RpcCallOptions): void {
    this.#copies(question, options);
    this.#sender.deadlineAt(0, question.plan, options);
  }

  ask(question: Question, options: RpcCallOptions): Promise<unknown> {
    const copies = this.#copies(question, options);
    if (question.plan.traits.kind === 'local') return this.#sender.one(question, options);
    this.#called();
    this.#changed();
    const sent = copies === 1 ? this.#one(question, options) : this.#everywhere(question, options, copies);
    return sent.then(
      (value) => {
        this.#changed();
        return value;
      },
      (error: unknown) => {
        this.#changed();
        throw error;
      },
    );
  }

  /** @throws NetError `INVALID` */
  #copies({ plan }: Question, { broadcast = 1 }: RpcCallOptions): number {
    if (broadcast === false || broadcast === 1) return 1;
    if (broadcast !== true && !(Number.isInteger(broadcast) && broadcast > 1)) {
      throw invalid(`broadcast is ${String(broadcast)}; allowed: true, false, a whole number ≥ 1`);
    }
    if (plan.traits.writeId === undefined) {
      throw invalid(`broadcast of ${plan.method}: nothing is known by which two copies of it would be one`);
    }
    return broadcast === true ? this.#endpoints : Math.min(broadcast, this.#endpoints);
  }

  #one(question: Question, options: RpcCallOptions): Promise<unknown> {
    if (question.plan.traits.writeId === undefined) return this.#sender.one(question, options);
    const { clock } = this.#sender;
    const deadlineAt = this.#sender.deadlineAt(clock.now(), question.plan, options);
    return this.#until(question, options, { deadlineAt, tried: [] });
  }

  /** Ends with the endpoints: each is tried once, and only those that would take it. */
  #until(question: Question, options: RpcCallOptions, again: Required<Again>): Promise<unknown> {
    return this.#sender.one(question, options, again).catch((error: unknown) => {
      const { tried } = again;
      const mayGoOn = isRefusal(error) && areDistinct(tried) && this.#sender.anyElse(tried, question);
      if (mayGoOn && this.#sender.door.grant()) return this.#until(question, options, again);
      // Once it may have been sent twice, that it was known is what its caller wanted.
      if (options.idempotent === true || tried.length > 1) return standing(question, error);
      throw error;
    });
  }

  /** Copies share the list of where they went, so that each goes to another endpoint. */
  #everywhere(question: Question, options: RpcCallOptions, copies: number): Promise<unknown> {
    const tried: string[] = [];
    const sent: Promise<unknown>[] = [];
    for (let i = 0; i < copies; i++) {
      if (i > 0 && !this.#sender.anyElse(tried, question)) break;
      sent.push(this.#sender.one(question, options, { tried }).catch((error: unknown) => standing(question, error)));
    }
    return Promise.any(sent).catch((error: AggregateError) => {
      // What a node says of the write tells more than that another could not be reached.
      throw error.errors.find((each) => each instanceof RpcError && each.kind === 'final') ?? error.errors[0];
    });
  }
}

const REFUSALS: ReadonlySet<unknown> = new Set<ErrorClass>(['throttled', 'behind', 'missing']);

function areDistinct(tried: readonly string[]): boolean {
  return new Set(tried).size === tried.length;
}

function isRefusal(error: unknown): boolean {
  return error instanceof RpcError && REFUSALS.has(error.kind);
}

/** That it had been received before means that it stands: its identity is the answer. */
function standing({ plan, params }: Question, error: unknown): unknown {
  const id = error instanceof RpcError && error.kind === 'known' ? plan.traits.writeId?.(params) : undefined;
  if (id === undefined) throw error;
  return id;
}
