/**
 * Lets failures out to callers, a number of them in each turn of the event loop; the rest a turn later.
 *
 * Most refusals are known at once: a queue is full, a breaker open, a client closed. A caller who tries again without a
 * pause would be refused in the next microtask, and in the next, and nothing else would ever have its turn: not the
 * reply that makes room, nor the timer that ends it all. Here every caller who insists gives the loop its turn.
 *
 *   told ──TOLD_MAX of them──▶ held ──the next turn──▶ told, all that were held; and TOLD_MAX more may be
 *
 * Invariants:
 *   (1) After the last turn at most TOLD_MAX have been told, beside those it had held.
 *   (2) Each is told once, those that are held in their order; what one does when it is told keeps none of the others.
 *   (3) What succeeds has nothing to do with it.
 *   (4) There is one for each clock, so it does not help to ask another client.
 *
 * Whether a turn has passed is not asked: that would cost each first refusal a timer. So one in TOLD_MAX is told a turn
 * later than it might have been. See docs/decisions/0034-who-insists-waits-a-turn.md.
 */
import type { Outlet } from './call.ts';
import type { Clock } from './clock.ts';
import { Turns } from './turns.ts';

/** Each costs some 15 µs, its caller included: a loop of them keeps all else waiting for a millisecond or two. */
const TOLD_MAX = 100;

export class Turnstile {
  readonly #clock: Clock;
  readonly #held: Turns;
  #told = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#held = new Turns((task) => clock.nextTurn(task));
  }

  /** Runs `tell`, which lets somebody know of a failure: now, or in the next turn. */
  pass(tell: () => void): void {
    if (this.#mayNow()) tell();
    else this.#held.add(tell);
  }

  /** The same for the outlet of a call. */
  fail(to: Outlet, error: unknown, now: number): void {
    if (this.#mayNow()) to.failed(error, now);
    else this.#held.add(() => to.failed(error, this.#clock.now()));
  }

  /** The same for whoever awaits. */
  refuse(error: unknown): Promise<never> {
    if (this.#mayNow()) return Promise.reject(error);
    return new Promise((_, reject) => this.#held.add(() => reject(error)));
  }

  #mayNow(): boolean {
    if (this.#told === TOLD_MAX) return false;
    if (++this.#told === TOLD_MAX) this.#held.add(this.#turned);
    return true;
  }

  readonly #turned = (): void => {
    this.#told = 0;
  };
}

const ALL = new WeakMap<Clock, Turnstile>();

/** The one there is for this clock. */
export function turnstileOf(clock: Clock): Turnstile {
  let turnstile = ALL.get(clock);
  if (turnstile === undefined) {
    turnstile = new Turnstile(clock);
    ALL.set(clock, turnstile);
  }
  return turnstile;
}
