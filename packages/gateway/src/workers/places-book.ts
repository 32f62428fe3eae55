/** All limits that workers share, at home: one book for each, begun when a worker speaks of it for the first time. */
import { partOf } from '../config/shares.ts';
import { type Demand, type Grant, Places } from '../limits/places.ts';
import { type Versions, versionOf } from './carried.ts';

export class PlacesBook {
  readonly #count: number;
  readonly #grant: (worker: number, grant: Grant) => void;
  readonly #there: (worker: number) => boolean;
  readonly #now: () => number;
  readonly #places = new Map<string, Places>();
  #timer: NodeJS.Timeout | undefined;

  /** @param there whether there is a process at the place of this worker */
  constructor(
    count: number,
    grant: (worker: number, grant: Grant) => void,
    there: (worker: number) => boolean,
    now: () => number = () => performance.now(),
  ) {
    this.#count = count;
    this.#grant = grant;
    this.#there = there;
    this.#now = now;
  }

  heard(worker: number, demand: Demand): void {
    const now = this.#now();
    let places = this.#places.get(demand.key);
    if (places === undefined) this.#places.set(demand.key, (places = this.#begun(demand, now)));
    this.#tell(places.heard(worker, demand, now));
  }

  left(worker: number): void {
    const now = this.#now();
    for (const places of this.#places.values()) {
      places.left(worker, now);
      this.#tell(places.allot(now));
    }
    this.#arm(now);
  }

  /** Limits of upstreams that are as they were in these versions are kept, all others forgotten. */
  keep(versions: Versions): void {
    for (const key of this.#places.keys()) {
      const [upstream, version] = JSON.parse(key) as [string, number];
      if (versionOf(versions, upstream) !== version) this.#places.delete(key);
    }
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Each has its part from the start; who is not there any more may have used it. */
  #begun(demand: Demand, now: number): Places {
    const numbers = Array.from({ length: this.#count }, (_, slot) => slot + 1);
    const part = (number: number): number => partOf(demand.limit, { slot: number - 1, count: this.#count });
    const places = new Places(demand, new Map(numbers.map((number) => [number, part(number)])));
    for (const number of numbers) if (!this.#there(number)) places.left(number, now);
    return places;
  }

  #tell(grants: ReturnType<Places['allot']>): void {
    for (const [worker, grant] of grants) this.#grant(worker, grant);
  }

  /** What a worker had that is gone comes back some time. */
  #arm(now: number): void {
    clearTimeout(this.#timer);
    const at = Math.min(...[...this.#places.values()].map(({ returnsAt }) => returnsAt));
    if (at === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        const then = this.#now();
        for (const places of this.#places.values()) this.#tell(places.allot(then));
        this.#arm(then);
      },
      Math.ceil(Math.max(at - now, 0)) + 1,
    );
    this.#timer.unref();
  }
}
