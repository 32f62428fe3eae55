/**
 * Collects reads that are asked for at the same time, sends them in one message, and gives each of them its own answer.
 *
 *   open ──window over, or full──▶ sent ──answered──▶ settled, each for itself
 *    └─ a member leaves (signal, deadline): settled at once; the others notice nothing
 *
 * Invariants:
 *   (1) Every member settles once: by its own answer, its own signal or deadline, or what became of the whole message.
 *   (2) A message holds at most `sizeMax` requests and, unless it is one request, at most `charsMax` characters.
 *   (3) What one member does harms no other: the message is given up only when all of them have left.
 *   (4) A request whose own answer is an error that another node may not give is sent once more, alone and elsewhere,
 *       if the budget of retries has room; so is one whose answer lacks what another may have.
 */
import { type Abortable, listen, unlisten } from '../../core/abort.ts';
import { type Due, DueList } from '../../core/due.ts';
import { NetError, type Reach } from '../../core/error.ts';
import type { Reply } from '../../core/reply.ts';
import { Result } from '../../wire/jsonrpc/answer.ts';
import { type Outcome, Outcomes, outcomesIn } from './answers.ts';
import type { Empties } from './empties.ts';
import type { BatchingOptions, RpcCallOptions } from './options.ts';
import { causeOf, resultIn } from './outcome.ts';
import type { RpcError } from './rpc-error.ts';
import type { Heeds, Question, Sender } from './sender.ts';

export interface BatcherSnapshot {
  /** Messages with several requests in them, and the requests in them. */
  readonly batches: number;
  readonly batched: number;
  /** Requests of batches that were sent once more, alone. */
  readonly resent: number;
}

export class Batcher {
  readonly #sender: Sender;
  readonly #options: BatchingOptions;
  readonly #due: DueList;
  readonly #empties: Empties | undefined;
  #open: Batch | undefined;
  #batches = 0;
  #batched = 0;
  #resent = 0;

  /** @param empties asks elsewhere for what answers lack; nothing when they are believed as they come */
  constructor(options: BatchingOptions, sender: Sender, empties?: Empties) {
    this.#options = options;
    this.#sender = sender;
    this.#empties = empties;
    this.#due = new DueList(sender.clock);
  }

  /** Joins the message that is being collected. @param heeds told of the outcome before whoever awaits it */
  ask(question: Question, options: RpcCallOptions, heeds?: Heeds): Promise<unknown> {
    const chars = question.text.length + question.plan.prefix.length;
    if (this.#open !== undefined && this.#open.chars + chars > this.#options.charsMax) this.#close(this.#open);
    const batch = this.#open ?? this.#begin();
    const outcome = this.#join(batch, question, options, chars, heeds);
    if (batch.members.length >= this.#options.sizeMax) this.#close(batch);
    return outcome;
  }

  /** All of these, at once and as full as messages may be. */
  askAll(questions: readonly Question[], options: RpcCallOptions): Promise<unknown>[] {
    let batch = new Batch();
    const outcomes = questions.map((question) => {
      const chars = question.text.length + question.plan.prefix.length;
      if (batch.members.length >= this.#options.sizeMax || batch.chars + chars > this.#options.charsMax) {
        this.#flush(batch);
        batch = new Batch();
      }
      return this.#join(batch, question, options, chars);
    });
    this.#flush(batch);
    return outcomes;
  }

  snapshot(): BatcherSnapshot {
    return { batches: this.#batches, batched: this.#batched, resent: this.#resent };
  }

  /** Sends what is being collected; its members end with what becomes of it. */
  close(): void {
    if (this.#open !== undefined) this.#close(this.#open);
  }

  #begin(): Batch {
    const batch = new Batch();
    this.#open = batch;
    const { windowMs } = this.#options;
    const { clock } = this.#sender;
    if (windowMs === 0) clock.nextTurn(() => this.#close(batch));
    else {
      clock.hold(); // nothing else keeps the process alive yet
      clock.after(windowMs, () => {
        clock.release();
        this.#close(batch);
      });
    }
    return batch;
  }

  #join(batch: Batch, question: Question, options: RpcCallOptions, chars: number, heeds?: Heeds): Promise<unknown> {
    const deadlineAt = this.#sender.deadlineAt(this.#sender.clock.now(), question.plan, options);
    const member = new Member(this.#due, batch, question, options, deadlineAt, heeds);
    batch.chars += chars;
    return member.enter();
  }

  /** Collects no more. The timer of one that was closed early finds it closed. */
  #close(batch: Batch): void {
    if (this.#open !== batch) return;
    this.#open = undefined;
    this.#flush(batch);
  }

  #flush(batch: Batch): void {
    const members = batch.members.filter(({ settled }) => !settled);
    batch.sent = true;
    const [only] = members;
    if (only === undefined) return;
    if (members.length === 1) {
      this.#alone(only);
      return;
    }
    this.#batches++;
    this.#batched += members.length;
    const tried: string[] = [];
    const deadlineAt = Math.max(...members.map((member) => member.deadlineAt));
    const ends = { signal: batch.signalOf(members), deadlineAt, tried };
    const questions = members.map(({ question }) => question);
    this.#sender.batch(questions, ends).then(
      (reply) => this.#answered(members, tried, reply),
      (error: unknown) => this.#failed(members, error),
    );
  }

  #answered(members: readonly Member[], tried: readonly string[], reply: Reply): void {
    const { made } = reply;
    if (made instanceof Outcomes) {
      for (let i = 0; i < members.length; i++) this.#settle(members[i]!, made.each[i]!, tried);
      return;
    }
    // A whole message that was answered with one error or another status; the reply says which.
    new Promise((resolve) => resolve(resultIn(reply))).catch((error: unknown) => this.#failed(members, error));
  }

  #settle(member: Member, outcome: Outcome, tried: readonly string[]): void {
    if (member.settled) return;
    if (outcome instanceof Result) return this.#given(member, outcome, tried);
    if (!mayFareBetter(outcome) || !this.#sender.door.grant()) return member.reject(causeOf(outcome));
    this.#resent++;
    this.#alone(member, [...tried]);
  }

  /** In a message of its own. @param tried endpoints to which it should not go */
  #alone(member: Member, tried: string[] = []): void {
    const { question, options, deadlineAt } = member;
    this.#sender.one(question, options, { deadlineAt, tried }).then(
      (value) => this.#given(member, new Result(value), tried),
      (error: unknown) => member.reject(error),
    );
  }

