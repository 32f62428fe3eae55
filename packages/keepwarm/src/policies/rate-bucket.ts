/** One limit for one key: its window, what the peer said about it, and who waits for it. */
import type { Link } from '../algo/chain.ts';
import { ExactWindow, type WindowOptions } from '../algo/exact-window.ts';
import { Heap, type Placed } from '../algo/heap.ts';
import type { RateWaiter } from './rate-waiter.ts';

/** What a peer said is left of a quota: `remaining` after the call with this `mark`, for `ms` from now. */
export interface Allowance {
  readonly remaining: number;
  readonly ms: number;
  readonly mark: number;
}

export class RateBucket implements Link<RateBucket>, Placed {
  readonly key: string;
  readonly window: ExactWindow;
  /** The limit as it was configured. */
  readonly whole: number;
  /** Those for whom this is what they wait for, by precedence. */
  readonly waiters = new Heap<RateWaiter>((a, b) => a.precedes(b));
  /** The weight of all of them, and the latest of their deadlines. */
  waitingWeight = 0;
  latestDeadlineAt = Number.NEGATIVE_INFINITY;
  /** Weight ever begun: the place of a call in the order of starts. */
  begun = 0;
  /** Calls that wait with this among their limits, or are under way. */
  calls = 0;
  /** When its waiters are to be looked at again. */
  wakeAt = Number.POSITIVE_INFINITY;
  heapPlace = -1;
  chainBefore: RateBucket | undefined;
  chainAfter: RateBucket | undefined;
  /** What the peer says the limit is, and how many of its places this process has: see `rate-share.ts`. */
  #told: number;
  #places: number;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  /** `begun` may not exceed the ceiling before the instant at which the peer's quota is full again. */
  #ceiling = Number.POSITIVE_INFINITY;
  #ceilingUntil = Number.NEGATIVE_INFINITY;
  #ceilingMark = Number.NEGATIVE_INFINITY;

  constructor(key: string, options: WindowOptions) {
    this.key = key;
    this.window = new ExactWindow(options);
    this.whole = options.limit;
    this.#told = options.limit;
    this.#places = options.limit;
  }

  /** The limit for all processes that share it. */
  get limit(): number {
    return this.#told;
  }

  /** The peer says that it is less. */
  set limit(told: number) {
    this.#told = Math.min(told, this.whole);
    this.#settle();
  }

  get places(): number {
    return this.#places;
  }

  set places(places: number) {
    this.#places = places;
    this.#settle();
  }

  fits(weight: number, now: number): boolean {
    return this.window.fits(weight, now) && now >= this.#heldUpUntil(weight, now);
  }

  /** The earliest instant at which it can fit; `Infinity` where that takes more places than there are here. */
  fitsAt(weight: number, now: number): number {
    if (this.#places < this.whole && weight > this.window.limit) return Number.POSITIVE_INFINITY;
    return Math.max(this.window.fitsAt(weight, now), this.#heldUpUntil(weight, now));
  }

  /** The same behind `ahead`, should all places that are elsewhere come here at once. */
  mayFitAt(weight: number, now: number, ahead: number): number {
    const all = ahead + weight;
    return Math.max(this.window.fitsAt(all, now, this.#told), this.#heldUpUntil(all, now));
  }

  /** The caller has asked `fits`. @returns the mark of this start */
  begin(weight: number, now: number): number {
    this.window.begin(weight, now);
    return (this.begun += weight);
  }

  /** Nothing starts for `ms`. @returns whether that is news */
  pause(ms: number, now: number): boolean {
    if (now + ms <= this.#pausedUntil) return false;
    this.#pausedUntil = now + ms;
    return true;
  }

  pausedMs(now: number): number {
    return Math.max(this.#pausedUntil - now, 0);
  }

  /**
   * A later call knows better, an earlier one only when it is stricter: replies come back in any order. What began
   * before the marked call has been counted in what the peer said, what began after it has not.
   */
  allow({ remaining, ms, mark }: Allowance, now: number): void {
    const ceiling = mark + remaining;
    const superseded = mark < this.#ceilingMark && now < this.#ceilingUntil;
    if (superseded && ceiling >= this.#ceiling) return;
    this.#ceiling = ceiling;
    this.#ceilingUntil = now + ms;
    this.#ceilingMark = Math.max(mark, this.#ceilingMark);
  }

  /** What may begin at `now`, by our own count and by the peer's. */
  remaining(now: number): number {
    if (now < this.#pausedUntil) return 0;
    const own = this.window.remaining(now);
    return now < this.#ceilingUntil ? Math.max(Math.min(own, this.#ceiling - this.begun), 0) : own;
  }

  /** Nothing would be lost if it were forgotten. */
  forgettable(now: number): boolean {
    return this.calls === 0 && now >= Math.max(this.#pausedUntil, this.#ceilingUntil, this.window.emptyAt(now));
  }

  /** Whether the first to wait here precedes the first to wait there. */
  precedes(other: RateBucket): boolean {
    const there = other.waiters.first;
    return there !== undefined && this.waiters.first?.precedes(there) === true;
  }

  addWaiter(waiter: RateWaiter, weight: number): void {
    this.waiters.push(waiter);
    this.waitingWeight += weight;
    this.latestDeadlineAt = Math.max(this.latestDeadlineAt, waiter.deadlineAt);
  }

  removeWaiter(waiter: RateWaiter, weight: number): void {
    this.waiters.remove(waiter);
    this.waitingWeight -= weight;
    if (this.waiters.size === 0) this.latestDeadlineAt = Number.NEGATIVE_INFINITY;
  }

  /** The weight that is certain to go before one with this deadline; 0 when that would take a search. */
  aheadOf(deadlineAt: number): number {
    return deadlineAt >= this.latestDeadlineAt ? this.waitingWeight : 0;
  }

  /** Of what the peer leaves, the same share as of the whole. */
  #settle(): void {
    const [told, places] = [this.#told, this.#places];
    const share = told === this.whole ? places : Math.floor((told * places) / this.whole);
    this.window.limit = places === 0 ? 0 : Math.max(share, 1);
  }

  #heldUpUntil(weight: number, now: number): number {
    const short = now < this.#ceilingUntil && this.begun + weight > this.#ceiling;
    return short ? Math.max(this.#ceilingUntil, this.#pausedUntil) : this.#pausedUntil;
  }
}
