/**
 * What a peer may cost us without getting anywhere: frames that carry nothing (PING, SETTINGS, RST_STREAM,
 * WINDOW_UPDATE, PRIORITY, empty DATA) are cheap to send and not to handle. Each uses up a little; work that gets done
 * and time give it back. (CVE-2019-9512, -9514, -9515, -9518 and CVE-2023-44487 are such floods.)
 *
 * Invariant: in any stretch of s seconds with n useful frames, at most max + s × perSecond + n × USEFUL idle frames
 * pass.
 */

/** What one useful frame, in or out, makes up for: a peer may well answer DATA with two WINDOW_UPDATE and a PING. */
const USEFUL = 4;

export class Patience {
  readonly #max: number;
  readonly #perSecond: number;
  #left: number;
  #since: number;

  /** @param now in ms, as every later instant */
  constructor(max: number, perSecond: number, now: number) {
    this.#max = max;
    this.#perSecond = perSecond;
    this.#left = max;
    this.#since = now;
  }

  /** A frame got a call somewhere, or so many did. */
  useful(count = 1): void {
    if (this.#left < this.#max) this.#left = Math.min(this.#max, this.#left + USEFUL * count);
  }

  /** A frame got nobody anywhere. @returns whether that may go on */
  idle(now: number): boolean {
    if (--this.#left >= 0) return true;
    // Looked at only now: a connection that is well never gets here.
    this.#left = Math.min(this.#max, this.#left + ((now - this.#since) * this.#perSecond) / 1_000);
    this.#since = now;
    return this.#left >= 0;
  }
}
