/**
 * A branch goes over from one stream to another that tells the same, without a gap and without anything told twice.
 *
 *   both ──the new one surely has its filters, the old one has come by that point, and owes nothing──▶ over
 *     │        updates go out as the old stream tells them; what the new one tells is only counted
 *     └── too much is owed: given up, the old stream stays
 *
 *   over: the new stream alone; what the old one had told ahead of it is kept back as it comes
 *
 * Invariants:
 *   (1) `owed` counts what the new stream told and the old one has not.
 *   (2) It is over only when nothing is owed: then everything the new stream has told so far was passed on.
 *   (3) Of the new stream nothing is passed on that the old one told, before or since; what that was, its memory knows.
 */
import type { ReplayMemory } from '../replay-memory.ts';
import type { Update } from './update.ts';

/** Updates the old stream may be behind by before it is plain that it does not catch up. */
const OWED_MAX = 100_000;

export class Handover {
  readonly #told: ReplayMemory;
  readonly #owed = new Map<string, number>();
  #over = false;

  /** @param told what the old stream has told, and goes on to tell */
  constructor(told: ReplayMemory) {
    this.#told = told;
  }

  get hopeless(): boolean {
    return this.#owed.size > OWED_MAX;
  }

  get owes(): boolean {
    return this.#owed.size > 0;
  }

  /** The old stream has told: it is passed on in any case. */
  fromOld(update: Update): void {
    const key = keyOf(update);
    const count = this.#owed.get(key);
    if (count === undefined) return;
    if (count === 1) this.#owed.delete(key);
    else this.#owed.set(key, count - 1);
  }

  /** The new stream has told. @returns whether it is to be passed on */
  fromNew(update: Update): boolean {
    if (this.#told.has(update.slot, update.key)) return false;
    if (this.#over) return true;
    const key = keyOf(update);
    this.#owed.set(key, (this.#owed.get(key) ?? 0) + 1);
    return false;
  }

  /** From now on the new stream alone counts. */
  finish(): void {
    this.#over = true;
  }
}

/** With the slot, as what tells updates apart does so within one. Names do not matter: they are each stream's own. */
const keyOf = ({ slot, key }: Update): string => `${slot}/${key}`;
