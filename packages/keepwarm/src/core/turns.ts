/**
 * Tasks of one turn of the event loop, run together at its end: each of many has some, and an immediate of its own for
 * each would cost more than most of them do.
 *
 * Invariants:
 *   (1) Tasks are run once, in the order they came, after the next turn that polls; those that come while others are
 *       run, a turn later.
 *   (2) What one of them throws keeps none of the others, and is not lost.
 */

/** A turn of the event loop from now. */
export type Turn = (task: () => void) => void;

export class Turns {
  readonly #turn: Turn;
  #tasks: (() => void)[] = [];

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  add(task: () => void): void {
    if (this.#tasks.push(task) === 1) this.#turn(this.#run);
  }

  readonly #run = (): void => {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) {
      try {
        task();
      } catch (error) {
        throwApart(error);
      }
    }
  };
}

/** Throws it where it ends nothing but itself: for those who have others to run as well. */
export function throwApart(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
