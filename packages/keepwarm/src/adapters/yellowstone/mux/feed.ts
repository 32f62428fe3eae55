/**
 * From which streams one monitor is fed: one, or several while it goes over from one to the next.
 *
 *   served by a trunk ──approach──▶ on its way to the next ──arrived──▶ served by that, which tells the same
 *     ▲    │  ▲                           │ abandon: the next is lost, or the monitor asks for something else
 *     │    │  └───────────────────────────┘
 *     │    └──change──▶ served by one that tells differently; those before tell their parts to the end ──advance──┐
 *     └───────────────────────────────────────────────────────────────────────────────────────────────────────────┘
 */
import { Change } from './change.ts';
import { Handover } from './handover.ts';
import { Leg } from './leg.ts';
import type { Monitor } from './monitor.ts';
import type { SubscribeAsked } from './request.ts';
import type { Branch } from './routes.ts';
import type { Trunk } from './trunk.ts';

/** Slots the next stream goes on for after upstream has taken the filters, until they surely hold. */
const CERTAIN_SLOTS = 2;
/** How close to the next stream the first must be for it to be worth the while, in slots. */
const NEAR_SLOTS = 2;
/** Refusals together with others after which a monitor stays alone. */
const EJECTIONS_MAX = 2;
/** Streams it has left that tell their parts still; the oldest gives way to one more. */
const LEAVING_MAX = 4;

/** On its way to a stream that tells the same. */
interface Approach {
  readonly leg: Leg;
  readonly handover: Handover;
  readonly version: number;
  certainSlot: number | undefined;
}

export class Feed {
  readonly monitor: Monitor;
  asked: SubscribeAsked | undefined;
  /** How often its request was refused together with those of others. */
  ejections = 0;
  #at: Leg | undefined;
  #next: Approach | undefined;
  /** Oldest first. */
  #leaving: Leg[] = [];

  constructor(monitor: Monitor) {
    this.monitor = monitor;
  }

  get trunk(): Trunk | undefined {
    return this.#at?.trunk;
  }

  get next(): Trunk | undefined {
    return this.#next?.leg.trunk;
  }

  /** Whether it is to stay alone. */
  get barred(): boolean {
    return this.ejections >= EJECTIONS_MAX;
  }

  /** Whether streams it has left tell their parts still. */
  get changing(): boolean {
    return this.#leaving.length > 0;
  }

  /** Whether its stream alone, which replays nothing, may become one for others too. */
  get promotable(): boolean {
    return this.asked?.fromSlot === undefined && this.#at?.trunk.state === 'live' && !this.#at.trunk.memory.replaying;
  }

  has(branch: Branch): boolean {
    return this.#legs.some((leg) => leg.branch === branch);
  }

  isFedBy(trunk: Trunk): boolean {
    return this.#legs.some((leg) => leg.trunk === trunk);
  }

  fits(trunk: Trunk): boolean {
    const branch = this.#at?.trunk === trunk ? this.#at.branch : STRANGER;
    return trunk.state !== 'closed' && trunk.fits(branch, this.asked?.filters ?? []);
  }

  serve(trunk: Trunk): void {
    this.#at = this.#leg(trunk);
    this.put();
  }

  /** Its filters, where it is. */
  put(): void {
    this.#at?.trunk.put(this.#at.branch, this.asked?.filters ?? []);
  }

  leave(): void {
    const left = this.#legs;
    this.#at = this.#next = undefined;
    this.#leaving = [];
    for (const leg of left) leg.end();
  }

  /** Goes over to a stream that tells differently what is asked of it now; at once, if it has been told nothing yet. */
  change(trunk: Trunk, now: number): void {
    this.abandon();
    let at = this.#at;
    // Where a change had not taken hold yet, the one before it is what it goes on from.
    while (at?.into !== undefined && !at.into.certain && this.changing) {
      at.end();
      at = this.#at = this.#leaving.pop();
      if (at !== undefined) at.outOf = undefined;
    }
    if (at === undefined || at.trunk.accepted === 0) {
      this.leave();
      return this.serve(trunk);
    }
    this.serve(trunk);
    at.outOf = new Change({ from: at.trunk, to: trunk, startedAt: now });
    this.#at!.into = at.outOf;
    this.#leaving.push(at);
    if (this.#leaving.length > LEAVING_MAX) this.#leaving[0]?.outOf?.cut();
    this.advance(now);
  }

  /** Leaves for good what has told its part. */
  advance(now: number): void {
    const done = this.#leaving.filter((leg) => leg.outOf?.look(now) !== false);
    this.#leaving = this.#leaving.filter((leg) => !done.includes(leg));
    for (const leg of done) leg.end();
    if (this.#at?.into?.settled(this.monitor.rewindSlots)) this.#at.into = undefined;
  }

  /** Begins to go over, once it is near enough. */
  approach(trunk: Trunk): void {
    const at = this.#at?.trunk;
    if (at === undefined || at.state !== 'live' || trunk.state !== 'live' || trunk.memory.top < 0) return;
    if (at.memory.replaying || at.memory.top < trunk.memory.top - NEAR_SLOTS) return;
    const leg = this.#leg(trunk);
    const handover = new Handover(at.memory);
    leg.by = { handover, untilSlot: Number.POSITIVE_INFINITY };
    trunk.put(leg.branch, this.asked?.filters ?? []);
    this.#next = { leg, handover, version: trunk.version, certainSlot: undefined };
  }

  /** It stays where it is. */
  abandon(): void {
    const next = this.#next;
    this.#next = undefined;
    next?.leg.end();
  }

  /** Whether the next stream can do without the first. */
  arrived(): boolean {
    const next = this.#next;
    const at = this.#at?.trunk;
    if (next === undefined || at === undefined) return false;
    const { trunk } = next.leg;
    if (trunk.state !== 'live' || at.state !== 'live' || next.handover.hopeless) {
      this.abandon();
      return false;
    }
    if (trunk.accepted < next.version) return false;
    next.certainSlot ??= trunk.memory.top + CERTAIN_SLOTS;
    return trunk.memory.top >= next.certainSlot && at.memory.top >= next.certainSlot && !next.handover.owes;
  }

  /** From now on the next stream alone feeds it. */
  arrive(): void {
    const left = this.#at;
    const next = this.#next;
    if (left === undefined || next === undefined) return;
    next.handover.finish();
    next.leg.by = { handover: next.handover, untilSlot: left.trunk.memory.highest + this.monitor.rewindSlots };
    this.#at = next.leg;
    this.#next = undefined;
    left.end();
  }

  get #legs(): Leg[] {
    return [this.#at, this.#next?.leg, ...this.#leaving].filter((leg) => leg !== undefined);
  }

  #leg(trunk: Trunk): Leg {
    const leg = new Leg(this.monitor.id, trunk, (update, told) => {
      this.monitor.take(update, told);
      if (leg === this.#at) this.#next?.handover.fromOld(update);
    });
    return leg;
  }
}

/** Whoever has no part in a stream yet. */
const STRANGER: Branch = { id: -1, take: () => undefined };
