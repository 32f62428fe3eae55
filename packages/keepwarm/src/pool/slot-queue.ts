/**
 * Callers who wait for a slot: those who take any, and those who insist on an item newer than the one that failed them.
 *
 * Invariants:
 *   (1) `queued` is set exactly while the waiter stands in here, so leaving twice, or after being served, is harmless.
 *   (2) Within each kind the oldest is served first. Those who insist come before the others: they have waited once.
 */
import { Chain, type Link } from '../algo/chain.ts';
import type { NetError } from '../core/error.ts';

export interface SlotWaiter<T> extends Link<SlotWaiter<T>> {
  /** Takes only items with a higher serial than this, 0 for any: others may have died with the one that failed it. */
  readonly newerThan: number;
  /** The queue's own. */
  queued: boolean;
  granted(item: T): void;
  refused(error: NetError): void;
}

export class SlotQueue<T> {
  readonly #any = new Chain<SlotWaiter<T>>();
  readonly #newer = new Chain<SlotWaiter<T>>();

  get size(): number {
    return this.#any.size + this.#newer.size;
  }

  push(waiter: SlotWaiter<T>): void {
    waiter.queued = true;
    this.#chainOf(waiter).push(waiter);
  }

  withdraw(waiter: SlotWaiter<T>): void {
    if (!waiter.queued) return;
    waiter.queued = false;
    this.#chainOf(waiter).remove(waiter);
  }

  /** Hands items out while `take` has one. Whoever is granted one may do anything to this queue. */
  serve(take: (newerThan: number) => T | undefined): void {
    for (const chain of [this.#newer, this.#any]) {
      for (let waiter = chain.first; waiter !== undefined; waiter = chain.first) {
        const item = take(waiter.newerThan);
        if (item === undefined) break;
        this.withdraw(waiter);
        waiter.granted(item);
      }
    }
  }

  /** Refuses those who insist on a newer item, and with `everyone` the others too. */
  refuse(error: NetError, everyone: boolean): void {
    for (const waiter of this.#leave(everyone)) waiter.refused(error);
  }

  /** Everyone, oldest first; they stand here no more. */
  takeAll(): SlotWaiter<T>[] {
    return this.#leave(true);
  }

  #leave(everyone: boolean): SlotWaiter<T>[] {
    const waiters = everyone ? [...this.#newer, ...this.#any] : [...this.#newer];
    for (const waiter of waiters) this.withdraw(waiter);
    return waiters;
  }

  #chainOf(waiter: SlotWaiter<T>): Chain<SlotWaiter<T>> {
    return waiter.newerThan > 0 ? this.#newer : this.#any;
  }
}
