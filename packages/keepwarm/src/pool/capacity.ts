/**
 * Places shared by several pools: the bound on all sockets together.
 *
 * Invariants:
 *   (1) used ≤ max, and used is the sum of the pools' opening + leased + idle.
 *   (2) A pool whose callers find no place is remembered, and fed as soon as one is given back: in turn, a place each.
 *   (3) While a pool goes without, no other pool keeps an idle item: it makes room, longest idle first. And one with
 *       more places gives up what it would have lent to its own callers, until they differ by one at most.
 *   (4) What nobody waits for takes free places only: no pool closes a warm item so that another may open a spare.
 */
import type { CloseReason } from '../core/observer.ts';

/** What capacity wants to know of a pool. */
export interface Sharer {
  /** Places it holds. */
  readonly size: number;
  /** Callers for whom nothing is being opened. */
  readonly lacking: number;
}

/** What capacity asks a pool's owner to do. */
export interface CapacityUser {
  /** Gives up the item that has been idle for longest. @returns whether there was one */
  yieldIdle(reason: CloseReason): boolean;
  /** Since when that item has been idle; `Infinity` when there is none. */
  idleSince(): number;
  fed(): void;
}

export class Capacity {
  readonly max: number;
  #used = 0;
  readonly #users = new Map<Sharer, CapacityUser>();
  readonly #hungry = new Set<Sharer>();
  #feeding = false;

  constructor(max: number) {
    this.max = max;
  }

  get used(): number {
    return this.#used;
  }

  join(pool: Sharer, user: CapacityUser): void {
    this.#users.set(pool, user);
  }

  leave(pool: Sharer): void {
    this.#users.delete(pool);
    this.#hungry.delete(pool);
  }

  /** Takes a place for `pool`; if callers await it, at another pool's expense if need be, now or as soon as may be. */
  take(pool: Sharer, awaited: boolean): boolean {
    if (!awaited) return this.#used < this.max && this.#hungry.size === 0 && this.#grant();
    if (this.#used >= this.max) {
      this.#hungry.add(pool); // first, so that what is given up here is kept for it
      if (!this.#makeRoom(pool)) return false;
    }
    this.#hungry.delete(pool);
    return this.#grant();
  }

  give(): void {
    this.#used--;
    this.#feed();
  }

  /** An item has become idle somewhere: it may be in the way of a pool that goes without. */
  idled(): void {
    if (this.#hungry.size > 0) this.#feed();
  }

  /** Whether `pool` has to give a place up, as one that holds fewer goes without. Its own turn then comes after. */
  cedes(pool: Sharer): boolean {
    if (this.#hungry.size === 0) return false;
    for (const other of this.#hungry) {
      if (other.lacking > 0 && other.size + 1 < pool.size) return this.#hungry.delete(pool) || true;
    }
    return false;
  }

  #grant(): true {
    this.#used++;
    return true;
  }

  #makeRoom(pool: Sharer): boolean {
    let oldest: CapacityUser | undefined;
    let since = Number.POSITIVE_INFINITY;
    for (const [key, user] of this.#users) {
      const idleSince = key === pool ? Number.POSITIVE_INFINITY : user.idleSince();
      if (idleSince < since) {
        since = idleSince;
        oldest = user;
      }
    }
    // What is given up here is taken by the one who asked: nobody else may be fed in between.
    const feeding = this.#feeding;
    this.#feeding = true;
    const yielded = oldest?.yieldIdle('surplus') ?? false;
    this.#feeding = feeding;
    return yielded && this.#used < this.max;
  }

  #feed(): void {
    if (this.#feeding) return;
    this.#feeding = true;
    for (const pool of this.#hungry) {
      this.#hungry.delete(pool);
      this.#users.get(pool)?.fed(); // asks again with take(), and is hungry again, last in turn, if it gets too little
      if (this.#used >= this.max && this.#hungry.has(pool)) break;
    }
    this.#feeding = false;
  }
}
