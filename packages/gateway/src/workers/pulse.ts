/**
 * Whether a worker still does anything: it says so every `BEAT_MS`, and whatever else it says counts as well.
 *
 *   beating ⇄ silent, after SILENT_MS or half the limit ──limit──▶ hung, which ends it
 *
 * Silence is counted in looks of whoever listens, `BEAT_MS` each however late it comes. Whoever was stopped itself, by
 * a signal, by a laptop that slept or by work of its own, looks once when it wakes and hears next what has been said to
 * it meanwhile: no worker is ended for that.
 *
 * Invariants:
 *   (1) Between two looks silence grows by `BEAT_MS` at most; what is heard ends it.
 *   (2) `hung` needs limit ÷ BEAT_MS looks in a row without a word, rounded up, and is told once.
 */

/** How often a worker says that it is there, and how often that is looked at, in ms. */
export const BEAT_MS = 1_000;
/** What has said nothing for so long is asked nothing, in ms: five words that did not come are no chance. */
export const SILENT_MS = 5_000;
/** How long it may be silent while it starts, at least, in ms: to load what it runs takes a busy machine its time. */
export const STARTING_MS = 60_000;

/** What a look has found that was not so before. */
export type Found = 'nothing new' | 'silent' | 'hung';

export class Pulse {
  #silentMs = 0;
  #hung = false;

  /** For how long nothing has been heard, in ms. */
  get silentMs(): number {
    return this.#silentMs;
  }

  heard(): void {
    this.#silentMs = 0;
  }

  /** @param limitMs how long it may be silent */
  look(limitMs: number): Found {
    const before = this.#silentMs;
    this.#silentMs += BEAT_MS;
    if (this.#hung) return 'nothing new';
    if (this.#silentMs >= limitMs) {
      this.#hung = true;
      return 'hung';
    }
    const silentMs = Math.min(SILENT_MS, limitMs / 2);
    return before < silentMs && this.#silentMs >= silentMs ? 'silent' : 'nothing new';
  }
}
