/** Pauses of starts: one row for what the provider says, one for connections it throws out without a word. */
import { Penalty } from '../algo/penalty.ts';

export interface PenaltyOptions {
  /** Length of the provider's window, in ms: so long after a pause the row is forgotten. */
  readonly windowMs: number;
  /** The pause after the provider had too much without saying for how long, in ms; doubled in a row. */
  readonly penaltyMs: number;
  /** The longest such pause, one that the provider asks for included, in ms. */
  readonly penaltyMsMax: number;
  /** The same after a connection was thrown out before it could be used, in ms; doubled in a row up to `penaltyMs`. */
  readonly resetMs: number;
}

export class StartPenalties {
  /** Strikes of either kind, ever. */
  count = 0;
  readonly #refused: Penalty;
  readonly #thrownOut: Penalty;

  constructor({ windowMs, penaltyMs, penaltyMsMax, resetMs }: PenaltyOptions) {
    this.#refused = new Penalty({ ms: penaltyMs, msMax: penaltyMsMax, calmMs: windowMs });
    this.#thrownOut = new Penalty({ ms: resetMs, msMax: Math.max(penaltyMs, resetMs), calmMs: windowMs });
  }

  /** The provider said so. @returns until when nothing is opened */
  refused(now: number, askedMs?: number): number {
    this.count++;
    return this.#refused.strike(now, askedMs);
  }

  /** It closed a connection that had just been opened. @returns until when nothing is opened */
  thrownOut(now: number): number {
    this.count++;
    return this.#thrownOut.strike(now);
  }
}
