/**
 * Callers of a message of several requests. Each leaves by its own signal or deadline, at once; a message that all of
 * them have left is given up.
 */
import { type Abortable, listen, unlisten } from '../../core/abort.ts';
import type { Due, DueList } from '../../core/due.ts';
import { NetError } from '../../core/error.ts';
import type { Result } from '../../wire/jsonrpc/answer.ts';
import type { RpcCallOptions } from './options.ts';
import type { Heeds, Question } from './sender.ts';

/** What has been sent, and who still waits for it. */
export class SentTogether {
  #waiting: number;
  #controller: AbortController | undefined;

  constructor(members: readonly Member[]) {
    this.#waiting = members.length;
    for (const member of members) member.sentIn(this);
  }

  /** One that fires when all have left; nothing when there is one who cannot leave. */
  signalOf(members: readonly Member[]): AbortSignal | undefined {
    if (members.some(({ options }) => options.signal === undefined)) return undefined;
    this.#controller = new AbortController();
    return this.#controller.signal;
  }

  settled(): void {
    this.#waiting--;
  }

  left(reason: unknown): void {
    if (this.#waiting === 0) this.#controller?.abort(reason);
  }
}

export class Member implements Due, Abortable {
  dueAt: number;
  before: Due | undefined;
  after: Due | undefined;
  listed = false;
  settled = false;
  /** What it ends with when its time runs out: an answer, while a better one is looked for. */
  answer: Result | undefined;
  readonly question: Question;
  readonly options: RpcCallOptions;
  readonly deadlineAt: number;
  readonly #due: DueList;
  /** Nothing while it is being collected. */
  #sent: SentTogether | undefined;
  readonly #heeds: Heeds | undefined;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;

  constructor(due: DueList, question: Question, options: RpcCallOptions, deadlineAt: number, heeds: Heeds | undefined) {
    this.#due = due;
    this.question = question;
    this.options = options;
    this.deadlineAt = deadlineAt;
    this.dueAt = deadlineAt;
    this.#heeds = heeds;
  }

  enter(): Promise<unknown> {
    const outcome = new Promise<unknown>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { signal } = this.options;
    if (signal?.aborted === true) {
      this.settled = true;
      this.#heeds?.failed();
      this.#reject(this.#ended('ABORTED', 'was aborted by its caller', signal.reason));
      return outcome;
    }
    if (this.dueAt !== Number.POSITIVE_INFINITY) this.#due.join(this);
    if (signal !== undefined) listen(signal, this);
    return outcome;
  }

  sentIn(sent: SentTogether): void {
    this.#sent = sent;
  }

  resolve(value: unknown): void {
    if (!this.#settle()) return;
    this.#heeds?.answered(value);
    this.#resolve(value);
  }

  reject(error: unknown): void {
    if (!this.#settle()) return;
    this.#heeds?.failed();
    this.#reject(error);
  }

  aborted(reason: unknown): void {
    this.reject(this.#ended('ABORTED', 'was aborted by its caller', reason));
    this.#sent?.left(reason);
  }

  due(): void {
    if (this.answer !== undefined) return this.resolve(this.answer.value);
    const error = this.#ended('DEADLINE', 'ran out of time', undefined);
    this.reject(error);
    this.#sent?.left(error);
  }

  #settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    this.#sent?.settled();
    this.#due.leave(this);
    if (this.options.signal !== undefined) unlisten(this.options.signal, this);
    return true;
  }

  #ended(code: 'ABORTED' | 'DEADLINE', what: string, cause: unknown): NetError {
    const { method } = this.question.plan;
    if (this.#sent === undefined) {
      return new NetError(code, `${method} ${what} while it waited for its batch`, {
        reach: 'unsent',
        phase: 'queue',
        cause,
      });
    }
    return new NetError(code, `${method} ${what} in its batch`, { reach: 'unknown', phase: 'head', cause });
  }
}
