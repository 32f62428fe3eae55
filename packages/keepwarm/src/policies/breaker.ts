/**
 * Stops sending to an origin, endpoint or section that fails, and probes it once in a while. A call that is refused
 * costs neither its caller a timeout nor the peer a request. The states and their invariants are those of
 * `algo/breaker.ts`.
 *
 * Stands below retry: each attempt is an outcome of its own. A call that is let through costs one object, and nothing
 * waits.
 */
import { Breaker, type BreakerFigures, type BreakerState, REFUSED } from '../algo/breaker.ts';
import { type Keyed, KeyedStore } from '../algo/keyed.ts';
import type { Call, Outlet, Policy, Relay } from '../core/call.ts';
import type { Clock, Random } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import type { Observer } from '../core/observer.ts';
import { pass, relayed } from '../core/relay.ts';
import type { Reply } from '../core/reply.ts';
import { failureOf, refusal } from './breaker-words.ts';
import { PATIENCE_MS, type Verdict, verdictOfError, verdictOfStatus } from './health.ts';
import { TRANSIENT_STATUSES } from './repeat.ts';

export interface BreakerOptions extends BreakerFigures {
  /**
   * Statuses that say that the peer is not well. Other 4xx and 5xx say nothing. With none, any reply says it is well.
   */
  readonly statuses: readonly number[];
  /** A deadline that was missed says something about the peer only when it had been given so long, in ms. */
  readonly patienceMs: number;
  /**
   * Breakers kept. One that is not closed, or has calls under way, is not forgotten; a call without room is let
   * through.
   */
  readonly keysMax: number;
  /**
   * Which breaker a call belongs to; its section and origin when left out. It is shown in facts: put no secrets in it.
   */
  readonly key?: (call: Call) => string;
}

/**
 * Where each comes from:
 *  - `consecutiveMax` 5: Envoy's `consecutive_5xx`, Finagle's FailureAccrual.
 *  - `failureShare` 0.5: resilience4j, opossum.
 *  - `samplesMin` 20: between Finagle's 5, which ten calls a minute reach by chance, and resilience4j's and Polly's
 *    100, which they never do; eRPC counts over 80.
 *  - `windowMs` 30 s: Polly, Finagle.
 *  - `failingMs` 1 s: ours. A peer that restarts behind its balancer is away for less; a retry outlasts that, and a
 *    breaker that opens makes seconds of it. What an outage of minutes costs more is one second of calls.
 *  - `openMs` 5 s: Polly's `BreakDuration`, the first of Finagle's waits. `openMsMax` 300 s: Finagle, Envoy.
 *  - `jitter` 0.5: Finagle's equal jitter.
 *  - `probesMax` and `probesNeeded` 1: Finagle, Polly.
 *  - `statuses`: see `TRANSIENT_STATUSES`; they are worth another attempt because they say that the peer is not well.
 *  - `patienceMs` 1 s: see `PATIENCE_MS`. `keysMax` 1,000: ours; a breaker takes about half a kilobyte.
 */
export const BREAKER_DEFAULTS: BreakerOptions = {
  consecutiveMax: 5,
  failureShare: 0.5,
  samplesMin: 20,
  windowMs: 30_000,
  failingMs: 1_000,
  openMs: 5_000,
  openMsMax: 300_000,
  jitter: 0.5,
  probesMax: 1,
  probesNeeded: 1,
  statuses: TRANSIENT_STATUSES,
  patienceMs: PATIENCE_MS,
  keysMax: 1_000,
};

/**
 * The figures of the network stack design this library grew from: five failures in a row within two minutes, then a
 * probe after a minute, always the same. Its failures were every error and every status of 400 and above; here they are
 * those of the defaults.
 */
export const BREAKER_SEED: BreakerOptions = {
  ...BREAKER_DEFAULTS,
  failureShare: Number.POSITIVE_INFINITY,
  windowMs: 120_000,
  failingMs: 0,
  openMs: 60_000,
  openMsMax: 60_000,
  jitter: 0,
};

export interface BreakerParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
}

export interface BreakerSnapshot {
  readonly key: string;
  readonly state: BreakerState;
  /** Failures in a row. */
  readonly consecutive: number;
  /** Of the window's outcomes: failures, and all of them. */
  readonly failures: number;
  readonly samples: number;
  /** What is left of the wait until a probe, in ms; 0 unless open. */
  readonly probeMs: number;
  /** How long it has not been closed, in ms; 0 while it is. */
  readonly troubledMs: number;
  /** The failure that opened it last: the system's word, an error code, or `status 503`. None while it is closed. */
  readonly failure?: string;
  /** Times it opened, and calls it refused, since it was made. */
  readonly opened: number;
  readonly refused: number;
}

export interface BreakerSnapshots {
  readonly breakers: readonly BreakerSnapshot[];
  /** Calls let through without a breaker, as there was no room for one more key. */
  readonly unguarded: number;
}

export interface BreakerPolicy extends Policy {
  /** The same for callers who judge replies themselves: any reply is a sign of life, whatever its status. */
  readonly passing: Policy;
  snapshot(): BreakerSnapshots;
  /** Closes the breaker of one key, or all of them: an operator knows that the peer is well. */
  reset(key?: string): void;
}

export function breaker(options: BreakerOptions, parts: BreakerParts): BreakerPolicy {
  const board = new Board(options, parts);
  const failing = new Set(options.statuses);
  const none = new Set<number>();
  const { clock } = parts;
  const policy = relayed(clock, (next) => (call, to, now) => board.relay(call, to, now, next, failing));
  return Object.assign(policy, {
    passing: relayed(clock, (next) => (call, to, now) => board.relay(call, to, now, next, none)),
    snapshot: () => board.snapshot(),
    reset: (key?: string) => board.reset(key),
  });
}

