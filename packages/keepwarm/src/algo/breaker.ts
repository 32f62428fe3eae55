/**
 * When to stop sending to a peer that fails, and when to try again: the states of one breaker, without clock and calls.
 *
 *             too many failures                        waited
 *   closed ─────────────────────▶ open ──────────────────────────────▶ half-open
 *     ▲                            ▲    seen when the next call comes    │    │
 *     │                            └───────────── a probe fails ─────────┘    │
 *     └──────────────────────── probesNeeded probes succeed ──────────────────┘
 *
 * Invariants, true whenever no method is running:
 *   (1) Open admits nothing before `probeAt`; half-open has at most `probesMax` probes under way.
 *   (2) Only what was admitted in the present state counts: a pass from before the last change of state says nothing,
 *       so that calls begun before the opening neither lengthen it nor end it, and probes of an earlier trial do not
 *       either.
 *   (3) Closed: fewer than `consecutiveMax` failures in a row, and a share below `failureShare` of the window's
 *       outcomes or fewer than `samplesMin` of them. Nothing older than `windowMs` counts, in a row or not.
 *   (4) Each wait is twice the one before, up to `openMsMax`, less at most `jitter` of it. It begins anew at `openMs`
 *       once the breaker has stayed closed for a whole window.
 *   (5) A probe without an outcome does not block for ever: after `openMs` it counts as failed.
 *   (6) Every operation takes constant time, and no memory.
 *   (7) Nothing opens it that has lasted for less than `failingMs`: neither a row of failures that began later, nor a
 *       share of failures where there was none before that. A peer that restarts fails a hundred calls in one instant,
 *       and answers the next; that is one event, and the breaker would make it one of seconds.
 *
 * Source: M. Nygard, "Release It!", 2007 (the pattern); Finagle's FailureAccrual (either criterion, growing and
 * jittered waits, one probe on revival).
 */
import type { Random } from '../core/clock.ts';
import type { BreakerOpening } from '../core/observer.ts';
import { OutcomeWindow } from './outcome-window.ts';

export interface BreakerFigures {
  /**
   * Calls in a row whose failures open it; `Infinity` for any number. What one call meets in all its attempts is one
   * failure in the row: it may be about that call.
   */
  readonly consecutiveMax: number;
  /** Share of the window's outcomes, 0…1, from which on failures open it; above 1 for never. */
  readonly failureShare: number;
  /** Failures must have gone on for so long, in ms, before they open it, however many there are. */
  readonly failingMs: number;
  /** Outcomes within the window before their share means anything. */
  readonly samplesMin: number;
  /** How long an outcome counts, in ms. */
  readonly windowMs: number;
  /** The first wait until a probe, in ms. */
  readonly openMs: number;
  /** The longest wait that doubling leads to, in ms. */
  readonly openMsMax: number;
  /** The share of a wait that chance may take off, 0…1: clients that saw one failure do not all come back at once. */
  readonly jitter: number;
  /** Probes under way at the same time. */
  readonly probesMax: number;
  /** Probes that must succeed, all in one trial, to close it. */
  readonly probesNeeded: number;
}

export type BreakerState = 'closed' | 'open' | 'half-open';

/** In place of a pass: not admitted. */
export const REFUSED = -1;

export class Breaker {
  readonly #figures: BreakerFigures;
  readonly #random: Random;
  readonly #window: OutcomeWindow;
  #state: BreakerState = 'closed';
  /** One more with each change of state; a pass is the number of the state it was given in. */
  #era = 0;
  #consecutive = 0;
  #lastFailureAt = Number.NEGATIVE_INFINITY;
  /** When the present row began, and when the window came to have a failure in it. */
  #rowSince = Number.NEGATIVE_INFINITY;
  #illSince = Number.NEGATIVE_INFINITY;
  #closedAt = Number.NEGATIVE_INFINITY;
  /** When it opened out of the closed state. */
  #troubledAt = Number.NEGATIVE_INFINITY;
  /** Openings since the waits last began anew. */
  #openings = 0;
  #openMs = 0;
  #probeAt = Number.NEGATIVE_INFINITY;
  #reason: BreakerOpening = 'consecutive';
  #probing = 0;
  #probed = 0;
  /** When the latest probe was let through. */
  #probedAt = Number.NEGATIVE_INFINITY;

  constructor(figures: BreakerFigures, random: Random) {
    this.#figures = figures;
    this.#random = random;
    this.#window = new OutcomeWindow(figures.windowMs);
  }

  /** As of the last operation: an open breaker whose wait is over becomes half-open when the next call comes. */
  get state(): BreakerState {
    return this.#state;
  }

