/**
 * Named leases on the connections of a set. A lease is a claim to streams, not to one connection: which connection
 * carries them may change, and whoever holds the lease is told when it does.
 *
 *   claim ──▶ waiting ──a connection of its tenant is ready──▶ held ──▶ released | reassigned | expired | closed
 *                └──aborted, refused, waited too long──▶ ended
 *
 * A *tenant* is all leases that share connections: those of a group, or one that is exclusive.
 *
 * Invariants, true whenever no method is running:
 *   (1) A stream is on a connection of its lease's tenant, which was ready and had room when it began.
 *   (2) A lease that is taken for another had no live stream, nor did any that shares its connections; the one used
 *       least recently goes first, and never within `graceMs` of its use.
 *   (3) Whoever waits is served in the order of asking within a tenant; tenants that had a connection and lost it go
 *       before those that come new, which are served in the order they came.
 *   (4) Leases that wait ≤ `leasesWaitingMax`, streams that wait ≤ `streamsWaitingMax`. Each waiter settles once.
 *   (5) While a tenant has leases and no connection, one is being opened for it, unless there is no place, or a
 *       failure is being waited out.
 */
import type { Clock } from '../core/clock.ts';
import { Claim, type ClaimEnd, type ClaimOptions, Tenant, Waiter, type WaitOptions } from './claim.ts';
import { abortedError, closedError, fullError, heldError, lostError } from './lease-errors.ts';
import type { Member } from './member.ts';
import type { Members } from './members.ts';
import { isFilling, pick, readyOf } from './picking.ts';
import { grow, supply } from './supply.ts';

export interface LeasesOptions {
  readonly leasesWaitingMax: number;
  readonly streamsWaitingMax: number;
  /** Share of a connection's streams in use above which another is opened, 0…1. */
  readonly growAt: number;
  /** How long after its last use nobody is taken a lease from, in ms. */
  readonly graceMs: number;
}

/** A connection of a lease takes no more streams. */
export interface Moved {
  readonly member: Member;
  /** Whether another can be had before what is on it ends; otherwise that must end first. */
  readonly makeFirst: boolean;
}

export interface LeasesOwner {
  /** Whether a connection beyond those there are could be begun at once: the budget of starts. */
  mayStart(): boolean;
  lost(claim: Claim, end: ClaimEnd): void;
  moved(claim: Claim, moved: Moved): void;
  /** A stream is over. */
  ended(): void;
}

type Wait = Omit<WaitOptions, 'what' | 'because'>;

export class Leases {
  readonly options: LeasesOptions;
  readonly members: Members;
  readonly owner: LeasesOwner;
  readonly clock: Clock;
  readonly tenants = new Map<string, Tenant>();
  readonly #claims = new Map<string, Claim>();
  #coming = 0;
  #waiting = 0;
  #settling: 'no' | 'yes' | 'again' = 'no';
  #closed = false;
  readonly ended: Partial<Record<ClaimEnd, number>> = {};

  constructor(options: LeasesOptions, members: Members, owner: LeasesOwner, clock: Clock) {
    this.options = options;
    this.members = members;
    this.owner = owner;
    this.clock = clock;
  }

  get claims(): Iterable<Claim> {
    return this.#claims.values();
  }
  get leasesWaiting(): number {
    return this.#coming;
  }
  get streamsWaiting(): number {
    return this.#waiting;
  }

