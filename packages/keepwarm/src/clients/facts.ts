/**
 * Facts for listeners that come and go, by name. The observer it offers has a method only while somebody listens, so a
 * fact nobody wants is never made.
 */
import type { Observer } from '../core/observer.ts';
import { checkFunction, distance, invalid, isOptions, refused } from '../core/refusal.ts';

export type FactName = keyof Observer;
export type FactOf<N extends FactName> = Parameters<NonNullable<Observer[N]>>[0];
export type FactListener<N extends FactName> = (fact: FactOf<N>) => void;

/** Every fact there is; the compiler sees to it that none is missing. */
const NAMES: Readonly<Record<FactName, true>> = {
  socketOpened: true,
  socketOpenFailed: true,
  socketClosed: true,
  sessionChanged: true,
  leased: true,
  released: true,
  replied: true,
  failed: true,
  hopped: true,
  retried: true,
  retryDenied: true,
  hedged: true,
  hedgeWon: true,
  rateWaits: true,
  rateRefused: true,
  ratePaused: true,
  breakerOpened: true,
  breakerHalfOpened: true,
  breakerClosed: true,
  concurrencyWaits: true,
  concurrencyRefused: true,
  endpointEjected: true,
  endpointReadmitted: true,
  endpointCordoned: true,
  endpointLagging: true,
  endpointCaughtUp: true,
  endpointDiffered: true,
  coalesced: true,
  compressionRefused: true,
  cacheUsed: true,
  streamOpened: true,
  streamLost: true,
  streamGap: true,
  streamUnread: true,
  leakSuspected: true,
  leakRecovered: true,
  resolved: true,
};

export const FACTS = Object.keys(NAMES) as readonly FactName[];

/**
 * That somebody can be told: a fact's own name holds a function, and no other function stands under a name that is
 * nearly one, where it would never be called. What a class has beside its listeners is its own affair.
 *
 * @param facts the names that are told @throws NetError `INVALID` naming the option, or the fact that was meant
 */
export function checkObserver(option: string, observer: unknown, facts: readonly string[]): void {
  if (observer === undefined) return;
  if (!isOptions(observer)) throw refused(option, observer, 'an object with functions named after facts');
  for (const name of facts) checkFunction(`${option}.${name}`, Reflect.get(observer, name));
  for (const [name, value] of Object.entries(observer)) {
    if (typeof value !== 'function' || facts.includes(name)) continue;
    const near = facts.find((fact) => distance(fact.toLowerCase(), name.toLowerCase()) <= FACT_EDITS);
    if (near !== undefined) throw invalid(`there is no fact ${option}.${name}; did you mean ${near}?`);
  }
}

/** Further away from a fact is a name of its own. */
const FACT_EDITS = 2;

type Listener = (fact: never) => void;

export class Facts {
  /** To be given to a client. */
  readonly observer: Observer = {};
  readonly #listeners = new Map<FactName, Set<Listener>>();

  on<N extends FactName>(name: N, listener: FactListener<N>): void {
    let listeners = this.#listeners.get(name);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(name, listeners);
      const heard = listeners;
      this.#method(name, (fact) => tell(heard, fact));
    }
    listeners.add(listener);
  }

  off<N extends FactName>(name: N, listener: FactListener<N>): void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined || !listeners.delete(listener) || listeners.size > 0) return;
    this.#listeners.delete(name);
    this.#method(name, undefined);
  }

  /** All facts an observer has methods for. */
  listen(observer: Observer): void {
    for (const name of FACTS) {
      if (observer[name] !== undefined) this.on(name, (fact) => (observer[name] as Listener)(fact as never));
    }
  }

  #method(name: FactName, method: Listener | undefined): void {
    const methods = this.observer as Record<FactName, Listener | undefined>;
    methods[name] = method;
  }
}

/**
 * The same observer, whose methods may throw: that harms neither the call nor anybody else. A method that comes later,
 * or goes, is noticed.
 */
export function guarded(observer: Observer): Observer {
  const guard: Observer = {};
  for (const name of FACTS) {
    const told = (fact: never): void => tell([(each) => (observer[name] as Listener)(each)], fact);
    const get = (): Listener | undefined => (observer[name] === undefined ? undefined : told);
    Object.defineProperty(guard, name, { get, enumerable: true });
  }
  return guard;
}

/** What one listener throws is none of the others' concern; it surfaces as an uncaught exception of its own. */
function tell(listeners: Iterable<Listener>, fact: never): void {
  for (const listener of listeners) {
    try {
      listener(fact);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
