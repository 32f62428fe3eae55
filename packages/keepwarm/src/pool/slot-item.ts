/** What a shared pool wants to know of the items it lends slots on, and of whoever opens and closes them. */
import type { Link } from '../algo/chain.ts';
import type { CloseReason } from '../core/observer.ts';

export interface SharedItem<T> extends Link<T> {
  place: 'leased' | 'idle' | 'gone';
  /** Why it takes no more callers, once it does not. */
  draining: CloseReason | undefined;
  /** Slots it can lend at the moment; whoever changes it calls `slotsChanged`. */
  slotsMax: number;
  /** Slots lent. The pool's own. */
  slotsUsed: number;
  /** The how-manieth item of its pool it is, from 1. The pool's own. */
  serial: number;
}

export interface SharedOptions {
  /** What messages call the pool: its origin. */
  readonly name: string;
  readonly sizeMax: number;
  readonly waitersMax: number;
  /** Items kept open ahead of demand. */
  readonly idleMin: number;
}

export interface SharedOwner<T> {
  /** Starts to open one item; answers later with exactly one of `opened`, `openFailed` and `openedOther`. */
  open(): void;
  /** The item has left the pool and is to be closed. */
  close(item: T, reason: CloseReason): void;
}
