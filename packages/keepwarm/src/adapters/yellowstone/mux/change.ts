/**
 * A monitor goes over from one stream to another that tells differently: at another commitment, with other data slices.
 * The filters need not be the same. The change takes hold between two slots.
 *
 *   asked ──the new stream surely has the filters──▶ certain ──the old stream is past the slot──▶ over ──▶ settled
 *            the old stream tells all, the new one       the old one tells of slots up to `last`,    late ones of slots
 *            nothing                                     the new one of those after it               up to `last`, once
 *
 * To a higher commitment it is as at a server: the new stream tells of whatever gets there from then on, which the old
 * one may have told of already, at its own.
 *
 * Invariants:
 *   (1) Of each slot one of the two tells: nothing is missing, nothing comes twice. Not so to a higher commitment.
 *   (2) A status of a slot, which both may have, is told once, by whichever comes first.
 *   (3) `last` is beyond every slot of which either stream had told anything when it was set.
 */
import type { Trunk } from './trunk.ts';
import type { Update } from './update.ts';

/** Slots that both streams go on for, until what was asked of them surely holds. */
const CERTAIN_SLOTS = 2;

/** How long it may take, in ms: 36 slots from finalized to processed, and as much again. */
const CHANGE_MS = 30_000;

/** A change begins when the filters were given to the stream that it goes to. */
export interface ChangeParts {
  readonly from: Trunk;
  readonly to: Trunk;
  readonly startedAt: number;
}

export class Change {
  readonly #parts: ChangeParts;
  /** Of `to`: as soon as upstream has taken it, the filters are there. */
  readonly #version: number;
  /** Whether the commitment is higher than before. */
  readonly #rises: boolean;
  readonly #statuses = new Set<string>();
  /** The newest slot that either has told of. */
  #newest = -1;
  #last: number | undefined;
  #over = false;

  constructor(parts: ChangeParts) {
    this.#parts = parts;
    this.#version = parts.to.version;
    this.#rises = parts.to.parts.commitment > parts.from.parts.commitment;
  }

  get certain(): boolean {
    return this.#last !== undefined;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Whether the old stream's update is to be passed on. */
  fromOld(update: Update): boolean {
    this.#see(update);
    if (this.#over) return false;
    const within = this.#rises || this.#last === undefined || update.slot <= this.#last;
    return within && this.#isNews(update);
  }

  /** Whether the new stream's update is to be passed on. */
  fromNew(update: Update): boolean {
    this.#see(update);
    if (this.#last === undefined) return false;
    if (update.kind === 'slot') return this.#isNews(update);
    if (this.#rises || update.slot > this.#last || update.slot < 0) return true;
    return this.#over && !this.#parts.from.memory.has(update.slot, update.key);
  }

  /** Something has come further. @returns whether the old stream can be left */
  look(now: number): boolean {
    if (!this.#over && now - this.#parts.startedAt > CHANGE_MS) this.cut();
    if (this.#over) return true;
    const { from, to } = this.#parts;
    if (this.#last === undefined) {
      if (to.state !== 'live' || to.accepted < this.#version || to.memory.top < 0) return false;
      this.#last = (this.#rises ? from.memory.highest : this.#newestOfAll) + CERTAIN_SLOTS;
    }
    const end = this.#last + CERTAIN_SLOTS;
    this.#over = from.memory.top >= end && (this.#rises || to.memory.top >= end);
    return this.#over;
  }

  /** It has taken too long, or there are too many: the new stream tells the rest. */
  cut(): void {
    this.#last ??= this.#newestOfAll;
    this.#over = true;
  }

  /** Whether nothing of the old stream can come by the new one any more. @param rewindSlots how late things may come */
  settled(rewindSlots: number): boolean {
    return this.#over && this.#parts.to.memory.top > this.#last! + rewindSlots;
  }

  get #newestOfAll(): number {
    const { from, to } = this.#parts;
    return Math.max(this.#newest, from.memory.highest, to.memory.top);
  }

  #see({ slot }: Update): void {
    if (this.#last === undefined && slot > this.#newest) this.#newest = slot;
  }

  #isNews({ kind, slot, key }: Update): boolean {
    if (kind !== 'slot') return true;
    const status = `${slot}/${key}`;
    if (this.#statuses.has(status)) return false;
    this.#statuses.add(status);
    return true;
  }
}
