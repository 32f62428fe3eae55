/** A named lease as the pool sees it, those who share its connections, and those who wait. */
import { type Abortable, listen, unlisten } from '../core/abort.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import type { Member } from './member.ts';

/** Why a lease is held no more. */
export type ClaimEnd =
  | 'released' // by its holder
  | 'reassigned' // it had no live stream, and another needed its connection
  | 'expired' // it had no live stream for longer than its idle limit
  | 'closed'; // the pool was closed

export interface ClaimOptions {
  readonly name: string;
  /** Whether its connections carry nobody else's streams. */
  readonly exclusive: boolean;
  /** With whom they are shared otherwise. */
  readonly group: string;
}

export class Claim {
  readonly name: string;
  readonly exclusive: boolean;
  tenant: Tenant;
  state: 'waiting' | 'held' | 'ended' = 'waiting';
  readonly since: number;
  usedAt: number;
  /** Live streams of it, by where they are. */
  readonly on = new Map<Member, number>();
  live = 0;
  /** The connection it used last, and will use again while that serves. */
  member: Member | undefined;
  ended: ClaimEnd | undefined;

  constructor({ name, exclusive }: ClaimOptions, tenant: Tenant, now: number) {
    this.name = name;
    this.exclusive = exclusive;
    this.tenant = tenant;
    this.since = this.usedAt = now;
  }
}

/** Leases that share connections: those of a group, or one that is exclusive. */
export class Tenant {
  readonly key: string;
  readonly group: string;
  readonly claims = new Set<Claim>();
  /** Whether it has ever had a connection: another for it brings back what there was. */
  served = false;
  /** Readings in a row that found it to have more connections than it needs. */
  lows = 0;
  /** Streams that wait for a place, oldest first. */
  readonly waiting = new Set<Waiter>();
  /** Leases that wait for a first connection, oldest first. */
  readonly coming = new Map<Claim, Waiter>();

  constructor(key: string, group: string) {
    this.key = key;
    this.group = group;
  }

  /** Whether none of its leases has a stream, nor wants one. */
  get quiet(): boolean {
    if (this.waiting.size > 0 || this.coming.size > 0) return false;
    for (const { live } of this.claims) if (live > 0) return false;
    return true;
  }

  /** The instant one of its leases was used last. */
  get usedAt(): number {
    let last = Number.NEGATIVE_INFINITY;
    for (const { usedAt } of this.claims) last = Math.max(last, usedAt);
    return last;
  }
}

export interface WaitOptions {
  readonly signal: AbortSignal | undefined;
  /** The longest wait, in ms. */
  readonly waitMs: number;
  /** What waits, for messages. */
  readonly what: string;
  /** What keeps it waiting, where that is known. */
  readonly because: () => Error | undefined;
}

/** Somebody who waits: until served, refused, gone by their own signal, or for too long; whichever is first. */
export class Waiter implements Abortable {
  readonly claim: Claim;
  readonly promise: Promise<Member>;
  readonly #clock: Clock;
  readonly #options: WaitOptions;
  readonly #settled: () => void;
  readonly #resolvers = Promise.withResolvers<Member>();
  readonly #timer: Timer;

  /** @param settled told once, before anybody else: it waits no more */
  constructor(claim: Claim, clock: Clock, options: WaitOptions, settled: (waiter: Waiter) => void) {
    this.claim = claim;
    this.#clock = clock;
    this.#options = options;
    this.#settled = () => settled(this);
    this.promise = this.#resolvers.promise;
    const { signal, waitMs, what, because } = options;
    if (signal !== undefined) listen(signal, this);
    // A process lives while somebody waits in it.
    clock.hold();
    this.#timer = clock.after(waitMs, () => {
      const cause = because();
      const known = cause === undefined ? '' : `; the last attempt to open one: ${cause.message}`;
      const why = `${what} waited ${waitMs} ms for a connection (limit waitMs)${known}`;
      this.refuse(new NetError('TIMEOUT', why, { ...UNSENT, limit: 'waitMs', value: waitMs, cause }));
    });
  }

  aborted(reason: unknown): void {
    const { what } = this.#options;
    this.refuse(new NetError('ABORTED', `${what} is not wanted any more`, { ...UNSENT, cause: reason }));
  }

  serve(member: Member): void {
    this.#end();
    this.#resolvers.resolve(member);
  }

  refuse(error: NetError): void {
    this.#end();
    this.#resolvers.reject(error);
  }

  #end(): void {
    const { signal } = this.#options;
    if (signal !== undefined) unlisten(signal, this);
    this.#timer.cancel();
    this.#clock.release();
    this.#settled();
  }
}

const UNSENT = { reach: 'unsent', phase: 'queue' } as const;
