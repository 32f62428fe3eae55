/** Pauses of a process that need none: a stall, a frozen container, a laptop that slept, without the time they take. */
import { type Clock, systemClock, type Timer } from '../../src/core/clock.ts';

interface Sleeper {
  readonly dueAt: number;
  readonly task: () => void;
  readonly timer: Timer;
}

/** The system's clock, which can be told that nothing has run for a while. */
export class PausedClock implements Clock {
  readonly #sleepers = new Set<Sleeper>();
  #pausedMs = 0;
  pauses = 0;
  now = (): number => systemClock.now() + this.#pausedMs;
  wall = (): number => systemClock.wall() + this.#pausedMs;
  hold = systemClock.hold;
  release = systemClock.release;

  /** Two turns: whenever the pause was, all that had come by its end has been read after the second. */
  nextTurn(task: () => void): void {
    systemClock.nextTurn(() => systemClock.nextTurn(task));
  }

  after(ms: number, task: () => void): Timer {
    const cancel = (): void => {
      this.#sleepers.delete(sleeper);
      timer.cancel();
    };
    const run = (): void => {
      cancel();
      task();
    };
    const timer = systemClock.after(ms, run);
    const sleeper: Sleeper = { dueAt: this.now() + ms, task: run, timer };
    this.#sleepers.add(sleeper);
    return { cancel };
  }

  /** Of what is due by then, timers run before anything that has come in is read, as the event loop has it. */
  pause(ms: number): void {
    this.pauses++;
    this.#pausedMs += ms;
    for (const { dueAt, task } of [...this.#sleepers]) if (dueAt <= this.now()) task();
  }
}