  /** Its answer, unless another endpoint may have what that lacks. @param tried the one that gave it is last */
  #given(member: Member, answer: Result, tried: readonly string[]): void {
    const { question, options, deadlineAt } = member;
    const empties = question.plan.answers === undefined ? undefined : this.#empties;
    if (empties === undefined) return member.resolve(answer.value);
    const own = [...tried];
    if (!empties.lacks(question, answer.value, own)) return member.resolve(answer.value);
    member.answer = answer;
    empties.elsewhere(question, options, { deadlineAt, tried: own }, answer.value).then(
      (value) => member.resolve(value),
      (error: unknown) => member.reject(error),
    );
  }

  #failed(members: readonly Member[], error: unknown): void {
    const each = outcomesIn(error);
    for (const [i, member] of members.entries()) member.reject(causeOf(each?.[i] ?? error));
  }
}

function mayFareBetter(outcome: RpcError | NetError): boolean {
  if (outcome instanceof NetError) return outcome.code === 'RPC';
  return outcome.kind !== 'final' && outcome.kind !== 'known';
}

class Batch {
  readonly members: Member[] = [];
  chars = 0;
  sent = false;
  /** Members that still wait. */
  waiting = 0;
  #controller: AbortController | undefined;

  /** One that fires when all have left; nothing when there is one who cannot leave. */
  signalOf(members: readonly Member[]): AbortSignal | undefined {
    if (members.some(({ options }) => options.signal === undefined)) return undefined;
    this.#controller = new AbortController();
    return this.#controller.signal;
  }

  left(reason: unknown): void {
    if (this.waiting === 0 && this.sent) this.#controller?.abort(reason);
  }
}

class Member implements Due, Abortable {
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
  readonly #batch: Batch;
  readonly #heeds: Heeds | undefined;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;

  constructor(
    due: DueList,
    batch: Batch,
    question: Question,
    options: RpcCallOptions,
    deadlineAt: number,
    heeds: Heeds | undefined,
  ) {
    this.#due = due;
    this.#batch = batch;
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
    this.#batch.members.push(this);
    this.#batch.waiting++;
    if (this.dueAt !== Number.POSITIVE_INFINITY) this.#due.join(this);
    if (signal !== undefined) listen(signal, this);
    return outcome;
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
    this.#batch.left(reason);
  }

  due(): void {
    if (this.answer !== undefined) return this.resolve(this.answer.value);
    const error = this.#ended('DEADLINE', 'ran out of time', undefined);
    this.reject(error);
    this.#batch.left(error);
  }

  #settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    this.#batch.waiting--;
    this.#due.leave(this);
    if (this.options.signal !== undefined) unlisten(this.options.signal, this);
    return true;
  }

  #ended(code: 'ABORTED' | 'DEADLINE', what: string, cause: unknown): NetError {
    const reach: Reach = this.#batch.sent ? 'unknown' : 'unsent';
    const message = `${this.question.plan.method} ${what} ${this.#batch.sent ? 'in' : 'while it waited for'} its batch`;
    return new NetError(code, message, { reach, phase: this.#batch.sent ? 'head' : 'queue', cause });
  }
}
