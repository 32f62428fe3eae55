/**
 * Endpoints to which no connection can be opened: none is open, and the last one that was tried failed. A balancer goes
 * by what becomes of calls; what nobody had to call would be well to it for ever.
 */
import type { NetError } from '../core/error.ts';
import type { Observer, OpenFailed, SocketClosed, SocketOpened } from '../core/observer.ts';
import { isScarcity } from '../engines/http1/origin-pool.ts';

export class Unreachable {
  /** Tells what the observer it was given is to be told, and hears of connections itself. */
  readonly observer: Observer;
  /** Of each origin: its open connections, and whether the last one that was tried failed. */
  readonly #origins: ReadonlyMap<string, { open: number; failed: boolean }>;

  /** @param origins those it is about, by their keys */
  constructor(origins: readonly string[], observer: Observer) {
    this.#origins = new Map(origins.map((origin) => [origin, { open: 0, failed: false }]));
    const opened = (fact: SocketOpened): void => {
      const known = this.#origins.get(fact.origin);
      if (known !== undefined) {
        known.open++;
        known.failed = false;
      }
      observer.socketOpened?.(fact);
    };
    const failed = (fact: OpenFailed): void => {
      const known = this.#origins.get(fact.origin);
      if (known !== undefined && isTheirs(fact.error)) known.failed = true;
      observer.socketOpenFailed?.(fact);
    };
    const closed = (fact: SocketClosed): void => {
      const known = this.#origins.get(fact.origin);
      if (known !== undefined) known.open--;
      observer.socketClosed?.(fact);
    };
    // All other facts go by it: whether somebody wants one is still asked of the observer.
    this.observer = Object.create(observer, {
      socketOpened: { value: opened, enumerable: true },
      socketOpenFailed: { value: failed, enumerable: true },
      socketClosed: { value: closed, enumerable: true },
    }) as Observer;
  }

  has(origin: string): boolean {
    const known = this.#origins.get(origin);
    return known?.failed === true && known.open === 0;
  }
}

/** @param origins of endpoints; without any, nobody has to be watched, and facts are told straight */
export function watching(
  origins: readonly string[] | undefined,
  observer: Observer,
): { readonly observer: Observer; readonly unreachable?: Unreachable } {
  if (origins === undefined) return { observer };
  const unreachable = new Unreachable(origins, observer);
  return { observer: unreachable.observer, unreachable };
}

/** What was given up, or failed for want of our own descriptors, says nothing about the peer. */
function isTheirs(error: NetError): boolean {
  return error.code !== 'CLOSED' && error.code !== 'ABORTED' && !isScarcity(error);
}
