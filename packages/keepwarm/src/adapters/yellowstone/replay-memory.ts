/**
 * What a subscription has told lately, so that a replay after a loss tells nobody anything twice: that of one reader,
 * and that of a stream which several monitors share.
 *
 * Updates are counted, not just noted: a server that says the same thing twice is passed on twice, and a replay of it
 * is known twice.
 *
 *   live: note() counts ──reopen()──▶ what was counted is `before`; note() takes from it what is told again
 *                                      ▲                     │ all of it told again, or the stream is well beyond
 *                                      └── lost again ───────┘
 *
 * Invariants:
 *   (1) Of each update, noted = told since the last opening + still in `before`; nothing is in both.
 *   (2) Everything of slots below `floor` has been told: a replay from there misses nothing, as long as the updates
 *       of a slot come no later than `rewindSlots` slots after it.
 *   (3) `floor` never falls, and nothing of slots below it is kept.
 *   (4) At most `updatesMax` are kept: beyond, the oldest slots are forgotten, and the floor rises to what is left.
 */
import { ToldIds, type UpdateId } from './told-ids.ts';

export interface MemoryOptions {
  /** How far behind the newest slot updates may still come, in slots. */
  readonly rewindSlots: number;
  readonly updatesMax: number;
}

type Slots = Map<number, ToldIds>;

/** What has no slot is kept by itself, and less of it. */
const NO_SLOT = -1;
const NO_SLOT_MAX = 50_000;

export class ReplayMemory {
  readonly #options: MemoryOptions;
  #told: Slots = new Map();
  #before: Slots = new Map();
  #size = 0;
  #floor: number;
  /** The newest slot of this opening, and of all. */
  #top = -1;
  #highest = -1;
  /** Where the last update was noted: most come in a row. */
  #slot: number | undefined;
  #ids = new ToldIds();

  /** @param fromSlot where it begins, if that is known */
  constructor(options: MemoryOptions, fromSlot = -1) {
    this.#options = options;
    this.#floor = fromSlot;
  }

  /** The slot to begin a replay with; -1 when nothing is known yet. */
  get floor(): number {
    return this.#floor;
  }

  /** The newest slot that was ever told of; -1 before. */
  get highest(): number {
    return this.#highest;
  }

  /** The newest slot since the stream was opened; -1 before. */
  get top(): number {
    return this.#top;
  }

  /** Whether what comes may have come before. */
  get replaying(): boolean {
    return this.#before.size > 0;
  }

  /** Updates that are kept. */
  get size(): number {
    return this.#size;
  }

  /** The stream is at this slot: all that came up to here is counted on when the floor rises. */
  reach(slot: number): void {
    if (slot <= this.#top) return;
    this.#top = slot;
    if (slot > this.#highest) this.#highest = slot;
    this.#raise(Math.max(slot - this.#options.rewindSlots, 0));
  }

  /**
   * An update has come.
   *
   * @param mark what two updates with one id do not share, where that may be: 32 bits
   * @returns whether it was told before, and is to be kept back
   */
  note(slot: number, id: UpdateId, mark = 0): boolean {
    const again = this.#before.size > 0 && this.#take(slot, id, mark);
    if (slot < this.#floor && slot !== NO_SLOT) return again;
    if (slot !== this.#slot) this.#turnTo(slot);
    const before = this.#ids.total;
    this.#ids.add(id, mark, 1);
    this.#size += this.#ids.total - before;
    if (this.#size > this.#options.updatesMax) this.#forgetOldest();
    if (slot === NO_SLOT && this.#ids.size > NO_SLOT_MAX) this.#drop(this.#told, NO_SLOT);
    return again;
  }

  /** Whether an update was told, by this opening or one before it. */
  has(slot: number, id: UpdateId): boolean {
    return this.#told.get(slot)?.has(id) === true || this.#before.get(slot)?.has(id) === true;
  }

  /** Nothing from before this slot can be had any more. @returns whether that leaves no hole in what comes in order */
  begin(slot: number): boolean {
    this.#raise(slot);
    return slot <= this.#highest;
  }

  /** The stream was lost, and begins again at `floor`. */
  reopen(): void {
    for (const [slot, ids] of this.#told) {
      const before = this.#before.get(slot);
      if (before === undefined) this.#before.set(slot, ids);
      else {
        this.#size -= before.total + ids.total;
        before.addAll(ids);
        this.#size += before.total;
      }
    }
    this.#told = new Map();
    this.#slot = undefined;
    this.#top = -1;
  }

  /** The same for another stream, which takes over from this one. */
  copy(): ReplayMemory {
    const copy = new ReplayMemory(this.#options, this.#floor);
    for (const slots of [this.#told, this.#before]) {
      for (const [slot, ids] of slots) {
        const own = new ToldIds();
        own.addAll(ids);
        copy.#told.set(slot, own);
      }
      copy.reopen();
    }
    copy.#size = this.#size;
    copy.#highest = this.#highest;
    return copy;
  }

  /** Nothing will be replayed: what comes is new, whatever it looks like. */
  restart(): void {
    this.#told = new Map();
    this.#before = new Map();
    this.#slot = undefined;
    this.#size = 0;
    this.#top = this.#floor = -1;
  }

  #turnTo(slot: number): void {
    let ids = this.#told.get(slot);
    if (ids === undefined) this.#told.set(slot, (ids = new ToldIds()));
    this.#slot = slot;
    this.#ids = ids;
  }

  #take(slot: number, id: UpdateId, mark: number): boolean {
    const ids = this.#before.get(slot);
    if (ids === undefined || !ids.take(id, mark)) return false;
    this.#size--;
    if (ids.size === 0) this.#before.delete(slot);
    return true;
  }

  #raise(floor: number): void {
    if (floor <= this.#floor) return;
    this.#floor = floor;
    for (const slots of [this.#told, this.#before]) {
      for (const slot of slots.keys()) if (slot < floor && slot !== NO_SLOT) this.#drop(slots, slot);
    }
    if (this.#before.size === 1 && this.#before.has(NO_SLOT)) this.#drop(this.#before, NO_SLOT);
  }

  #forgetOldest(): void {
    let oldest = Number.POSITIVE_INFINITY;
    for (const slots of [this.#told, this.#before]) {
      for (const slot of slots.keys()) if (slot !== NO_SLOT && slot < oldest) oldest = slot;
    }
    if (oldest < Math.max(this.#highest, 1)) return this.#raise(oldest + 1);
    // One slot of that size: its replay cannot be told from news.
    for (const slots of [this.#told, this.#before]) this.#drop(slots, oldest);
  }

  #drop(slots: Slots, slot: number): void {
    this.#size -= slots.get(slot)?.total ?? 0;
    slots.delete(slot);
    if (slot === this.#slot) this.#slot = undefined;
  }
}
