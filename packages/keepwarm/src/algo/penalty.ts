/**
 * For how long nothing is begun after a peer has had too much: doubled with each time in a row, up to a cap.
 *
 *   calm ──struck──▶ pausing for the first length ──over, struck again within calmMs──▶ pausing for twice as long …
 *    ▲                                             └──over, calmMs without──▶ calm
 *    └──────────────────────────────────────────────────────────────────────┘
 *
 * Invariants:
 *   (1) A strike during a pause is of the same wave: it makes the pause longer only where the peer says so itself.
 *   (2) What the peer asks for is what it gets, up to `msMax`; it leaves the row as it is.
 *   (3) A pause never ends sooner because of a later strike.
 */
export interface PenaltyFigures {
  /** The first pause, in ms. */
  readonly ms: number;
  /** The longest one, in ms. */
  readonly msMax: number;
  /** So long after a pause the row is forgotten, in ms. */
  readonly calmMs: number;
}

/** Doublings beyond this would leave the numbers that are exact. */
const ROW_MAX = 32;

export class Penalty {
  readonly #figures: PenaltyFigures;
  #row = 0;
  #until = Number.NEGATIVE_INFINITY;

  constructor(figures: PenaltyFigures) {
    this.#figures = figures;
  }

  /** Strikes in a row, the present one included. */
  get row(): number {
    return this.#row;
  }

  /**
   * The peer has had too much.
   *
   * @param askedMs how long it wants to be left alone, where it says so
   * @returns the instant until which nothing begins
   */
  strike(now: number, askedMs?: number): number {
    const { ms, msMax, calmMs } = this.#figures;
    const pausing = now < this.#until;
    if (!pausing) {
      if (now >= this.#until + calmMs) this.#row = 0;
      this.#row = Math.min(this.#row + 1, ROW_MAX);
    }
    const asked = askedMs === undefined ? undefined : Math.max(askedMs, 0);
    const length = asked ?? (pausing ? 0 : ms * 2 ** (this.#row - 1));
    this.#until = Math.max(this.#until, now + Math.min(length, msMax));
    return this.#until;
  }
}
