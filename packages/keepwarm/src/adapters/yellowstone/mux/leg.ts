/** One monitor's part in one stream, and what of that is passed on while the monitor comes to it or leaves it. */
import type { Change } from './change.ts';
import type { Handover } from './handover.ts';
import type { Branch, Told } from './routes.ts';
import type { Trunk } from './trunk.ts';
import type { Update } from './update.ts';

export class Leg {
  readonly trunk: Trunk;
  readonly branch: Branch;
  /** By which it came here, from a stream that tells the same; beyond that slot nothing of it comes here any more. */
  by: { readonly handover: Handover; readonly untilSlot: number } | undefined;
  /** By which it came here, from a stream that tells differently. */
  into: Change | undefined;
  /** By which it leaves. */
  outOf: Change | undefined;

  constructor(id: number, trunk: Trunk, take: (update: Update, told: Told) => void) {
    this.trunk = trunk;
    this.branch = {
      id,
      take: (update, told) => {
        if (this.#passes(update)) take(update, told);
      },
    };
  }

  end(): void {
    this.trunk.remove(this.branch);
  }

  #passes(update: Update): boolean {
    const { by, into, outOf } = this;
    if (by !== undefined) {
      if (!by.handover.fromNew(update)) return false;
      if (update.slot > by.untilSlot) this.by = undefined;
    }
    return into?.fromNew(update) !== false && outOf?.fromOld(update) !== false;
  }
}
