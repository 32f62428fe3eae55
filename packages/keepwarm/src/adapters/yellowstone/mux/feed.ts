/**
 * From which streams one monitor is fed: one, or two while it goes over from the first to the second.
 *
 *   served by a trunk ──approach──▶ on its way to the next ──arrived──▶ served by that
 *          ▲                              │ abandon: the next is lost, or the monitor asks for something else
 *          └──────────────────────────────┘
 */
import { Handover } from './handover.ts';
import type { Monitor } from './monitor.ts';
import type { SubscribeAsked } from './request.ts';
import type { Branch, Told } from './routes.ts';
import type { Trunk } from './trunk.ts';
import type { Update } from './update.ts';

/** Slots the next stream goes on for after upstream has taken the filters, until they surely hold. */
const CERTAIN_SLOTS = 2;
/** How close to the next stream the first must be for it to be worth the while, in slots. */
const NEAR_SLOTS = 2;
/** Refusals together with others after which a monitor stays alone. */
const EJECTIONS_MAX = 2;

interface Joint {
  readonly branch: Branch;
  readonly trunk: Trunk;
}

export class Feed {
  readonly monitor: Monitor;
  asked: SubscribeAsked | undefined;
  /** How often its request was refused together with those of others. */
  ejections = 0;
  #at: Joint | undefined;
  #next: (Joint & { readonly version: number; certainSlot: number | undefined }) | undefined;
  #handover: Handover | undefined;
  /** Beyond it, nothing of a stream it has left comes by the one it is at. */
  #forgetSlot: number | undefined;

  constructor(monitor: Monitor) {
    this.monitor = monitor;
  }

  get trunk(): Trunk | undefined {
    return this.#at?.trunk;
  }

  get next(): Trunk | undefined {
    return this.#next?.trunk;
  }

  /** Whether it is to stay alone. */
  get barred(): boolean {
    return this.ejections >= EJECTIONS_MAX;
  }

  /** Whether its stream alone, which replays nothing, may become one for others too. */
  get promotable(): boolean {
    return this.asked?.fromSlot === undefined && this.#at?.trunk.state === 'live' && !this.#at.trunk.memory.replaying;
  }

  has(branch: Branch): boolean {
    return this.#at?.branch === branch || this.#next?.branch === branch;
  }

  fits(trunk: Trunk): boolean {
    const branch = this.#at?.trunk === trunk ? this.#at.branch : this.#stranger;
    return trunk.state !== 'closed' && trunk.fits(branch, this.asked?.filters ?? []);
  }

  serve(trunk: Trunk): void {
    this.#handover = undefined;
    this.#at = { trunk, branch: this.#branch((update, told) => this.#fromOld(update, told)) };
    this.put();
  }

  /** Its filters, where it is. */
  put(): void {
    this.#at?.trunk.put(this.#at.branch, this.asked?.filters ?? []);
  }

  leave(): void {
    const left = [this.#at, this.#next].filter((joint) => joint !== undefined);
    this.#at = this.#next = this.#handover = this.#forgetSlot = undefined;
    for (const { trunk, branch } of left) trunk.remove(branch);
  }

  /** Begins to go over, once it is near enough. */
  approach(trunk: Trunk): void {
    const at = this.#at?.trunk;
    if (at === undefined || at.state !== 'live' || trunk.state !== 'live' || trunk.memory.top < 0) return;
    if (at.memory.replaying || at.memory.top < trunk.memory.top - NEAR_SLOTS) return;
    const handover = new Handover(at.memory);
    this.#handover = handover;
    const branch = this.#branch((update, told) => {
      if (this.#handover !== handover || handover.fromNew(update)) this.monitor.take(update, told);
      if (this.#forgetSlot !== undefined && update.slot > this.#forgetSlot)
        this.#handover = this.#forgetSlot = undefined;
    });
    trunk.put(branch, this.asked?.filters ?? []);
    this.#next = { trunk, branch, version: trunk.version, certainSlot: undefined };
  }

  /** It stays where it is. */
  abandon(): void {
    if (this.#next === undefined) return;
    const { trunk, branch } = this.#next;
    this.#next = this.#handover = undefined;
    trunk.remove(branch);
  }

  /** Whether the next stream can do without the first. */
  arrived(): boolean {
    const next = this.#next;
    const at = this.#at?.trunk;
    if (next === undefined || at === undefined || this.#handover === undefined) return false;
    if (next.trunk.state !== 'live' || at.state !== 'live' || this.#handover.hopeless) {
      this.abandon();
      return false;
    }
    if (next.trunk.accepted < next.version) return false;
    next.certainSlot ??= next.trunk.memory.top + CERTAIN_SLOTS;
    return next.trunk.memory.top >= next.certainSlot && at.memory.top >= next.certainSlot && !this.#handover.owes;
  }

  /** From now on the next stream alone feeds it. */
  arrive(): void {
    const left = this.#at;
    const next = this.#next;
    if (left === undefined || next === undefined) return;
    this.#handover?.finish();
    this.#forgetSlot = left.trunk.memory.highest + this.monitor.rewindSlots;
    this.#at = { trunk: next.trunk, branch: next.branch };
    this.#next = undefined;
    left.trunk.remove(left.branch);
  }

  #fromOld(update: Update, told: Told): void {
    this.monitor.take(update, told);
    if (this.#next !== undefined) this.#handover?.fromOld(update);
  }

  #branch(take: Branch['take']): Branch {
    return { id: this.monitor.id, take };
  }

  readonly #stranger: Branch = { id: -1, take: () => undefined };
}
