/**
 * What is looked after at a steady pace: connections that grow old, those nobody needs, leases nobody uses, and the
 * minimum.
 *
 * Rotation, at most `rotationsMax` a tick, the oldest first:
 *   there is a place, and the budget of starts allows it ──▶ another is opened; when it is ready, the old one drains
 *   there is no place, nor is one about to come free     ──▶ the old one drains; another is opened when it has gone
 *   the budget does not allow it, or dials are failing   ──▶ it waits: an old connection is better than none
 */
import type { Clock, Timer } from '../core/clock.ts';
import type { Claim, Tenant } from './claim.ts';
import type { Leases } from './leases.ts';
import type { Member } from './member.ts';
import { readyOf } from './picking.ts';

export interface UpkeepOptions {
  readonly tickMs: number;
  /** Connections kept open whatever the streams need. */
  readonly sizeMin: number;
  readonly rotationsMax: number;
  /** Readings in a row that must find a connection too many before one drains. */
  readonly lowReadings: number;
  /** A connection is too many when the others would be in use by no more than this share, 0…1. */
  readonly shrinkAt: number;
  /** How long a lease may be without a live stream, in ms. */
  readonly leaseIdleMs: number;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #leases: Leases;
  readonly #clock: Clock;
  readonly #also: (now: number) => void;
  #timer: Timer | undefined;
  #idleLows = 0;
  rotations = 0;

  /** @param also is told at every tick, before anything else */
  constructor(options: UpkeepOptions, leases: Leases, clock: Clock, also: (now: number) => void) {
    this.#options = options;
    this.#leases = leases;
    this.#clock = clock;
    this.#also = also;
    this.#arm();
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = this.#clock.after(this.#options.tickMs, () => {
      this.#arm();
      this.tick();
    });
  }

  tick(): void {
    const now = this.#clock.now();
    this.#also(now);
    this.#expire(now);
    this.#rotate(now);
    for (const tenant of this.#leases.tenants.values()) this.#shrink(tenant);
    this.#shrinkIdle();
    this.fill();
    this.#leases.settle();
  }

  /** Opens what the minimum lacks. */
  fill(): void {
    const { members } = this.#leases;
    while (members.count('opening') + members.count('ready') < this.#options.sizeMin) {
      if (members.open(undefined, 'growth') === undefined) return;
    }
  }

  #expire(now: number): void {
    const expired = ({ state, live, usedAt }: Claim): boolean =>
      state === 'held' && live === 0 && now - usedAt >= this.#options.leaseIdleMs;
    for (const claim of [...this.#leases.claims]) if (expired(claim)) this.#leases.release(claim, 'expired');
  }

  #rotate(now: number): void {
    const { members } = this.#leases;
    let left = this.#options.rotationsMax;
    for (const member of members.all) if (member.successor !== undefined) left--;
    const old = [...members.all].filter((each) => {
      return each.state === 'ready' && now >= each.retireAt && each.successor === undefined;
    });
    old.sort((a, b) => a.retireAt - b.retireAt);
    for (const member of old) if (left-- > 0 && this.#replace(member, now)) this.rotations++;
  }

  /** @returns whether it is on its way out */
  #replace(member: Member, now: number): boolean {
    const { members, owner } = this.#leases;
    if (member.tenant === undefined && this.#hasMoreThanMin) {
      members.drain(member, 'age');
      return true;
    }
    if (members.backoffMs > 0 || !owner.mayStart()) return false;
    if (members.size >= members.sizeMax) {
      if (members.failures > 0) return false;
      // Where others are about to go, there will be a place: it is waited for, though not for more than another life.
      const life = member.retireAt - member.openedAt;
      if (members.count('draining') > 0 && now < member.retireAt + life) return false;
      members.drain(member, 'age');
      return true;
    }
    const successor = members.open(member.tenant, 'growth');
    if (successor === undefined) return false;
    successor.replaces = member;
    member.successor = successor;
    return true;
  }

  get #hasMoreThanMin(): boolean {
    const { members } = this.#leases;
    return members.count('opening') + members.count('ready') > this.#options.sizeMin;
  }

  #shrink(tenant: Tenant): void {
    const ready = [...readyOf(this.#leases.members, tenant)].filter(({ successor }) => successor === undefined);
    let streams = tenant.waiting.size;
    let room = 0;
    for (const member of ready) {
      streams += member.streams;
      room += member.streamsMax;
    }
    const spare = ready.reduce<Member | undefined>(lighter, undefined);
    const low =
      this.#hasMoreThanMin && ready.length > 1 && streams <= (room - spare!.streamsMax) * this.#options.shrinkAt;
    tenant.lows = low ? tenant.lows + 1 : 0;
    if (tenant.lows < this.#options.lowReadings) return;
    tenant.lows = 0;
    this.#leases.members.drain(spare!, 'surplus');
  }

  /** Of those nobody has, one at a time goes; the minimum stays. */
  #shrinkIdle(): void {
    const { members } = this.#leases;
    const idle = [...members.all].filter(({ state, tenant }) => state === 'ready' && tenant === undefined);
    const low = idle.length > 0 && this.#hasMoreThanMin;
    this.#idleLows = low ? this.#idleLows + 1 : 0;
    if (this.#idleLows < this.#options.lowReadings) return;
    this.#idleLows = 0;
    members.drain(idle[0]!, 'surplus');
  }
}

function lighter(best: Member | undefined, member: Member): Member {
  return best === undefined || member.streams < best.streams ? member : best;
}
