/** One limit for one key, as one process of the fleet sees it. */
import type { Link } from '../../algo/chain.ts';
import { ExactWindow } from '../../algo/exact-window.ts';
import { Heap, type Placed } from '../../algo/heap.ts';
import type { Alone } from './alone.ts';
import type { FleetLimit } from './fleet-limits.ts';
import type { FleetWaiter } from './fleet-waiter.ts';
import { StartLedger } from './ledger.ts';

/** Answers closer together than this share of a window are told to Redis as one: 0.2 % of the window, 1 ms at least. */
const GRAINS = 512;

/** A report may wait for this share of a window: others count a start either way, under way or answered. */
const REPORTS = 4;
const REPORT_MS_MAX = 1_000;

/** Not sooner than this after a refusal, in ms: the precision of a timer. */
const ASK_AGAIN_MS = 1;

/** While all that counts is under way elsewhere, no instant is known: asked again after this share of a window. */
const GUESSES = 8;
const GUESS_MS_MAX = 250;

export interface FleetTimes {
  readonly windowMs: number;
  readonly lateMs: number;
  readonly holdMs: number;
}

export class FleetBucket implements Link<FleetBucket>, Placed {
  readonly key: string;
  readonly keys: readonly [log: string, state: string];
  readonly limit: FleetLimit;
  /** The starts of this process alone; while it is on its own, its share is the limit of this window. */
  readonly own: ExactWindow;
  readonly ledger: StartLedger;
  readonly waiters = new Heap<FleetWaiter>((a, b) => a.precedes(b));
  /** Asking for a start makes no sense before. */
  askAt = Number.NEGATIVE_INFINITY;
  /** When Redis is to hear of it again, at the latest. */
  reportAt = Number.POSITIVE_INFINITY;
  pausedUntil = Number.NEGATIVE_INFINITY;
  /** Whether Redis is still to be told of the pause. */
  pauseUntold = false;
  /** Calls that wait with this among their limits, or are under way. */
  calls = 0;
  dueAt = Number.POSITIVE_INFINITY;
  heapPlace = -1;
  chainBefore: FleetBucket | undefined;
  chainAfter: FleetBucket | undefined;
  readonly #times: FleetTimes;
  #epoch = '';
  #heardAt = Number.NEGATIVE_INFINITY;
  /** The loss during which `had` was noted: what this process had started of what counted then, at most its share. */
  #aloneSince = Number.NaN;
  #had = 0;

  constructor(key: string, keys: readonly [string, string], limit: FleetLimit, times: FleetTimes) {
    const { windowMs, lateMs } = times;
    this.key = key;
    this.keys = keys;
    this.limit = limit;
    this.#times = times;
    this.own = new ExactWindow({ limit: Number.MAX_SAFE_INTEGER, windowMs, lateMs });
    this.ledger = new StartLedger(windowMs, Math.max(windowMs / GRAINS, 1));
  }

  /** The earliest instant at which this process may start it on its own: see `alone.ts`, (1) and (2). */
  aloneAt(weight: number, { share, redisMs }: Alone, lostAt: number, now: number): number {
    const most = Math.floor(this.limit.limit.limit / share);
    if (this.#aloneSince !== lostAt) {
      this.#aloneSince = lostAt;
      this.#had = Math.min(this.own.used(now), most);
    }
    const metAt = share === 1 ? lostAt : lostAt + redisMs + this.#times.windowMs;
    let at = Math.max(this.#freeAt(weight, most, now), metAt);
    if (now < metAt && weight <= this.#had) at = Math.min(at, this.#freeAt(weight, this.#had, now));
    return Math.max(at, this.pausedUntil);
  }

  #freeAt(weight: number, most: number, now: number): number {
    this.own.limit = most;
    const at = this.own.fits(weight, now) ? now : this.own.fitsAt(weight, now);
    this.own.limit = Number.MAX_SAFE_INTEGER;
    return at;
  }

  begin(weight: number, now: number): void {
    this.own.begin(weight, now);
    this.ledger.begin(weight);
    this.#reportWithin(this.#times.holdMs / 3, now);
  }

  settle(weight: number, now: number): void {
    this.own.settle(weight, now);
    this.ledger.settle(weight, now);
    this.#reportWithin(this.#reportMs, now);
  }

  lose(weight: number, now: number): void {
    this.own.lose(weight, now);
    this.ledger.settle(weight, now, this.#times.lateMs);
    this.#reportWithin(this.#reportMs, now);
  }

  cancel(weight: number, now: number): void {
    this.own.cancel(weight);
    this.ledger.cancel(weight);
    this.askAt = Number.NEGATIVE_INFINITY;
    this.unused(now);
  }

  /** Redis counts what nobody uses: it is told soon. */
  unused(now: number): void {
    this.#reportWithin(0, now);
  }

  /** Redis is told soon of what it cannot know of. */
  tell(now: number): void {
    if (this.ledger.held > 0 || this.ledger.unsent) this.#reportWithin(0, now);
  }

  /** @returns whether that is news */
  pause(ms: number, now: number): boolean {
    if (now + ms <= this.pausedUntil) return false;
    this.pausedUntil = now + ms;
    this.pauseUntold = true;
    this.#reportWithin(0, now);
    return true;
  }

  /** What the script wants to know. */
  args(now: number): (string | number)[] {
    const { windowMs, holdMs } = this.#times;
    const pauseUs = this.pauseUntold ? Math.max(Math.ceil((this.pausedUntil - now) * 1_000), 0) : 0;
    const us = [this.limit.limit.limit, windowMs * 1_000, holdMs * 1_000];
    return [...us, this.#remembers(now) ? this.#epoch : '', ...this.ledger.report(now, pauseUs)];
  }

  /** What the script said about asking again. */
  refusedFor(hintUs: number, askedAt: number, now: number): void {
    const guessMs = Math.min(this.#times.windowMs / GUESSES, GUESS_MS_MAX);
    // The next question takes as long to get there as this one did: asked then, it arrives when there is room.
    this.askAt = Math.max(hintUs > 0 ? askedAt + hintUs / 1_000 : now + guessMs, now + ASK_AGAIN_MS);
  }

  /** Redis has heard what `args` said at `askedAt`. @returns whether it had lost its memory since the last time */
  heard(epoch: string, askedAt: number, now: number): boolean {
    const forgot = this.#remembers(askedAt) && this.#epoch !== epoch;
    this.#epoch = epoch;
    this.#heardAt = askedAt;
    this.ledger.acknowledge();
    this.pauseUntold = false;
    this.reportAt = Number.POSITIVE_INFINITY;
    if (this.ledger.held > 0) this.#reportWithin(this.#times.holdMs / 3, now);
    if (this.ledger.unsent) this.#reportWithin(this.#reportMs, now);
    return forgot;
  }

  forgettable(now: number): boolean {
    const idle = this.calls === 0 && this.reportAt === Number.POSITIVE_INFINITY && !this.ledger.unsent;
    return idle && now >= Math.max(this.pausedUntil, this.own.emptyAt(now));
  }

  /** Whether what Redis last said of its state must still hold: it forgets what nobody has asked for in so long. */
  #remembers(now: number): boolean {
    return now < this.#heardAt + this.#times.windowMs + this.#times.holdMs;
  }

  get #reportMs(): number {
    return Math.min(this.#times.windowMs / REPORTS, REPORT_MS_MAX);
  }

  #reportWithin(ms: number, now: number): void {
    this.reportAt = Math.min(this.reportAt, now + ms);
  }
}
