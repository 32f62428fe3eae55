/**
 * How often a stream's filters are changed upstream: changes that come together go together, and never more than so
 * many a second.
 *
 *   idle ──ask──▶ waiting ──`delayMs` after, and a fair share of a second after the last one──▶ idle, having run
 *     ▲              │ ask: nothing new, the one that waits will do
 *     └──── hold ────┘
 */
import type { Clock, Timer } from '../../../core/clock.ts';

export class Pace {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #spacingMs: number;
  readonly #run: () => void;
  #waiting: Timer | undefined;
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, limits: { readonly delayMs: number; readonly perSecondMax: number }, run: () => void) {
    this.#clock = clock;
    this.#delayMs = limits.delayMs;
    this.#spacingMs = 1_000 / limits.perSecondMax;
    this.#run = run;
  }

  get waiting(): boolean {
    return this.#waiting !== undefined;
  }

  ask(): void {
    if (this.#waiting !== undefined) return;
    const now = this.#clock.now();
    this.#waiting = this.#clock.after(Math.max(this.#delayMs, this.#lastAt + this.#spacingMs - now), () => {
      this.#waiting = undefined;
      this.ran();
      this.#run();
    });
  }

  /** It was done by other means: what waits has nothing left to do. */
  ran(): void {
    this.hold();
    this.#lastAt = this.#clock.now();
  }

  hold(): void {
    this.#waiting?.cancel();
    this.#waiting = undefined;
  }
}
