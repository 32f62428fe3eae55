/**
 * A rate limit that is exact over every window: a log of starts, not a bucket. A bucket of 60 refilled once a second
 * lets 119 starts into one minute (burst + rate × window: R. L. Cruz, "A calculus for network delay, part I", IEEE
 * Trans. Information Theory 37(1), 1991), a fixed window or a weighted counter 120; this 60.
 *
 *              ┌─ cancel ─▶ nothing was started: free at once
 *    begin ────┼─ settle ─▶ counts for windowMs more
 *   (counts)   └─ lose ───▶ counts for lateMs, is then settled
 *
 * Who counts the starts (the peer) sees each at some instant between its `begin` and its `settle`: after it was
 * granted, before its answer was read. A start that counts from the first until windowMs after the second is therefore
 * counted at least as long as it is there, however long it was under way. `take` is both at once, for starts counted by
 * us. When no answer came, the peer may yet see it, for as long as bytes can be under way: `lateMs`.
 *
 * A window is half-open: [t, t + windowMs). A start settled at s fills places in every window up to the one that begins
 * at s, and leaves its place at the instant s + windowMs. Instants are doubles; so is the precision of this.
 *
 * Invariants, true whenever no method is running:
 *   (1) No half-open window of windowMs holds starts of more than `limit` in total, wherever between begin and settle
 *       each of them is counted (while `limit` stays; what was begun under a higher one is not undone).
 *   (2) used = held + late + settled within the last windowMs ≤ the highest limit there was.
 *   (3) With nothing held and no coalescing, `fitsAt` is exact: refused just before it, granted at it.
 *   (4) At most min(limit, ENTRIES_MAX + 2) entries in memory, 16 bytes each, twice that while the log grows.
 *   (5) Time that goes back stands still instead: starts then count for longer, never for less.
 *
 * Every method is O(1) amortised, but `fitsAt` is O(log limit).
 */
import { invariant } from '../core/error.ts';
import { refused } from '../core/refusal.ts';
import { ExpiryLog } from './expiry-log.ts';

/**
 * Beyond this limit, starts less than windowMs ÷ ENTRIES_MAX apart share an entry that counts until the last of them
 * does. That stays within the limit (1) and costs less than 0.002 % of the window; memory ends at 1 MiB.
 */
const ENTRIES_MAX = 65_536;

export interface WindowOptions {
  /** Total weight of starts in any window; a positive integer. */
  readonly limit: number;
  /** Length of a window, in ms. */
  readonly windowMs: number;
  /** How long a start without an answer may still be on its way to the peer, in ms. */
  readonly lateMs?: number | undefined;
}

export class ExactWindow {
  readonly windowMs: number;
  readonly #lateMs: number;
  readonly #settled: ExpiryLog;
  readonly #late: ExpiryLog;
  #limit: number;
  #held = 0;
  #now = Number.NEGATIVE_INFINITY;

  /** @throws NetError `INVALID`: a window that is none would let everything through */
  constructor({ limit, windowMs, lateMs = 0 }: WindowOptions) {
    if (!Number.isSafeInteger(limit) || limit < 1) throw refused('limit', limit, 'a whole number from 1');
    if (!Number.isFinite(windowMs) || windowMs <= 0) throw refused('windowMs', windowMs, 'a number above 0');
    if (!Number.isFinite(lateMs) || lateMs < 0) throw refused('lateMs', lateMs, 'a number from 0');
    this.windowMs = windowMs;
    this.#limit = limit;
    this.#lateMs = lateMs;
    const coalesced = limit > ENTRIES_MAX;
    this.#settled = new ExpiryLog(coalesced ? windowMs / ENTRIES_MAX : 0);
    this.#late = new ExpiryLog(coalesced ? Math.max(lateMs, windowMs) / ENTRIES_MAX : 0);
  }

  get limit(): number {
    return this.#limit;
  }

  /** A lower limit holds for what begins from now on. Not higher than the first, for which memory is sized. */
  set limit(limit: number) {
    this.#limit = limit;
  }

  /** Weight that counts at `now`. */
  used(now: number): number {
    this.#pass(now);
    return this.#used;
  }

  /** Weight that may begin at `now`. */
  remaining(now: number): number {
    return Math.max(this.#limit - this.used(now), 0);
  }

  fits(weight: number, now: number): boolean {
    if (this.#used + weight <= this.#limit) return true; // only ever less is used as time passes
    this.#pass(now);
    return this.#used + weight <= this.#limit;
  }

  /**
   * The earliest instant at which `weight` could have begun, alone or in several starts. It is exact while nothing is
   * held; what is held is taken to be settled now. More than `limit` takes several windows: a place given at one
   * instant is free again windowMs later, no sooner.
   *
   * @param limit as if it were that
   */
  fitsAt(weight: number, now: number, limit = this.#limit): number {
    this.#pass(now);
    const windows = Math.max(Math.ceil(weight / limit) - 1, 0);
    const need = this.#used + weight - (windows + 1) * limit;
    return (need <= 0 ? this.#now : this.#freed(need)) + windows * this.windowMs;
  }

  /** The instant at which nothing will count any more, if nothing else begins and what is held is settled now. */
  emptyAt(now: number): number {
    this.#pass(now);
    if (this.#late.weight > 0) return this.#late.last + this.windowMs;
    if (this.#held > 0) return this.#now + this.windowMs;
    return this.#settled.weight > 0 ? this.#settled.last : this.#now;
  }

  /** It counts from now on. The caller has asked `fits`. */
  begin(weight: number, now: number): void {
    invariant(this.fits(weight, now), 'a start began that does not fit');
    this.#held += weight;
  }

  /** What began has been counted by the peer, or by us. */
  settle(weight: number, now: number): void {
    this.#unhold(weight);
    this.#pass(now);
    this.#settled.add(this.#now + this.windowMs, weight);
  }

  /** What began ended without an answer. */
  lose(weight: number, now: number): void {
    if (this.#lateMs <= 0) return this.settle(weight, now);
    this.#unhold(weight);
    this.#pass(now);
    this.#late.add(this.#now + this.#lateMs, weight);
  }

  /** What began was never started. */
  cancel(weight: number): void {
    this.#unhold(weight);
  }

  /** Begins and settles at once, if it fits. */
  take(weight: number, now: number): boolean {
    if (!this.fits(weight, now)) return false;
    this.#pass(now);
    this.#settled.add(this.#now + this.windowMs, weight);
    return true;
  }

  get #used(): number {
    return this.#held + this.#settled.weight + this.#late.weight;
  }

  /**
   * The earliest instant by which `need` of what is used now can be free: first what is settled, then held, then late.
   */
  #freed(need: number): number {
    const { weight } = this.#settled;
    if (need <= weight) return this.#settled.instantOf(need);
    if (need <= weight + this.#held) return this.#now + this.windowMs;
    return this.#late.instantOf(need - weight - this.#held) + this.windowMs;
  }

  #unhold(weight: number): void {
    this.#held -= weight;
    invariant(this.#held >= 0, 'more starts were settled than had begun');
  }

  #pass(now: number): void {
    if (now > this.#now) this.#now = now;
    // Whenever something is added, what was late until then has been: so instants only rise.
    if (this.#late.size > 0) this.#late.expireInto(this.#now, this.#arrived);
    this.#settled.expire(this.#now);
  }

  readonly #arrived = (at: number, weight: number): void => this.#settled.add(at + this.windowMs, weight);
}
