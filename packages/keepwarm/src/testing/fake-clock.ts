/**
 * A clock that stands still until it is told to move, for tests of everything that takes a `Clock`.
 *
 *     const clock = new FakeClock();
 *     const cache = new DnsCache(options, clock, {});
 *     clock.advance(5_000);                 // runs what falls due on the way, in order
 *     assert.equal(clock.sleeping, 0);      // and no timer was left behind
 *
 * Order of events, as the event loop has it:
 *   (1) Timers run by instant, those of one instant in the order they were set; `now()` is that instant meanwhile.
 *   (2) Tasks given to `nextTurn` run before time moves on: on entry to `advance` and after each instant's timers.
 *   (3) Timers and tasks started on the way take part if they fall due within the same `advance`.
 *   (4) `turn()` runs only what was waiting when it was called: one turn of the loop.
 *   (5) Promises never continue inside `advance`, which is synchronous; `run` and `settle` let them.
 */
import { type Clock, systemClock, type Timer } from '../core/clock.ts';

interface Sleeper extends Timer {
  readonly at: number;
  readonly task: () => void;
}

/** The longest delay of a real timer, so that an `Infinity` behaves as it does on the system clock. */
const DELAY_MS_MAX = 2_147_483_647;

/** Timers or tasks that start each other without end would hang the test: more than this at one instant is an error. */
const RUNS_PER_INSTANT_MAX = 100_000;

export class FakeClock implements Clock {
  /** By instant, then by order of setting. */
  readonly #sleepers: Sleeper[] = [];
  #turns: (() => void)[] = [];
  #now: number;
  #wallAhead: number;

  /**
   * @param nowMs  what `now()` starts at
   * @param wallMs what `wall()` starts at, in ms since 1970; by default the first instant of 2030, UTC
   */
  constructor(nowMs = 0, wallMs = Date.UTC(2030, 0, 1)) {
    this.#now = nowMs;
    this.#wallAhead = wallMs - nowMs;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now + this.#wallAhead;
  }

  /** Moves the wall clock alone, as an operator or NTP does; nothing that measures time may notice. */
  setWall(wallMs: number): void {
    this.#wallAhead = wallMs - this.#now;
  }

  after(ms: number, task: () => void): Timer {
    if (Number.isNaN(ms)) throw new RangeError('a timer was set for NaN ms');
    const at = this.#now + Math.min(Math.max(ms, 0), DELAY_MS_MAX);
    const sleeper: Sleeper = { at, task, cancel: () => this.#remove(sleeper) };
    this.#sleepers.splice(this.#placeOf(at), 0, sleeper);
    return sleeper;
  }

  nextTurn(task: () => void): void {
    this.#turns.push(task);
  }

  /** Calls for which the process would be kept alive. */
  held = 0;

  hold(): void {
    this.held++;
  }

  release(): void {
    this.held--;
  }

  /** Timers set and neither run nor cancelled. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** Tasks waiting for the next turn. */
  get turning(): number {
    return this.#turns.length;
  }

  /** How long until the next timer is due, in ms; `undefined` when none is set. */
  get nextMs(): number | undefined {
    const first = this.#sleepers[0];
    return first === undefined ? undefined : first.at - this.#now;
  }

  /** One turn of the event loop: runs the tasks that wait for it, not those they add. */
  turn(): void {
    const tasks = this.#turns;
    this.#turns = [];
    for (const task of tasks) task();
  }

  /** Moves time by `ms`, running on the way whatever falls due. `advance(0)` runs what is due already. */
  advance(ms: number): void {
    const end = this.#end(ms);
    this.#drainTurns();
    while (this.#runInstant(end)) this.#drainTurns();
    this.#now = end;
  }

  /** As `advance`, but promises continue after each instant, so the timers they set on the way are run as well. */
  async run(ms: number): Promise<void> {
    const end = this.#end(ms);
    await this.settle();
    while (this.#runInstant(end)) await this.settle();
    this.#now = end;
  }

  /** Lets promises continue and runs waiting turns until neither is left to do, without moving time. */
  async settle(): Promise<void> {
    for (let rounds = 0; ; rounds++) {
      await new Promise<void>((resolve) => systemClock.nextTurn(resolve));
      if (this.#turns.length === 0) return;
      refuseEndless(rounds);
      this.turn();
    }
  }

  #end(ms: number): number {
    if (!(ms >= 0)) throw new RangeError(`time cannot move by ${ms} ms`);
    return this.#now + ms;
  }

  /** Runs the timers of the earliest instant that is not after `end`; false when there is none. */
  #runInstant(end: number): boolean {
    const at = this.#sleepers[0]?.at;
    if (at === undefined || at > end) return false;
    this.#now = Math.max(this.#now, at);
    for (let runs = 0; this.#sleepers[0]?.at === at; runs++) {
      refuseEndless(runs);
      this.#sleepers.shift()?.task();
    }
    return true;
  }

  #drainTurns(): void {
    for (let rounds = 0; this.#turns.length > 0; rounds++) {
      refuseEndless(rounds);
      this.turn();
    }
  }

  /** Behind every timer of the same instant. */
  #placeOf(at: number): number {
    let low = 0;
    let high = this.#sleepers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sleepers[middle]!.at <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #remove(sleeper: Sleeper): void {
    const place = this.#sleepers.indexOf(sleeper);
    if (place >= 0) this.#sleepers.splice(place, 1);
  }
}

function refuseEndless(runs: number): void {
  if (runs >= RUNS_PER_INSTANT_MAX) {
    throw new Error(`${RUNS_PER_INSTANT_MAX} timers or turns ran without time moving: they start each other for ever`);
  }
}
