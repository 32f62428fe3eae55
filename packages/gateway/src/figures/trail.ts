/**
 * How busy one socket was of late: its share of time in use, per slot, for as long as a line on the page is.
 * The library tells how a socket is; a line of life also shows how it was.
 */

/** Length of one slot, and how many there are: two minutes in 60 steps, one or two pixels each on a phone. */
export const TRAIL_SLOT_MS = 2_000;
export const TRAIL_SLOTS = 60;

export class Trail {
  /** Ms in use per slot, a ring. */
  readonly #busyMs = new Float32Array(TRAIL_SLOTS);
  #slot: number;
  #leasedAt = -1;

  constructor(now: number) {
    this.#slot = Math.floor(now / TRAIL_SLOT_MS);
  }

  /** A socket handed straight from one call to the next stays in use: nobody said that it was released. */
  leased(now: number): void {
    if (this.#leasedAt < 0) this.#leasedAt = now;
  }

  released(now: number): void {
    if (this.#leasedAt < 0) return;
    this.#busy(this.#leasedAt, now);
    this.#leasedAt = -1;
  }

  /** One digit per slot, oldest first, ending now: 0 for unused, 1 for hardly used, 9 for in use all the time. */
  digits(now: number): string {
    if (this.#leasedAt >= 0) {
      this.#busy(this.#leasedAt, now);
      this.#leasedAt = now;
    }
    this.#advance(Math.floor(now / TRAIL_SLOT_MS));
    let digits = '';
    for (let i = 1; i <= TRAIL_SLOTS; i++) {
      const share = this.#busyMs[(this.#slot + i) % TRAIL_SLOTS]! / TRAIL_SLOT_MS;
      digits += share === 0 ? '0' : String(Math.min(9, 1 + Math.floor(share * 9)));
    }
    return digits;
  }

  #busy(from: number, to: number): void {
    const last = Math.floor(to / TRAIL_SLOT_MS);
    this.#advance(last);
    for (let slot = Math.max(Math.floor(from / TRAIL_SLOT_MS), last - TRAIL_SLOTS + 1); slot <= last; slot++) {
      const begin = Math.max(from, slot * TRAIL_SLOT_MS);
      const end = Math.min(to, (slot + 1) * TRAIL_SLOT_MS);
      this.#busyMs[slot % TRAIL_SLOTS]! += Math.max(end - begin, 0);
    }
  }

  /** Makes `slot` the latest, with nothing in those that were skipped. */
  #advance(slot: number): void {
    const skipped = Math.min(slot - this.#slot, TRAIL_SLOTS);
    for (let i = 0; i < skipped; i++) this.#busyMs[(slot - i) % TRAIL_SLOTS] = 0;
    if (slot > this.#slot) this.#slot = slot;
  }
}
