/**
 * One observer for a client, and several who listen: those who come later too. A fact nobody listens to has no method,
 * so it is never made.
 */
import { FACTS, type FactName, type Observer } from 'keepwarm';

type Listener = (fact: never) => void;

export class Listeners {
  /** To be given to a client, before or after anybody listens. */
  readonly observer: Observer = {};

  add(observer: Observer): void {
    const methods = this.observer as Record<FactName, Listener | undefined>;
    for (const name of FACTS) {
      const added = observer[name] as Listener | undefined;
      if (added === undefined) continue;
      const before = methods[name];
      methods[name] = before === undefined ? added : both(before, added);
    }
  }
}

const both =
  (first: Listener, second: Listener): Listener =>
  (fact) => {
    first(fact);
    second(fact);
  };
