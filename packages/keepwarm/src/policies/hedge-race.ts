/** One call and, if need be, its copy: the states and invariants of a hedge stand at the head of `hedge.ts`. */
import type { Call, Send } from '../core/call.ts';
import { factOf } from '../core/call-fact.ts';
import type { Clock } from '../core/clock.ts';
import { drain } from '../core/drain.ts';
import type { Due, DueList } from '../core/due.ts';
import { NetError } from '../core/error.ts';
import type { Observer } from '../core/observer.ts';
import type { Reply } from '../core/reply.ts';
import { further } from './repeat.ts';

/** What all races of a policy share. */
export interface RaceHost {
  readonly clock: Clock;
  readonly observer: Observer;
  readonly due: DueList;
  hedged: number;
  won: number;
  /** Whether the budgets allow a copy; what they grant is spent. */
  granted(): boolean;
  isGood(reply: Reply): boolean;
  /** A good answer came now to what was sent at that instant. */
  record(since: number): void;
  recordFailure(since: number, thrown: unknown): void;
}

/** A member of the deadline list itself, so that it needs no timer of its own. */
export class Race implements Due {
  dueAt: number;
  before: Due | undefined;
  after: Due | undefined;
  listed = false;
  readonly #host: RaceHost;
  readonly #next: Send;
  readonly #call: Call;
  readonly #startedAt: number;
  #resolve!: (reply: Reply) => void;
  #reject!: (error: NetError) => void;
  #underWay = 0;
  #settled = false;
  /** What became of the one that ended first, if that was no good and the other is under way. */
  #first: Reply | NetError | undefined;

  constructor(host: RaceHost, next: Send, call: Call, delayMs: number) {
    this.#host = host;
    this.#next = next;
    this.#call = call;
    this.#startedAt = host.clock.now();
    this.dueAt = this.#startedAt + delayMs;
  }

  start(): Promise<Reply> {
    const outcome = new Promise<Reply>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#send(this.#call, this.#startedAt);
    this.#host.due.join(this);
    return outcome;
  }

  due(now: number): void {
    if (this.#givenUp(now) || !this.#host.granted()) return;
    const { attempt, attemptMs } = this.#call;
    const timed = attemptMs !== undefined && { attemptMs: Math.max(attemptMs - (now - this.#startedAt), 1) };
    const copy = { ...this.#call, attempt: attempt + 1, ...timed }; // both end with the attempt they belong to
    this.#host.hedged++;
    this.#host.observer.hedged?.({ ...factOf(copy), delayMs: now - this.#startedAt });
    this.#send(copy, now);
  }

  #send(sent: Call, since: number): void {
    this.#underWay++;
    this.#next(sent).then(
      (reply) => this.#answered(sent, since, reply),
      (thrown: unknown) => this.#failed(since, thrown),
    );
  }

  #answered(sent: Call, since: number, reply: Reply): void {
    const good = this.#host.isGood(reply);
    if (good) this.#host.record(since);
    this.#underWay--;
    if (this.#settled) return drain(reply);
    if (!good && this.#underWay > 0) {
      this.#first = reply;
      return;
    }
    if (good && sent !== this.#call) this.#won(sent);
    if (this.#first !== undefined && !(this.#first instanceof NetError)) drain(this.#first);
    this.#settle();
    this.#resolve(reply);
  }

  #failed(since: number, thrown: unknown): void {
    this.#host.recordFailure(since, thrown);
    this.#underWay--;
    if (this.#settled) return;
    const error = NetError.from(thrown);
    const first = this.#first;
    if (this.#underWay > 0) {
      this.#first = error; // were it the caller's signal or the deadline, the other ends by it now as well
      return;
    }
    this.#settle();
    if (first === undefined) return this.#reject(error);
    if (first instanceof NetError) return this.#reject(error.withReach(further(error.reach, first.reach)));
    // A bad answer tells more than a failure does, while anybody waits for it.
    if (!this.#givenUp(this.#host.clock.now())) return this.#resolve(first);
    drain(first);
    this.#reject(error);
  }

  /** By its caller, or by time: then nothing is sent any more, and no answer is of use. */
  #givenUp(now: number): boolean {
    return this.#call.signal?.aborted === true || now >= this.#call.deadlineAt;
  }

  #won(copy: Call): void {
    this.#host.won++;
    this.#host.observer.hedgeWon?.({ ...factOf(copy), totalMs: this.#host.clock.now() - this.#startedAt });
  }

  #settle(): void {
    this.#settled = true;
    this.#host.due.leave(this);
  }
}
