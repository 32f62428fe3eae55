/**
 * Calls that may change something. One is sent to one endpoint, once, unless its caller says that twice is as good as
 * once; or to several endpoints at the same time, as one write: the first that takes it decides.
 *
 * A node that refuses a write has not done it: asked for too much, too far behind, not offering the method. Where the
 * write has an identity, so that even a node that erred would have it once, it goes on to an endpoint where it has not
 * been. What a node refuses of which an earlier copy may have been taken is looked for: `standing.ts`.
 */
import { invalid } from '../options.ts';
import type { ErrorClass } from './adapter.ts';
import type { RpcCallOptions } from './options.ts';
import { RpcError } from './rpc-error.ts';
import type { Question, Sender } from './sender.ts';
import type { Copies, Standing } from './standing.ts';

export class Writes {
  readonly #sender: Sender;
  readonly #standing: Standing;
  readonly #endpoints: number;
  readonly #changed: () => void;
  readonly #called: () => void;

  /**
   * @param changed told when something may be changed from now on, and when it may have been
   * @param called  told of each write before it is sent: whoever lags should not be the one to get it
   */
  constructor(sender: Sender, standing: Standing, endpoints: number, changed: () => void, called: () => void) {
    this.#sender = sender;
    this.#standing = standing;
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
    return this.#until(question, options, this.#new(question, options, options.idempotent === true));
  }

  /** Ends with the endpoints: each is tried once, and only those that would take it. */
  #until(question: Question, options: RpcCallOptions, copies: Copies): Promise<unknown> {
    return this.#sender.one(question, options, copies).catch((error: unknown) => {
      const { tried } = copies;
      const mayGoOn = isRefusal(error) && areDistinct(tried) && this.#sender.anyElse(tried, question);
      if (mayGoOn && this.#sender.door.grant()) return this.#until(question, options, copies);
      return this.#standing.settle(question, error, copies);
    });
  }

  /** Copies share the list of where they went, so that each goes to another endpoint. */
  #everywhere(question: Question, options: RpcCallOptions, count: number): Promise<unknown> {
    const copies = this.#new(question, options, true);
    const sent: Promise<unknown>[] = [];
    for (let i = 0; i < count; i++) {
      if (i > 0 && !this.#sender.anyElse(copies.tried, question)) break;
      copies.underWay++;
      sent.push(this.#copy(question, options, copies));
    }
    return Promise.any(sent).catch((error: AggregateError) => {
      // What a node says of the write tells more than that another could not be reached.
      throw error.errors.find((each) => each instanceof RpcError && each.kind === 'final') ?? error.errors[0];
    });
  }

  #copy(question: Question, options: RpcCallOptions, copies: Copies): Promise<unknown> {
    return this.#sender.one(question, options, copies).catch((error: unknown) => {
      copies.underWay--;
      return this.#standing.settle(question, error, copies);
    });
  }

  #new(question: Question, options: RpcCallOptions, allowed: boolean): Copies {
    const deadlineAt = this.#sender.deadlineAt(this.#sender.clock.now(), question.plan, options);
    return { deadlineAt, signal: options.signal, tried: [], allowed, underWay: 0, lost: false, asking: undefined };
  }
}

const REFUSALS: ReadonlySet<unknown> = new Set<ErrorClass>(['throttled', 'behind', 'missing']);

function areDistinct(tried: readonly string[]): boolean {
  return new Set(tried).size === tried.length;
}

function isRefusal(error: unknown): boolean {
  return error instanceof RpcError && REFUSALS.has(error.kind);
}
