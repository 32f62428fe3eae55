/**
 * Many deadlines, one timer. Members stand in a list; the timer is set for the earliest of their instants, and on
 * waking looks at all of them. Joining and leaving cost no timer: with the usual 30 s deadlines it is set once in 30 s.
 *
 * Invariants, true whenever no method is running:
 *   (1) Unless nobody in it is ever due, one timer is set, or a sweep is about to begin: for no later than the earliest
 *       `dueAt`, or `APART_MS` after the last sweep.
 *   (2) A member is told at most once per joining, never before its `dueAt`, and has left the list when it is told.
 *       What it then does to others, joining, leaving and hastening included, makes none of them be forgotten; nor
 *       does what it throws.
 *   (3) Input that had arrived before the instant is read first: a stalled event loop makes nobody late but itself.
 */
import type { Clock, Timer } from './clock.ts';
import { throwApart } from './turns.ts';

export interface Due {
  /** The instant, on the clock, at which it is due; `Infinity` for never. After making it earlier, call `hasten`. */
  dueAt: number;
  due(now: number): void;
  /** Links of the list; its own. */
  before: Due | undefined;
  after: Due | undefined;
  listed: boolean;
}

/** A sweep costs a look at every member, so two are at least this far apart, in ms: the precision of a deadline. */
const APART_MS = 2;

export class DueList {
  readonly #clock: Clock;
  #first: Due | undefined;
  #timer: Timer | undefined;
  /** `Infinity` when no timer is set; `-Infinity` when none is needed: a sweep is about to begin, or all is closed. */
  #timerAt = Number.POSITIVE_INFINITY;
  /** No sweep before this instant. */
  #sweepAt = Number.NEGATIVE_INFINITY;
  #size = 0;
  #closed = false;

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

  /** All members of this moment, newest first; whoever leaves before its turn is not visited. */
  *[Symbol.iterator](): Generator<Due> {
    const members: Due[] = [];
    for (let member = this.#first; member !== undefined; member = member.after) members.push(member);
    for (const member of members) if (member.listed) yield member;
  }

  /** Nobody is told any more. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.NEGATIVE_INFINITY;
  }

  #arm(dueAt: number): void {
    const at = Math.max(dueAt, this.#sweepAt);
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#clock.after(Math.max(Math.ceil(at - this.#clock.now()), 0), () => {
      this.#timer = undefined;
      this.#timerAt = Number.NEGATIVE_INFINITY;
      this.#clock.nextTurn(() => this.#sweep());
    });
  }

  #sweep(): void {
    if (this.#closed) return;
    const now = this.#clock.now();
    this.#sweepAt = now + APART_MS;
    this.#timerAt = Number.POSITIVE_INFINITY;
    let earliest = Number.POSITIVE_INFINITY;
    for (const member of this) {
      if (member.dueAt > now) {
        earliest = Math.min(earliest, member.dueAt);
      } else {
        this.leave(member);
        try {
          member.due(now);
        } catch (error) {
          throwApart(error); // the others' time is up as well
        }
      }
    }
    // A member told may have had others join, and set a timer for them: the earlier of the two stands.
    this.#arm(earliest);
  }
}