  /**
   * A lease, once there is a connection for it.
   *
   * @throws NetError `INVALID` for a name in use; `SATURATED`, `ABORTED`, `TIMEOUT` or `CLOSED`, all unsent
   */
  claim(options: ClaimOptions, wait: Wait): Claim | Promise<Claim> {
    const { name, exclusive, group } = options;
    if (this.#closed) throw closedError();
    if (this.#claims.has(name)) throw heldError(name);
    if (wait.signal?.aborted) throw abortedError(name, wait.signal.reason);
    const { leasesWaitingMax } = this.options;
    if (this.#coming >= leasesWaitingMax) throw fullError('leasesWaitingMax', leasesWaitingMax, 'leases');
    const tenant = this.#tenantOf(exclusive, exclusive ? name : group);
    const claim = new Claim(options, tenant, this.clock.now());
    if (!readyOf(this.members, tenant).next().done) {
      this.#hold(claim);
      return claim;
    }
    this.#claims.set(name, claim);
    tenant.claims.add(claim);
    this.#coming++;
    const because = (): Error | undefined => this.members.lastError;
    const waiter = new Waiter(claim, this.clock, { ...wait, what: `the lease "${name}"`, because }, () => {
      this.#coming--;
      tenant.coming.delete(claim);
      if (claim.state === 'waiting') this.release(claim);
    });
    tenant.coming.set(claim, waiter);
    this.settle();
    return waiter.promise.then(() => claim);
  }

  /** Holds nothing for it any more. Its streams are its holder's to end. Twice is harmless. */
  release(claim: Claim, end: ClaimEnd = 'released'): void {
    if (claim.ended !== undefined) return;
    const held = claim.state === 'held';
    claim.ended = end;
    claim.state = 'ended';
    const error = lostError(claim, end);
    claim.tenant.coming.get(claim)?.refuse(error);
    for (const waiter of [...claim.tenant.waiting]) if (waiter.claim === claim) waiter.refuse(error);
    if (held) this.ended[end] = (this.ended[end] ?? 0) + 1;
    this.#drop(claim);
    if (held) this.owner.lost(claim, end);
    this.settle();
  }

  /**
   * A place for a stream, which is taken at once; or a promise of one.
   *
   * @throws NetError `CLOSED` on a lease that was lost, `SATURATED`, `ABORTED`, `TIMEOUT`; all unsent
   */
  place(claim: Claim, wait: Wait): Member | Promise<Member> {
    if (claim.state !== 'held') throw lostError(claim, claim.ended ?? 'released');
    if (wait.signal?.aborted) throw abortedError(claim.name, wait.signal.reason);
    const { tenant } = claim;
    const member = tenant.waiting.size > 0 ? undefined : this.pick(tenant, claim.member);
    if (member !== undefined) {
      this.#begin(claim, member);
      return member;
    }
    const { streamsWaitingMax } = this.options;
    if (this.#waiting >= streamsWaitingMax) throw fullError('streamsWaitingMax', streamsWaitingMax, 'streams');
    this.#waiting++;
    const what = `a stream of the lease "${claim.name}"`;
    const because = (): Error | undefined => this.members.lastError;
    const waiter = new Waiter(claim, this.clock, { ...wait, what, because }, (self) => {
      this.#waiting--;
      claim.tenant.waiting.delete(self);
    });
    tenant.waiting.add(waiter);
    this.settle();
    return waiter.promise;
  }

  /** A stream is over. */
  end(claim: Claim, member: Member): void {
    const left = claim.on.get(member)! - 1;
    if (left === 0) claim.on.delete(member);
    else claim.on.set(member, left);
    claim.live--;
    claim.usedAt = this.clock.now();
    this.members.end(member);
    this.#free(member);
    this.settle();
    this.owner.ended();
  }

  /**
   * Puts a lease with others: its streams go on where they are, those to come go there.
   *
   * @returns false where that would leave it without a connection
   */
  regroup(claim: Claim, group: string): boolean {
    if (claim.exclusive || claim.state !== 'held' || claim.tenant.group === group) return false;
    if (!this.#reaches(group)) return false;
    const { member: before, tenant } = claim;
    this.#drop(claim);
    claim.tenant = this.#tenantOf(false, group);
    claim.tenant.claims.add(claim);
    for (const waiter of tenant.waiting) {
      if (waiter.claim !== claim) continue;
      tenant.waiting.delete(waiter);
      claim.tenant.waiting.add(waiter);
    }
    this.#claims.set(claim.name, claim);
    this.settle();
    if (before !== undefined) this.owner.moved(claim, { member: before, makeFirst: true });
    return true;
  }

  /** Whether a group has a connection, or could have one without taking anybody else's. */
  #reaches(group: string): boolean {
    const tenant = this.tenants.get(`group ${group}`);
    if (tenant !== undefined && this.pick(tenant) !== undefined) return true;
    return this.members.mayOpen && this.owner.mayStart();
  }

  /** A connection takes no more streams: those who have some on it are told. */
  left(member: Member): void {
    const gone = member.state === 'gone';
    for (const claim of [...this.#claims.values()]) {
      const concerned = claim.member === member || claim.on.has(member);
      if (claim.member === member) claim.member = undefined;
      if (!concerned || claim.state !== 'held' || gone) continue;
      const makeFirst = this.pick(claim.tenant) !== undefined || this.members.size < this.members.sizeMax;
      this.owner.moved(claim, { member, makeFirst });
    }
  }

  /** Serves whoever can be served, and has opened what they lack. Harmless at any time. */
  settle(): void {
    if (this.#closed) return;
    if (this.#settling !== 'no') {
      this.#settling = 'again';
      return;
    }
    do {
      this.#settling = 'yes';
      for (const tenant of this.tenants.values()) this.#serve(tenant);
      supply(this);
    } while ((this.#settling as string) === 'again');
    this.#settling = 'no';
  }

  /** Ends every lease, and refuses whoever waits. Twice is harmless. */
  close(): void {
    this.#closed = true;
    for (const claim of [...this.#claims.values()]) this.release(claim, 'closed');
  }

  /** Where a stream of a tenant would go. */
  pick(tenant: Tenant, before?: Member): Member | undefined {
    return pick(this.members, tenant, this.options.growAt, before);
  }

  #begin(claim: Claim, member: Member): void {
    claim.member = member;
    claim.live++;
    claim.usedAt = this.clock.now();
    claim.on.set(member, (claim.on.get(member) ?? 0) + 1);
    this.members.begin(member);
    const { growAt } = this.options;
    for (const each of readyOf(this.members, claim.tenant)) if (!isFilling(each, growAt)) return;
    grow(this, claim.tenant);
  }

  #serve(tenant: Tenant): void {
    const [first] = readyOf(this.members, tenant);
    if (first === undefined) return;
    tenant.served = true;
    for (const [claim, waiter] of [...tenant.coming]) {
      this.#hold(claim);
      waiter.serve(first);
    }
    for (const waiter of [...tenant.waiting]) {
      const member = this.pick(tenant, waiter.claim.member);
      if (member === undefined) return;
      this.#begin(waiter.claim, member);
      waiter.serve(member);
    }
  }

  #hold(claim: Claim): void {
    this.#claims.set(claim.name, claim);
    claim.tenant.claims.add(claim);
    claim.state = 'held';
    claim.usedAt = this.clock.now();
  }

  #tenantOf(exclusive: boolean, name: string): Tenant {
    const key = `${exclusive ? 'lease' : 'group'} ${name}`;
    let tenant = this.tenants.get(key);
    if (tenant === undefined) {
      tenant = new Tenant(key, exclusive ? '' : name);
      this.tenants.set(key, tenant);
    }
    return tenant;
  }

  #drop(claim: Claim): void {
    if (this.#claims.get(claim.name) === claim) this.#claims.delete(claim.name);
    const { tenant } = claim;
    tenant.claims.delete(claim);
    claim.member = undefined;
    if (tenant.claims.size > 0 || this.tenants.get(tenant.key) !== tenant) return;
    this.tenants.delete(tenant.key);
    for (const member of this.members.all) this.#free(member);
  }

  /** Whose tenant is no more, and whose last stream is over, may serve anyone. */
  #free(member: Member): void {
    if (member.tenant === undefined || member.streams > 0 || this.tenants.has(member.tenant)) return;
    member.tenant = undefined;
  }
}
