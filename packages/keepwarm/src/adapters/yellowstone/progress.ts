/**
 * How far a subscription has got: which slots are whole, what is missing, where a replay begins, and what it repeats.
 *
 *   nothing yet ──an update──▶ begun ──a slot is whole──▶ following ──lost──▶ following, resumed
 *
 * Invariants:
 *   (1) Every update of slots from `first` to `whole` has been told, or a gap in its place.
 *   (2) `whole` never falls. A slot is whole when its status says so: the server sends what happened in it before.
 *   (3) What an earlier opening has told, no later one tells; nor what happened before the subscription began.
 */
import type { Gap, GapReason } from '../../core/subscribe.ts';
import type { SlotStatus, SubscribeUpdate } from '../../wire/geyser/generated/geyser_pb.js';
import { identityOf } from './identity.ts';
import { ReplayMemory } from './replay-memory.ts';

export interface ProgressOptions {
  readonly rewindSlots: number;
  readonly rememberedMax: number;
  /** Where the caller wants to begin; nothing for now. */
  readonly fromSlot: number | undefined;
}

/**
 * What becomes of an update: gaps that stand before it, and where it stands itself; or that it is not told. Holds until
 * the next is taken.
 */
export interface Taken {
  readonly gap: Gap | undefined;
  readonly told: boolean;
  readonly slot: number | undefined;
}

export class Progress implements Taken {
  gap: Gap | undefined;
  told = true;
  slot: number | undefined;
  readonly #options: ProgressOptions;
  readonly #memory: ReplayMemory;
  #opening = 0;
  #first: number | undefined;
  #whole: number | undefined;
  /** The lowest slot that the server had when it said so. */
  #oldest = 0;
  /** What came before the next update is missing: the opening is no replay of all there was. */
  #torn = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    const { rewindSlots, rememberedMax: updatesMax } = options;
    this.#memory = new ReplayMemory({ rewindSlots, updatesMax });
    this.#first = options.fromSlot;
  }

  /** The last slot that is whole. */
  get whole(): number | undefined {
    return this.#whole;
  }

  get remembered(): number {
    return this.#memory.size;
  }

  /** Whether anything has been told that a later opening must go on from. */
  get begun(): boolean {
    return this.#first !== undefined;
  }

  /** Where a replay must begin; nothing before anything was told. */
  get replayFrom(): number | undefined {
    if (this.#first === undefined) return undefined;
    const rewound = this.#whole === undefined ? this.#first : this.#whole + 1 - this.#options.rewindSlots;
    return Math.max(rewound, this.#first, this.#memory.floor, this.#oldest);
  }

  /**
   * Another opening follows.
   *
   * @param complete whether it replays all from `replayFrom` on
   */
  reopen(complete: boolean): void {
    this.#opening++;
    this.#memory.reopen();
    this.#torn = this.begun && !complete;
  }

  /** What lies below, the server has no longer. @returns the gap, if any of it had not been told */
  lost(below: number): Gap | undefined {
    this.#oldest = below;
    const from = this.#next;
    if (from === undefined || below <= from) return undefined;
    this.#whole = below - 1;
    return gap('lost', from, below - 1);
  }

  /** @param status by which a slot is whole */
  take(update: SubscribeUpdate, status: SlotStatus): Taken {
    const identity = identityOf(update);
    this.gap = undefined;
    this.told = true;
    this.slot = identity?.slot;
    if (identity === undefined) return this;
    const { slot } = identity;
    const { updateOneof } = update;
    const isSlot = updateOneof.case === 'slot';
    const isWhole = isSlot && updateOneof.value.status === status;
    if (!isSlot || isWhole) this.#first ??= slot;
    const repeats = this.#memory.note(slot, identity.id, identity.mark);
    if (this.#torn) {
      this.#torn = false;
      // Even of that slot something may have come before.
      this.gap = gap('lost', this.#next, slot);
    }
    if (isWhole) {
      const skipped = this.#reach(slot, updateOneof.value.parent);
      this.gap ??= skipped;
    }
    this.told = !repeats && !this.#isBefore(slot, isSlot);
    return this;
  }

  /** The first slot that is not known to be whole. */
  get #next(): number | undefined {
    return this.#whole === undefined ? this.#first : this.#whole + 1;
  }

  #reach(slot: number, parent: bigint | undefined): Gap | undefined {
    const before = this.#whole;
    if (before !== undefined && slot <= before) return undefined;
    this.#whole = slot;
    this.#memory.reach(slot);
    const from = before === undefined ? undefined : before + 1;
    if (from === undefined || parent === undefined || Number(parent) < from) return undefined;
    return gap('skipped', from, Number(parent));
  }

  /** (3) A replay goes back further than the subscription does. */
  #isBefore(slot: number, isSlot: boolean): boolean {
    if (this.#opening <= 1 || this.#first === undefined || this.#options.fromSlot !== undefined) return false;
    const begunWithin = slot === this.#first && !isSlot && (this.#whole ?? -1) >= slot;
    return slot < this.#first || begunWithin;
  }
}

const gap = (reason: GapReason, from: number | undefined, to: number | undefined): Gap => ({
  ...{ kind: 'gap', reason, from, to, filled: false, dropped: undefined },
});
