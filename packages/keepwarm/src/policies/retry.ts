/**
 * Repeats what may safely be repeated, while the attempts, the deadline, the budget and the caller allow it.
 *
 *   attempt ──▶ reply or error that will not pass ──▶ the caller
 *      ▲   └──▶ transient ──▶ denied (unsafe, attempts, deadline, budget) ──▶ the caller, as it is
 *      └── wait ◀──┘ granted; no wait when another endpoint takes it
 *
 * Invariants:
 *   (1) A call is sent again only if nothing of it was sent, or it is idempotent and its body can be sent again.
 *   (2) Every attempt but the first was granted by the budget; nothing is withdrawn for a repeat that is not made for
 *       another reason.
 *   (3) No wait begins that would end after the deadline: the caller gets what there is at once. Abort ends a wait at
 *       once.
 *   (4) A reply is handed over, or drained before the next attempt begins; never both, never neither. One that is whole
 *       holds nothing and is kept: see (6).
 *   (5) An attempt that goes to an endpoint the call has not been at waits for nothing: neither backoff nor what
 *       another endpoint asked for is about it. Waits grow with the waits there were, not with the attempts.
 *   (6) A further attempt that an open breaker refused was none: the caller gets what came of the one before, as far as
 *       it is still there.
 *   (7) A failure says how far the call got in any of its attempts, not in the last one alone.
 *
 * A call that succeeds at once costs one deposit and one object.
 */
import { fullJitter } from '../algo/backoff.ts';
import type { Budget } from '../algo/budget.ts';
import type { Call, Outlet, Policy, Relay } from '../core/call.ts';
import { factOf } from '../core/call-fact.ts';
import type { Clock, Random } from '../core/clock.ts';
import { drain } from '../core/drain.ts';
import { NetError, type Reach } from '../core/error.ts';
import type { Observer, RetryDenial } from '../core/observer.ts';
import { pass, relayed } from '../core/relay.ts';
import type { Reply } from '../core/reply.ts';
import { sleep } from '../core/sleep.ts';
import { attemptLimitMs } from './attempt-length.ts';
import { further, isSafe, isTransient } from './repeat.ts';
import { retryAfterMs } from './retry-after.ts';
import type { RetryOptions } from './retry-options.ts';

export interface RetryParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  /**
   * Shared with whatever else sends calls more than once. Retry makes the deposits: once per call, as it stands
   * outermost.
   */
  readonly budget: Budget;
  /**
   * Endpoints that take calls and that this call has not been at: the next attempt goes to one of them. Without it, or
   * with one endpoint, 0.
   */
  readonly untried?: (call: Call, now: number) => number;
}

export interface RetrySnapshot {
  /** Attempts made beyond the first of a call. */
  readonly retried: number;
  /** Transient failures that were handed to the caller, by what stood in the way. */
  readonly denied: Readonly<Record<RetryDenial, number>>;
  /** Calls waiting for their next attempt. */
  readonly waiting: number;
}

export interface Retry extends Policy {
  /** The same for callers who judge replies themselves: a reply is their answer whatever its status. */
  readonly passing: Policy;
  snapshot(): RetrySnapshot;
  /** Ends every wait with `CLOSED`. Closing twice is harmless. */
  close(): void;
}

interface Counts {
  retried: number;
  waiting: number;
  readonly denied: Record<RetryDenial, number>;
}

/** What both ways through it share. */
interface Shared extends RetryParts {
  readonly counts: Counts;
  /** Fires when the policy is closed. */
  readonly closing: AbortSignal;
}

export function retry(options: RetryOptions, parts: RetryParts): Retry {
  const counts: Counts = { retried: 0, waiting: 0, denied: { unsafe: 0, attempts: 0, deadline: 0, budget: 0 } };
  const closing = new AbortController();
  const shared = { ...parts, counts, closing: closing.signal };
  const { clock } = parts;
  const policy = relayed(clock, (next) => new Attempts(options, shared, next).relay);
  return Object.assign(policy, {
    passing: relayed(clock, (next) => new Attempts({ ...options, statuses: [] }, shared, next).relay),
    snapshot: () => ({ ...counts, denied: { ...counts.denied } }),
    close: () => closing.abort(),
  });
}

