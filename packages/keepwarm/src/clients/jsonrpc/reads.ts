/** What may be done with a read before it is sent: answered from memory, shared, sent with others, held back. */
import type { Clock } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import type { Agreement } from './agreement.ts';
import type { Batcher } from './batcher.ts';
import type { RpcCache } from './cache.ts';
import type { Company, Shared } from './company.ts';
import type { Empties } from './empties.ts';
import type { Freshness } from './freshness.ts';
import type { RpcCallOptions } from './options.ts';
import type { Question, Sender } from './sender.ts';
import type { Splitting } from './splitting.ts';

export interface ReadParts {
  readonly sender: Sender;
  readonly clock: Clock;
  /** Each is nothing when it is off. */
  readonly batcher: Batcher | undefined;
  readonly company: Company | undefined;
  readonly cache: RpcCache | undefined;
  readonly freshness: Freshness | undefined;
  readonly empties: Empties | undefined;
  /** Nothing when what is refused as too much stays refused. */
  readonly splitting: Splitting | undefined;
  readonly agreement: Pick<Agreement, 'ask'>;
}

/** Longer requests are neither shared nor kept, in characters: looking for their like costs more than it saves. */
const KEY_CHARS_MAX = 16_384;

export class Reads {
  readonly #parts: ReadParts;

  constructor(parts: ReadParts) {
    this.#parts = parts;
  }

  ask(question: Question, options: RpcCallOptions): Promise<unknown> {
    const { freshness } = this.#parts;
    freshness?.called();
    if (question.minHeight === undefined || freshness === undefined) return this.#known(question, options);
    return this.#held(question, options, freshness);
  }

  /** As `ask` does with each of them; those that are sent go together. */
  askAll(questions: readonly Question[], options: RpcCallOptions, batcher: Batcher): Promise<unknown>[] {
    const { freshness, cache } = this.#parts;
    freshness?.called();
    const waits = questions.some(({ minHeight }) => minHeight !== undefined);
    if (waits && freshness !== undefined) return questions.map((question) => this.ask(question, options));
    const outcomes: Promise<unknown>[] = new Array(questions.length);
    const rest: number[] = [];
    for (const [i, question] of questions.entries()) {
      const kept = cache?.find(keyOf(question), question.exact);
      if (kept !== undefined) outcomes[i] = Promise.resolve(kept[0]);
      else if (this.#isSingle(question)) outcomes[i] = this.#known(question, options);
      else rest.push(i);
    }
    const asked = batcher.askAll(
      rest.map((i) => questions[i]!),
      options,
    );
    for (const [j, i] of rest.entries()) outcomes[i] = this.#kept(questions[i]!, asked[j]!);
    return outcomes;
  }

  /** What becomes several calls of itself. */
  #isSingle({ agree, plan }: Question): boolean {
    return agree !== undefined || (this.#parts.splitting !== undefined && plan.answers?.range !== undefined);
  }

  /** Until some endpoint has reached its height. The time it is held counts. */
  #held(question: Question, options: RpcCallOptions, freshness: Freshness): Promise<unknown> {
    const { clock, sender } = this.#parts;
    const { plan, minHeight = 0 } = question;
    const deadlineAt = sender.deadlineAt(clock.now(), plan, options);
    return freshness.reach(minHeight, { signal: options.signal, deadlineAt }).then(
      () => this.#known(question, { ...options, deadlineMs: Math.max(1, deadlineAt - clock.now()) }),
      (cause: unknown) => {
        throw cause instanceof NetError ? cause : leftWaiting(plan.method, cause);
      },
    );
  }

  #known(question: Question, options: RpcCallOptions): Promise<unknown> {
    const { company, cache } = this.#parts;
    if ((company === undefined && cache === undefined) || question.text.length > KEY_CHARS_MAX) {
      return this.#send(question, options, undefined);
    }
    const kept = cache?.find(keyOf(question), question.exact);
    if (kept !== undefined) return Promise.resolve(kept[0]);
    return company === undefined
      ? this.#kept(question, this.#send(question, options, undefined))
      : this.#shared(question, options, company);
  }

  #shared(question: Question, options: RpcCallOptions, company: Company): Promise<unknown> {
    const { sender, clock } = this.#parts;
    const { plan } = question;
    const key = likeness(question);
    const known = company.find(plan.method, key);
    if (known !== undefined) {
      const deadlineAt = sender.deadlineAt(clock.now(), plan, options);
      const leave = { what: plan.method, signal: options.signal, deadlineAt };
      return company.join(known, leave, () => this.#shared(question, options, company));
    }
    const shared = company.open(plan.method, key);
    const asked = this.#kept(question, this.#send(question, options, shared));
    return shared === undefined ? asked : company.led(shared, asked);
  }

  #kept(question: Question, asked: Promise<unknown>): Promise<unknown> {
    const { cache, freshness } = this.#parts;
    const { plan, params } = question;
    if (cache === undefined || !((plan.traits.cacheMs ?? 0) > 0)) return asked;
    const { writes } = cache;
    return asked.then((value) => {
      const head = freshness?.head;
      cache.keep(keyOf(question), plan, head === undefined ? { params, writes } : { params, writes, head }, value);
      return value;
    });
  }

  /** @param shared told of the outcome first */
  #send(question: Question, options: RpcCallOptions, shared: Shared | undefined): Promise<unknown> {
    const { splitting } = this.#parts;
    if (splitting === undefined || question.plan.answers?.range === undefined) {
      return this.#once(question, options, shared);
    }
    return splitting.ask(question, options, shared, (part, leave) => this.#once(part, leave, undefined));
  }

  #once(question: Question, options: RpcCallOptions, shared: Shared | undefined): Promise<unknown> {
    const { batcher, sender, empties, agreement } = this.#parts;
    if (question.agree !== undefined) return agreement.ask(question, question.agree, options, shared);
    if (batcher !== undefined) return batcher.ask(question, options, shared);
    if (empties !== undefined && question.plan.answers !== undefined) return empties.ask(question, options, shared);
    return sender.one(question, options, undefined, shared);
  }
}

const leftWaiting = (method: string, cause: unknown): NetError =>
  new NetError('ABORTED', `${method} was aborted by its caller while no endpoint had reached its height`, {
    reach: 'unsent',
    phase: 'queue',
    cause,
  });

/** Alike in method, params, the height asked for, how many must agree, and how numbers are read. */
function keyOf(question: Question): string {
  return `${question.plan.method}\n${likeness(question)}`;
}

/** The same within a method. */
function likeness({ text, minHeight, exact, agree }: Question): string {
  const asked = agree === undefined ? text : `${text}\nagree ${agree.count} ${agree.otherwise}`;
  const key = minHeight === undefined ? asked : `${asked}\n${minHeight}`;
  return exact ? `${key}\nexact` : key;
}