  /** Why it opened last. */
  get reason(): BreakerOpening {
    return this.#reason;
  }

  /** The length of the present wait, or the last one, in ms. */
  get openMs(): number {
    return this.#openMs;
  }

  /** What is left of the wait, in ms; 0 when it is over, or there is none. */
  probeMs(now: number): number {
    return this.#state === 'open' ? Math.max(this.#probeAt - now, 0) : 0;
  }

  /** How long it has not been closed, failed probes included, in ms; 0 while it is. */
  troubledMs(now: number): number {
    return this.#state === 'closed' ? 0 : now - this.#troubledAt;
  }

  consecutive(now: number): number {
    return now - this.#lastFailureAt > this.#figures.windowMs ? 0 : this.#consecutive;
  }

  failures(now: number): number {
    return this.#window.failures(now);
  }

  samples(now: number): number {
    return this.#window.samples(now);
  }

  /** Whether it knows nothing any more that a new one would not: nobody has come for long. */
  forgettable(now: number): boolean {
    return this.#state === 'closed' || now - Math.max(this.#probeAt, this.#probedAt) > this.#figures.windowMs;
  }

  /** @returns a pass, to be given back with the outcome; or `REFUSED` */
  admit(now: number): number {
    if (this.#state === 'closed') return this.#era;
    if (this.#state === 'open') {
      if (now < this.#probeAt) return REFUSED;
      this.#enter('half-open');
    } else if (!this.#mayProbe()) {
      if (now - this.#probedAt >= this.#figures.openMs) this.#open('silence', now);
      return REFUSED;
    }
    this.#probing++;
    this.#probedAt = now;
    return this.#era;
  }

  success(pass: number, now: number): void {
    if (pass !== this.#era) return;
    if (this.#state === 'half-open') {
      this.#probing--;
      if (++this.#probed >= this.#figures.probesNeeded) this.#close(now);
      return;
    }
    this.#consecutive = 0;
    this.#window.record(false, now);
  }

  /** @param again of a call that has failed before: it adds to the share, and to the row only once */
  failure(pass: number, now: number, again = false): void {
    if (pass !== this.#era) return;
    if (this.#state === 'half-open') return this.#open('probe', now);
    const row = this.consecutive(now);
    if (row === 0) this.#rowSince = now;
    if (this.#window.failures(now) === 0) this.#illSince = now;
    this.#consecutive = row + (again ? 0 : 1);
    this.#lastFailureAt = now;
    this.#window.record(true, now);
    if (this.#consecutive >= this.#figures.consecutiveMax && this.#lasts(this.#rowSince, now)) {
      this.#open('consecutive', now);
    } else if (this.#tooLarge(now) && this.#lasts(this.#illSince, now)) this.#open('share', now);
  }

  /** Whether the share of failures is. */
  #tooLarge(now: number): boolean {
    const { failureShare, samplesMin } = this.#figures;
    const samples = this.#window.samples(now);
    return samples >= samplesMin && this.#window.failures(now) >= failureShare * samples;
  }

  #lasts(since: number, now: number): boolean {
    return now - since >= this.#figures.failingMs;
  }

  /** The call ended in a way that says nothing about the peer. */
  neither(pass: number): void {
    if (pass === this.#era && this.#state === 'half-open') this.#probing--;
  }

  /** Closes it and forgets everything: somebody knows better. */
  reset(now: number): void {
    this.#close(now);
    this.#openings = 0;
  }

  /** Places are for those under way and those that have succeeded; more than are needed would prove nothing. */
  #mayProbe(): boolean {
    const { probesMax, probesNeeded } = this.#figures;
    return this.#state === 'half-open' && this.#probing < Math.min(probesMax, probesNeeded - this.#probed);
  }

  #open(reason: BreakerOpening, now: number): void {
    const { openMs, openMsMax, jitter, windowMs } = this.#figures;
    if (this.#state === 'closed') {
      this.#troubledAt = now;
      if (now - this.#closedAt >= windowMs) this.#openings = 0;
    }
    const fullMs = Math.min(openMs * 2 ** Math.min(this.#openings++, DOUBLINGS_MAX), openMsMax);
    this.#openMs = fullMs * (1 - jitter * this.#random());
    this.#probeAt = now + this.#openMs;
    this.#reason = reason;
    this.#enter('open');
  }

  #close(now: number): void {
    this.#closedAt = now;
    this.#consecutive = 0;
    this.#window.clear();
    this.#enter('closed');
  }

  #enter(state: BreakerState): void {
    this.#state = state;
    this.#era++;
    this.#probing = 0;
    this.#probed = 0;
  }
}

/** 2³⁰ times any wait is beyond every cap. */
const DOUBLINGS_MAX = 30;
