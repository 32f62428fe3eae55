/**
 * How many extra attempts a stream of calls may cause: a share of the calls, and a few per second for clients that make
 * few. One budget is asked by everything that sends a call more than once, so that together they keep to one rule:
 * when an upstream fails, its load grows by the share and no more, however many attempts a single call may have.
 *
 * Source: Finagle's RetryBudget, a leaky token bucket: 20 % of the calls of the last 10 s, and 10 per second. It
 * forgets withdrawals as coarsely as deposits, and so grants up to twice its reserve within one window. Here a
 * withdrawal is remembered for one slot longer than a deposit, which makes the rule exact:
 *
 * Invariants, with n = deposits and w = withdrawals of the `windowMs` before an instant:
 *   (1) Whenever a withdrawal is granted, w ≤ perSecond × windowMs / 1000 + share × n, the one granted included.
 *   (2) Nothing older than windowMs and one slot plays any part: silence brings back the reserve, no more and no less.
 *   (3) Each operation takes constant time, and no memory.
 */
import type { Clock } from '../core/clock.ts';

export interface BudgetOptions {
  /** Extra attempts per call made, 0.2 for one in five. Default 0.2 (Finagle `percentCanRetry`). */
  readonly share: number;
  /**
   * Extra attempts granted per second whatever the traffic, as a reserve over the window. Default 10 (Finagle
   * `minRetriesPerSec`).
   */
  readonly perSecond: number;
  /** How long a call counts, in ms. Default 10 s (Finagle `ttl`). */
  readonly windowMs: number;
}

export const BUDGET_DEFAULTS: BudgetOptions = { share: 0.2, perSecond: 10, windowMs: 10_000 };

/** What a budget is to those who ask it. */
export interface Budget {
  /** A call was made, for the first time. @param now the instant, when it has just been read */
  deposit(now?: number): void;
  /** Asks for one extra attempt. @returns whether it may be made */
  withdraw(): boolean;
  /** Extra attempts that would be granted now. */
  readonly balance: number;
}

export interface BudgetSnapshot {
  readonly balance: number;
  /** Since the beginning: calls made, extra attempts granted, and refused. */
  readonly deposits: number;
  readonly withdrawals: number;
  readonly refusals: number;
}

/** A window is cut into so many slots. Each costs the stream one part in as many of what it could be granted. */
const SLOTS = 20;
/** One more slot is kept, for withdrawals. */
const KEPT = SLOTS + 1;
/** What adding up shares may be short of, so that five calls at 0.2 make one. */
const ROUNDING = 1e-9;

export class RetryBudget implements Budget {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #share: number;
  readonly #reserve: number;
  readonly #slotMs: number;
  /** By slot, modulo `KEPT`. */
  readonly #deposits = new Float64Array(KEPT);
  readonly #withdrawals = new Float64Array(KEPT);
  #slot: number;
  #deposited = 0;
  #withdrawn = 0;
  #depositsEver = 0;
  #withdrawalsEver = 0;
  #refusalsEver = 0;

  constructor(options: BudgetOptions, clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    this.#share = options.share;
    this.#reserve = (options.perSecond * options.windowMs) / 1000;
    this.#slotMs = options.windowMs / SLOTS;
    this.#slot = this.#slotAt(clock.now());
  }

  /**
   * An instant that is past already counts as the latest one seen: what a call adds may be forgotten early, never late.
   */
  deposit(now: number = this.#clock.now()): void {
    this.#advance(now);
    this.#deposits[this.#slot % KEPT]!++;
    this.#deposited++;
    this.#depositsEver++;
  }

  withdraw(): boolean {
    this.#advance(this.#clock.now());
    if (this.#left() < 1) {
      this.#refusalsEver++;
      return false;
    }
    this.#withdrawals[this.#slot % KEPT]!++;
    this.#withdrawn++;
    this.#withdrawalsEver++;
    return true;
  }

  /**
   * As `withdraw`, for what can be done without: granted while more than half of all that could be granted is left. So
   * it takes nothing from failures, and that it was not granted is no refusal.
   */
  withdrawSpare(): boolean {
    this.#advance(this.#clock.now());
    return this.#left() >= 1 + (this.#left() + this.#withdrawn) / 2 && this.withdraw();
  }

  get balance(): number {
    this.#advance(this.#clock.now());
    return Math.max(0, Math.floor(this.#left()));
  }

  snapshot(): BudgetSnapshot {
    return {
      balance: this.balance,
      deposits: this.#depositsEver,
      withdrawals: this.#withdrawalsEver,
      refusals: this.#refusalsEver,
    };
  }

  #left(): number {
    return this.#reserve + this.#share * this.#deposited - this.#withdrawn + ROUNDING;
  }

  #slotAt(now: number): number {
    return Math.floor(now / this.#slotMs);
  }

  #advance(now: number): void {
    const slot = this.#slotAt(now);
    if (slot <= this.#slot) return;
    // After a whole round every slot has been forgotten: a longer silence takes no more steps.
    for (let next = Math.max(this.#slot + 1, slot - KEPT); next <= slot; next++) this.#forget(next);
    this.#slot = slot;
  }

  /**
   * Makes room for a slot: it takes the place of the oldest withdrawals, and the deposits one slot younger are due too.
   */
  #forget(slot: number): void {
    const oldest = slot % KEPT;
    const old = (slot + 1) % KEPT;
    this.#withdrawn -= this.#withdrawals[oldest]!;
    this.#withdrawals[oldest] = 0;
    this.#deposited -= this.#deposits[old]!;
    this.#deposits[old] = 0;
  }
}