/** What is known of an attempt that did not do: its error, or the status of its reply. */
type Failure = { readonly error: NetError } | { readonly status: number };

/** What came of the attempt before, as far as it is kept. */
type Last = Reply | NetError | undefined;

class Attempts {
  readonly #options: RetryOptions;
  readonly #parts: Shared;
  readonly #counts: Counts;
  readonly #next: Relay;
  readonly #statuses: ReadonlySet<number>;

  constructor(options: RetryOptions, parts: Shared, next: Relay) {
    this.#options = options;
    this.#parts = parts;
    this.#counts = parts.counts;
    this.#next = next;
    this.#statuses = new Set(options.statuses);
  }

  readonly relay: Relay = (call, to, now) => {
    this.#parts.budget.deposit(now);
    this.#run(call, to, 1, 0, 'unsent', undefined, now);
  };

  /**
   * @param tries 1 for the first attempt made here
   * @param waits those before it
   * @param reached how far those before it got
   * @param last  what came of the attempt before
   */
  #run(call: Call, to: Outlet, tries: number, waits: number, reached: Reach, last: Last, now: number): void {
    const limitMs = attemptLimitMs(call, this.#options, tries, this.#parts, now);
    const sent = attemptOf(call, tries, limitMs);
    pass(this.#next, sent, new Attempt(this, call, sent, to, tries, waits, reached, last), now);
  }

  replied(attempt: Attempt, reply: Reply, now: number): void {
    const { call, sent, to } = attempt;
    if (this.#statuses.has(reply.status)) return this.#answered(attempt, reply, now);
    if (sent.attemptMs !== undefined) reply.extendDeadline(call.deadlineAt);
    to.replied(reply, now);
  }

  failed(attempt: Attempt, thrown: unknown, now: number): void {
    const { last, to } = attempt;
    const error = NetError.from(thrown);
    if (last === undefined || error.code !== 'OPEN') return this.#erred(attempt, error, now);
    if (last instanceof NetError) to.failed(last, now);
    else to.replied(last, now);
  }

  #answered(attempt: Attempt, reply: Reply, now: number): void {
    const { call, to } = attempt;
    const waitMs = this.#waitMs(attempt, reply, now);
    const failure = { status: reply.status };
    if (!this.#granted(attempt, 'answered', waitMs, failure, now)) {
      reply.extendDeadline(call.deadlineAt);
      return to.replied(reply, now);
    }
    const whole = reply.ended && !reply.used;
    if (!whole) drain(reply);
    this.#again(attempt, 'answered', waitMs, failure, whole ? reply : undefined, now);
  }

  #erred(attempt: Attempt, error: NetError, now: number): void {
    const transient = isTransient(error) || this.#mayStartElsewhere(attempt, error, now);
    const waitMs = transient ? this.#waitMs(attempt, undefined, now) : 0;
    const reached = further(error.reach, attempt.reached);
    const told = error.withReach(reached);
    if (!transient || !this.#granted(attempt, error.reach, waitMs, { error }, now)) return attempt.to.failed(told, now);
    this.#again(attempt, reached, waitMs, { error }, told, now);
  }

  /** It could not have started here before its deadline; there is time left to start at another endpoint. */
  #mayStartElsewhere({ call }: Attempt, { code, reach }: NetError, now: number): boolean {
    if (code !== 'DEADLINE' || reach !== 'unsent' || now >= call.deadlineAt) return false;
    return (this.#parts.untried?.(call, now) ?? 0) > 0;
  }

  /** What the peer asks for, and jitter on top: it tells everybody the same. */
  #waitMs({ call, waits }: Attempt, reply: Reply | undefined, now: number): number {
    const { baseMs, throttledBaseMs, capMs, retryAfterMsMax } = this.#options;
    const { clock, random, untried } = this.#parts;
    if (untried !== undefined && untried(call, now) > 0) return 0;
    const step = waits + 1;
    const asked = reply?.status === 429 || reply?.status === 503 ? retryAfterMs(reply, clock.wall()) : undefined;
    if (asked !== undefined) return Math.min(asked, retryAfterMsMax) + fullJitter(baseMs, capMs, step, random);
    return fullJitter(reply?.status === 429 ? throttledBaseMs : baseMs, capMs, step, random);
  }

