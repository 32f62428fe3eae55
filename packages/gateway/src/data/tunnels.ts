/** The upgraded connections of one upstream: how many there may be, what crossed them, and how all are ended. */
import type { UpgradesConfig } from '../config/upgrades.ts';
import type { Splice } from './splice.ts';

export interface TunnelsTold {
  readonly open: number;
  /** Since the start. */
  readonly opened: number;
  /** Refused because `upgradesMax` were there. */
  readonly refused: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

export class Tunnels {
  readonly config: UpgradesConfig;
  readonly #open = new Set<Splice>();
  /** Asked for, and not answered yet: they count as well. */
  #asked = 0;
  #opened = 0;
  #refused = 0;
  #bytesUp = 0;
  #bytesDown = 0;

  constructor(config: UpgradesConfig) {
    this.config = config;
  }

  /** A place for one more; to be given up by `leave`, or kept by `joined`. */
  enter(): boolean {
    if (this.#open.size + this.#asked < this.config.upgradesMax) {
      this.#asked++;
      return true;
    }
    this.#refused++;
    return false;
  }

  leave(): void {
    this.#asked--;
  }

  joined(splice: Splice): void {
    this.#asked--;
    this.#opened++;
    this.#open.add(splice);
  }

  over(splice: Splice): void {
    this.#open.delete(splice);
    this.#bytesUp += splice.bytesUp;
    this.#bytesDown += splice.bytesDown;
  }

  stats(): TunnelsTold {
    let [bytesUp, bytesDown] = [this.#bytesUp, this.#bytesDown];
    for (const splice of this.#open) {
      bytesUp += splice.bytesUp;
      bytesDown += splice.bytesDown;
    }
    return { open: this.#open.size, opened: this.#opened, refused: this.#refused, bytesUp, bytesDown };
  }

  /** Ends all, at once. Twice is harmless. */
  close(): void {
    for (const splice of [...this.#open]) splice.close();
  }
}
