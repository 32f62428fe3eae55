/**
 * Many deadlines, one timer. Members stand in a list; the timer is set for the earliest of their instants, and on
 * waking looks at all of them. Joining and leaving cost no timer: with the usual 30 s deadlines it is set once in 30 s.
 *
 * Invariants, true whenever no method is running:
 *   (1) While the list is not empty, a timer is set for no later than the earliest `dueAt` in it.
 *   (2) A member is told at most once per joining, never before its `dueAt`, and has left the list when it is told.
 *   (3) Input that had arrived before the instant is read first: a stalled event loop makes nobody late but itself.
 */
import type { Clock, Timer } from './clock.ts';

export interface Due {
  /** The instant, on the clock, at which it is due; `Infinity` for never. After making it earlier, call `hasten`. */
  dueAt: number;
  due(now: number): void;
  /** Links of the list; its own. */
  before: Due | undefined;
  after: Due | undefined;
  listed: boolean;
}

/** A sweep costs a look at every member, so two are at least this far apart, in ms. It is the precision of a deadline. */
const APART_MS = 2;

export class DueList {
  readonly #clock: Clock;
  #first: Due | undefined;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #sweepAt = 0;
  #size = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#size;
  }

  join(member: Due): void {
    member.listed = true;
    member.before = undefined;
    member.after = this.#first;
    if (this.#first !== undefined) this.#first.before = member;
    this.#first = member;
    this.#size++;
    if (member.dueAt < this.#timerAt) this.#arm(member.dueAt);
  }

  leave(member: Due): void {
    if (!member.listed) return;
    member.listed = false;
    if (member.before === undefined) this.#first = member.after;
    else member.before.after = member.after;
    if (member.after !== undefined) member.after.before = member.before;
    member.before = undefined;
    member.after = undefined;
    this.#size--;
  }

  /** Must be told when a member's `dueAt` has become earlier. */
  hasten(member: Due): void {
    if (member.dueAt < this.#timerAt) this.#arm(member.dueAt);
  }

  /** All members, newest first; a member may leave while it is visited. */
  *[Symbol.iterator](): Generator<Due> {
    let member = this.#first;
    while (member !== undefined) {
      const next: Due | undefined = member.after;
      yield member;
      member = next;
    }
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #arm(at: number): void {
    this.#timer?.cancel();
    this.#timerAt = Math.max(at, this.#sweepAt);
    const ms = this.#timerAt - this.#clock.now();
    this.#timer = this.#clock.after(Math.max(Math.ceil(ms), 0), () => {
      this.#timer = undefined;
      this.#clock.nextTurn(() => this.#sweep());
    });
  }

  #sweep(): void {
    const now = this.#clock.now();
    this.#sweepAt = now + APART_MS;
    this.#timerAt = Number.POSITIVE_INFINITY;
    let earliest = Number.POSITIVE_INFINITY;
    for (const member of this) {
      if (member.dueAt > now) {
        earliest = Math.min(earliest, member.dueAt);
      } else {
        this.leave(member);
        member.due(now);
      }
    }
    // A member told may have had others join: the timer they set, if earlier, stands.
    if (earliest < this.#timerAt) this.#arm(earliest);
  }
}
