/**
 * Places shared by several pools: the bound on all sockets together.
 *
 * Invariants:
 *   (1) used ≤ max, and used is the sum of the pools' opening + leased + idle.
 *   (2) A pool that finds no place is remembered, and told, oldest first, as soon as one is given back.
 *   (3) While a pool goes without, no other pool keeps an idle item: it makes room, longest idle first.
 */
import type { CloseReason } from '../core/observer.ts';

/** What capacity needs of a pool. */
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
  readonly #users = new Map<object, CapacityUser>();
  readonly #hungry = new Set<object>();
  #feeding = false;

  constructor(max: number) {
    this.max = max;
  }

  get used(): number {
    return this.#used;
  }

  join(pool: object, user: CapacityUser): void {
    this.#users.set(pool, user);
  }

  leave(pool: object): void {
    this.#users.delete(pool);
    this.#hungry.delete(pool);
  }

  /** Takes a place for `pool`, making room at another pool's expense if need be. */
  take(pool: object): boolean {
    if (this.#used >= this.max && !this.#makeRoom(pool)) {
      this.#hungry.add(pool);
      return false;
    }
    this.#used++;
    this.#hungry.delete(pool);
    return true;
  }

  give(): void {
    this.#used--;
    this.#feed();
  }

  /** An item has become idle somewhere: it may be in the way of a pool that goes without. */
  idled(): void {
    if (this.#hungry.size > 0) this.#feed();
  }

  #makeRoom(pool: object): boolean {
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
    if (this.#feeding || this.#hungry.size === 0) return;
    this.#feeding = true;
    for (const pool of [...this.#hungry]) {
      this.#hungry.delete(pool);
      this.#users.get(pool)?.fed(); // asks again with take(), and is hungry again if it gets nothing
    }
    this.#feeding = false;
  }
}
