/**
 * Collects reads that are asked for at the same time, sends them in one message, and gives each of them its own answer.
 * While no message is under way many of them are shared out among several: one that is read here while another is
 * answered there takes no turns with it (docs/decisions/0030-batches-come-in-pairs.md).
 *
 *   open ──window over, or full──▶ sent ──answered──▶ settled, each for itself
 *    └─ a member leaves (signal, deadline): settled at once; the others notice nothing
 *
 * Invariants:
 *   (1) Every member settles once: by its own answer, its own signal or deadline, or what became of the whole message.
 *   (2) A message holds at most `sizeMax` requests and, unless it is one request, at most `charsMax` characters.
 *       Sharing out makes no more than `sharesMax` be under way, and none of fewer than `SHARE_MIN` requests; what a
 *       caller has put together himself is not shared out.
 *   (3) What one member does harms no other: the message is given up only when all of them have left.
 *   (4) A request whose own answer is an error that another node may not give is sent once more, alone and elsewhere,
 *       if the budget of retries has room; so is one whose answer lacks what another may have.
 */
import { DueList } from '../../core/due.ts';
import { NetError } from '../../core/error.ts';
import type { Reply } from '../../core/reply.ts';
import { Result } from '../../wire/jsonrpc/answer.ts';
import { type Outcome, Outcomes, outcomesIn } from './answers.ts';
import type { Empties } from './empties.ts';
import { Member, SentTogether } from './members.ts';
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

/** Requests below which a message of its own costs more than it gains, both ends counted: measured from 4 on. */
const SHARE_MIN = 8;

export class Batcher {
  readonly #sender: Sender;
  readonly #options: BatchingOptions;
  readonly #due: DueList;
  readonly #empties: Empties | undefined;
  #open: Collected | undefined;
  /** Messages that were collected here and are not answered yet. */
  #underWay = 0;
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

  /** All of these, at once, in as few messages as may be. */
  askAll(questions: readonly Question[], options: RpcCallOptions): Promise<unknown>[] {
    let batch = new Collected();
    const outcomes = questions.map((question) => {
      const chars = question.text.length + question.plan.prefix.length;
      if (batch.members.length >= this.#options.sizeMax || batch.chars + chars > this.#options.charsMax) {
        this.#send(waiting(batch));
        batch = new Collected();
      }
      return this.#join(batch, question, options, chars);
    });
    this.#send(waiting(batch));
    return outcomes;
  }

  snapshot(): BatcherSnapshot {
    return { batches: this.#batches, batched: this.#batched, resent: this.#resent };
  }

  /** Sends what is being collected; its members end with what becomes of it. */
  close(): void {
    if (this.#open !== undefined) this.#close(this.#open);
  }

  #begin(): Collected {
    const batch = new Collected();
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

  #join(batch: Collected, question: Question, options: RpcCallOptions, chars: number, heeds?: Heeds): Promise<unknown> {
    const deadlineAt = this.#sender.deadlineAt(this.#sender.clock.now(), question.plan, options);
    const member = new Member(this.#due, question, options, deadlineAt, heeds);
    const outcome = member.enter();
    if (!member.settled) batch.members.push(member);
    batch.chars += chars;
    return outcome;
  }

  /** Collects no more. The timer of one that was closed early finds it closed. */
  #close(batch: Collected): void {
    if (this.#open !== batch) return;
    this.#open = undefined;
    const members = waiting(batch);
    let shares = this.#sharesOf(members.length);
    for (let from = 0; shares > 0; shares--) {
      const size = Math.ceil((members.length - from) / shares);
      this.#send(members.slice(from, (from += size)));
    }
  }

  /** How many messages so many requests become: one, unless nothing keeps the nodes busy. */
  #sharesOf(count: number): number {
    const idle = Math.floor(this.#options.sharesMax) - this.#underWay;
    return Math.max(1, Math.min(idle, Math.floor(count / SHARE_MIN)));
  }

  #send(members: readonly Member[]): void {
    const [only] = members;
    if (only === undefined) return;
    const sent = new SentTogether(members);
    this.#underWay++;
    if (members.length === 1) {
      this.#alone(only).then(() => this.#underWay--);
      return;
    }
    this.#batches++;
    this.#batched += members.length;
    const tried: string[] = [];
    const deadlineAt = Math.max(...members.map((member) => member.deadlineAt));
    const ends = { signal: sent.signalOf(members), deadlineAt, tried };
    const questions = members.map(({ question }) => question);
    this.#sender.batch(questions, ends).then(
      (reply) => {
        this.#underWay--;
        this.#answered(members, tried, reply);
      },
      (error: unknown) => {
        this.#underWay--;
        this.#failed(members, error);
      },
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
    void this.#alone(member, [...tried]);
  }

  /** In a message of its own. @param tried endpoints to which it should not go */
  #alone(member: Member, tried: string[] = []): Promise<void> {
    const { question, options, deadlineAt } = member;
    return this.#sender.one(question, options, { deadlineAt, tried }).then(
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

/** What is asked for until it is sent. */
class Collected {
  readonly members: Member[] = [];
  chars = 0;
}

const waiting = ({ members }: Collected): readonly Member[] => members.filter(({ settled }) => !settled);