class Guard implements Keyed<Guard> {
  readonly key: string;
  readonly breaker: Breaker;
  users = 0;
  chainBefore: Guard | undefined;
  chainAfter: Guard | undefined;
  opened = 0;
  refused = 0;
  /** What opened it last. */
  failure: string | undefined;

  constructor(key: string, figures: BreakerFigures, random: Random) {
    this.key = key;
    this.breaker = new Breaker(figures, random);
  }
}

/** A call that was let through, until its outcome. */
class Guarded implements Outlet {
  readonly call: Call;
  readonly guard: Guard;
  readonly ticket: number;
  readonly since: number;
  readonly failing: ReadonlySet<number>;
  readonly #board: Board;
  readonly #to: Outlet;

  constructor(
    board: Board,
    call: Call,
    to: Outlet,
    guard: Guard,
    ticket: number,
    since: number,
    failing: ReadonlySet<number>,
  ) {
    this.#board = board;
    this.#to = to;
    this.call = call;
    this.guard = guard;
    this.ticket = ticket;
    this.since = since;
    this.failing = failing;
  }

  replied(reply: Reply, now: number): void {
    this.#board.replied(this, reply, now);
    this.#to.replied(reply, now);
  }

  failed(thrown: unknown, now: number): void {
    this.#board.failed(this, thrown, now);
    this.#to.failed(thrown, now);
  }
}

class Board {
  readonly #options: BreakerOptions;
  readonly #parts: BreakerParts;
  readonly #guards: KeyedStore<Guard>;
  #unguarded = 0;

  constructor(options: BreakerOptions, parts: BreakerParts) {
    this.#options = options;
    this.#parts = parts;
    this.#guards = new KeyedStore({
      keysMax: options.keysMax,
      make: (key) => new Guard(key, options, parts.random),
      forgettable: (guard, now) => guard.breaker.forgettable(now),
    });
  }

  /** @param failing statuses of failures; when there are none, any reply is a sign of life */
  relay(call: Call, to: Outlet, now: number, next: Relay, failing: ReadonlySet<number>): void {
    const guard = this.#guards.of(this.#options.key?.(call) ?? keyOf(call), now);
    if (guard === undefined) {
      this.#unguarded++;
      return next(call, to, now);
    }
    const before = guard.breaker.state;
    const ticket = guard.breaker.admit(now);
    if (guard.breaker.state !== before) this.#tell(guard, undefined, undefined);
    if (ticket === REFUSED) {
      guard.refused++;
      throw refusal(call, guard, now);
    }
    this.#guards.join(guard);
    pass(next, call, new Guarded(this, call, to, guard, ticket, now, failing), now);
  }

  replied({ call, guard, ticket, failing }: Guarded, { status }: Reply, now: number): void {
    const verdict = failing.size === 0 ? 'well' : verdictOfStatus(status, failing);
    this.#note(call, guard, ticket, now, verdict, status, undefined);
  }

  failed({ call, guard, ticket, since }: Guarded, thrown: unknown, now: number): void {
    const error = NetError.from(thrown);
    const verdict = verdictOfError(error, now - since, this.#options.patienceMs);
    this.#note(call, guard, ticket, now, verdict, undefined, error);
  }

  #note(
    { attempt }: Call,
    guard: Guard,
    ticket: number,
    now: number,
    verdict: Verdict,
    status: number | undefined,
    error: NetError | undefined,
  ): void {
    const before = guard.breaker.state;
    if (verdict === 'well') guard.breaker.success(ticket, now);
    else if (verdict === 'ill') guard.breaker.failure(ticket, now, attempt > 1);
    else guard.breaker.neither(ticket);
    this.#guards.leave(guard);
    if (guard.breaker.state !== before) this.#tell(guard, status, error);
  }

  #tell(guard: Guard, status: number | undefined, error: NetError | undefined): void {
    const { observer } = this.#parts;
    const { state, reason, openMs } = guard.breaker;
    if (state === 'closed') observer.breakerClosed?.({ breaker: guard.key, by: 'probe' });
    else if (state === 'half-open') observer.breakerHalfOpened?.({ breaker: guard.key });
    else {
      guard.opened++;
      guard.failure = failureOf(status, error) ?? guard.failure; // a probe that nobody answered says nothing new
      observer.breakerOpened?.({ breaker: guard.key, reason, openMs, status, error });
    }
  }

  reset(key: string | undefined): void {
    for (const guard of key === undefined ? this.#guards : [this.#guards.known(key)]) {
      if (guard === undefined) continue;
      const before = guard.breaker.state;
      guard.breaker.reset(this.#parts.clock.now());
      if (before !== 'closed') this.#parts.observer.breakerClosed?.({ breaker: guard.key, by: 'operator' });
    }
  }

  snapshot(): BreakerSnapshots {
    const now = this.#parts.clock.now();
    const breakers = Array.from(this.#guards, ({ key, breaker, opened, refused, failure }) => ({
      key,
      state: breaker.state,
      consecutive: breaker.consecutive(now),
      failures: breaker.failures(now),
      samples: breaker.samples(now),
      probeMs: breaker.probeMs(now),
      troubledMs: breaker.troubledMs(now),
      ...(breaker.state === 'closed' || failure === undefined ? {} : { failure }),
      opened,
      refused,
    }));
    return { breakers, unguarded: this.#unguarded };
  }
}

const keyOf = ({ section, origin }: Call): string => (section === '' ? origin.key : `${section} ${origin.key}`);
