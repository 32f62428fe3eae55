/**
 * Writes at the end of a turn of the event loop: everything that is ready by then goes out in one go.
 *
 * Two reasons to wait that long. A connection that was quiet for a while gets the chance to report that it died. And a
 * busy client writes to many connections back to back: the peer is woken once instead of fifty times, which at 50 in
 * flight saves a quarter of the CPU per call. A call alone is written at once: waiting would gain it nothing.
 */
import type { Clock } from '../../core/clock.ts';
import { throwApart } from '../../core/turns.ts';

export interface Writer {
  writeNow(now: number): void;
}

/** Calls under way from which on writes are gathered. Below, the turn costs more than the peer's wake-ups. */
const BUSY_MIN = 4;

export class Turn {
  readonly #clock: Clock;
  #writers: Writer[] = [];
  #spare: Writer[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Whether the writer was put off to the end of a turn: because its connection lay quiet, or because so much is under
   * way that writes should wait for each other.
   */
  defers(writer: Writer, quiet: boolean, underWay: number): boolean {
    // We may be within a callback that reads: the turn that begins after it is the first that polls again.
    if (quiet) this.#clock.nextTurn(() => this.#add(writer));
    else if (underWay >= BUSY_MIN) this.#add(writer);
    else return false;
    return true;
  }

  #add(writer: Writer): void {
    if (this.#writers.push(writer) === 1) this.#clock.nextTurn(this.#flush);
  }

  readonly #flush = (): void => {
    const writers = this.#writers;
    this.#writers = this.#spare;
    const now = this.#clock.now();
    for (const writer of writers) {
      try {
        writer.writeNow(now);
      } catch (error) {
        throwApart(error); // the others wait for this as well
      }
    }
    writers.length = 0;
    this.#spare = writers;
  };
}
