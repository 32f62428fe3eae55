/** How often each endpoint answered otherwise than others did, for operators: which one to look at, or to cordon. */
import type { Difference, Observer } from '../../core/observer.ts';
import type { EndpointPlace } from './freshness.ts';

export type DifferingSnapshot = Readonly<Record<Difference, number>>;

interface Tally {
  readonly origin: string;
  lacked: number;
  disagreed: number;
}

export class Differing {
  readonly #observer: Observer;
  readonly #tallies: ReadonlyMap<string, Tally>;

  constructor(endpoints: readonly EndpointPlace[], observer: Observer) {
    this.#observer = observer;
    this.#tallies = new Map(endpoints.map(({ name, origin }) => [name, { origin, lacked: 0, disagreed: 0 }]));
  }

  note(endpoint: string, how: Difference, operation: string): void {
    const tally = this.#tallies.get(endpoint);
    if (tally === undefined) return;
    tally[how]++;
    this.#observer.endpointDiffered?.({ endpoint, origin: tally.origin, how, operation });
  }

  snapshot(endpoint: string): DifferingSnapshot {
    const { lacked = 0, disagreed = 0 } = this.#tallies.get(endpoint) ?? {};
    return { lacked, disagreed };
  }
}
