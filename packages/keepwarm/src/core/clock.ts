/**
 * Time as it is passed in: monotonic milliseconds, and timers that never keep the process alive by themselves.
 * The only file of the library that may name `setTimeout`, `setImmediate` or `Date.now`.
 */
import { performance } from 'node:perf_hooks'; // the global of this name is a getter: dearer than the clock

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Monotonic milliseconds with fractions; unaffected by changes of the wall clock. */
  now(): number;
  /** Wall-clock milliseconds since 1970, for dates people read. Never for measuring. */
  wall(): number;
  /** Runs `task` once, `ms` from now. The timer does not keep the process alive. */
  after(ms: number, task: () => void): Timer;
  /** Runs `task` after the I/O that is already waiting has been read: one turn of the event loop. */
  nextTurn(task: () => void): void;
  /**
   * Keeps the process alive until `release`: somebody waits for a call, which may itself wait for nothing but a timer.
   * Each `hold` has its own `release`.
   */
  hold(): void;
  release(): void;
}

/** The longest delay a Node timer takes (2³¹ − 1 ms); longer ones would fire at once. */
const TIMER_MS_MAX = 2_147_483_647;

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, task) {
    const timer = setTimeout(task, Math.min(Math.max(ms, 0), TIMER_MS_MAX));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  nextTurn: (task) => void setImmediate(task),
  hold() {
    if (held++ === 0) anchor().ref();
  },
  release() {
    if (--held === 0) anchor().unref();
  },
};

/**
 * Runs `task` once, when `ms` have passed and what had come in by then has been read: for limits on a peer. After a
 * pause of this process (a stall, a frozen container, a laptop that slept) timers run before sockets are read, and
 * whatever was overdue would be taken for lost, though it lies there. Two turns: in the first it is read, and some of
 * it is handed on at the end of that turn.
 */
export function afterInput(clock: Clock, ms: number, task: () => void): Timer {
  let cancelled = false;
  const timer = clock.after(ms, () => clock.nextTurn(() => clock.nextTurn(() => cancelled || task())));
  return {
    cancel() {
      cancelled = true;
      timer.cancel();
    },
  };
}

let held = 0;
let keeper: NodeJS.Timeout | undefined;

/** One timer that does nothing, for the whole process: all that counts is whether it keeps the loop alive. */
function anchor(): NodeJS.Timeout {
  return (keeper ??= setInterval(() => undefined, TIMER_MS_MAX));
}

/** A number in [0, 1), as `Math.random`. */
export type Random = () => number;

export const systemRandom: Random = () => Math.random();