  #granted({ call, tries }: Attempt, reach: Reach, waitMs: number, failure: Failure, now: number): boolean {
    const reason = this.#denial(call, tries, reach, now + waitMs);
    if (reason === undefined) return true;
    this.#counts.denied[reason]++;
    this.#parts.observer.retryDenied?.({ ...factWith(call, tries, failure), reason });
    return false;
  }

  /** The budget is asked last: what it grants is spent. */
  #denial(call: Call, tries: number, reach: Reach, nextAt: number): RetryDenial | undefined {
    if (!isSafe(call, reach)) return 'unsafe';
    if (tries >= this.#options.attemptsMax) return 'attempts';
    if (nextAt >= call.deadlineAt) return 'deadline';
    return this.#parts.budget.withdraw() ? undefined : 'budget';
  }

  #again(
    { call, to, tries, waits }: Attempt,
    reached: Reach,
    waitMs: number,
    failure: Failure,
    last: Last,
    now: number,
  ): void {
    this.#parts.observer.retried?.({ ...factWith(call, tries, failure), delayMs: waitMs });
    if (waitMs === 0 && call.signal?.aborted !== true) {
      this.#counts.retried++;
      return this.#run(call, to, tries + 1, waits, reached, last, now);
    }
    this.#counts.waiting++;
    const { clock, closing } = this.#parts;
    sleep(clock, waitMs, call.signal, closing).then(
      () => {
        this.#counts.waiting--;
        this.#counts.retried++;
        this.#run(call, to, tries + 1, waits + 1, reached, last, clock.now());
      },
      (cause: unknown) => {
        this.#counts.waiting--;
        to.failed(closing.aborted ? closed(call, reached) : abandoned(call, reached, cause), clock.now());
      },
    );
  }
}

/** One of them, until its outcome. */
class Attempt implements Outlet {
  readonly call: Call;
  /** As the attempt sends it. */
  readonly sent: Call;
  readonly to: Outlet;
  readonly tries: number;
  readonly waits: number;
  readonly reached: Reach;
  readonly last: Last;
  readonly #all: Attempts;

  constructor(
    all: Attempts,
    call: Call,
    sent: Call,
    to: Outlet,
    tries: number,
    waits: number,
    reached: Reach,
    last: Last,
  ) {
    this.#all = all;
    this.call = call;
    this.sent = sent;
    this.to = to;
    this.tries = tries;
    this.waits = waits;
    this.reached = reached;
    this.last = last;
  }

  replied(reply: Reply, now: number): void {
    this.#all.replied(this, reply, now);
  }

  failed(thrown: unknown, now: number): void {
    this.#all.failed(this, thrown, now);
  }
}

/** The call with the number of the attempt, and how long that may take once it has started. */
function attemptOf(call: Call, tries: number, limitMs: number): Call {
  if (limitMs === Number.POSITIVE_INFINITY) {
    return tries === 1 ? call : { ...call, attempt: call.attempt + tries - 1 };
  }
  return { ...call, attempt: call.attempt + tries - 1, attemptMs: limitMs };
}

function factWith(call: Call, tries: number, failure: Failure) {
  const of = { ...factOf(call), attempt: call.attempt + tries - 1 };
  return 'error' in failure
    ? { ...of, error: failure.error, status: undefined }
    : { ...of, error: undefined, status: failure.status };
}

function abandoned(call: Call, reach: Reach, cause: unknown): NetError {
  const message = `${call.method} ${call.origin.key} was aborted by its caller while it waited for its next attempt`;
  return new NetError('ABORTED', message, { reach, phase: 'queue', origin: call.origin.key, cause });
}

function closed(call: Call, reach: Reach): NetError {
  const message = `${call.method} ${call.origin.key}: the client was closed while it waited for its next attempt`;
  return new NetError('CLOSED', message, { reach, phase: 'closing', origin: call.origin.key });
}
