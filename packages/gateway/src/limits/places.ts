/**
 * Who of several workers, or of several sections of an upstream, has which places of a limit. A worker starts calls in
 * its own places only, so the limit holds whoever makes the calls; places move to where calls are, and only while they
 * are free.
 *
 *   here ──worker is told to have fewer──▶ leaving ──it says that it has no more than that──▶ free ──▶ another's
 *
 * Shares are max-min fair: who wants less than an equal part gets what it wants, the others share the rest; what nobody
 * wants is divided equally. A call that weighs more than its worker's part is seen to before that, one worker at a
 * time. Source: D. Bertsekas, R. Gallager, "Data Networks", 2nd ed. § 6.5.2.
 *
 * Invariants, true whenever no method is running:
 *   (1) Σ held + returning ≤ limit.
 *   (2) No worker counts more than it holds by this book, whatever is on its way: what it is given is in the book
 *       before it hears of it, what it gives up is out of the book after it has said so.
 *   (3) What a worker that is gone had returns when nothing of it counts any more.
 */

/** What a worker says of a limit. */
export interface Demand {
  /** Names the limit, and which version of it: a reload makes it anew. */
  readonly key: string;
  readonly limit: number;
  readonly settledMs: number;
  /** Of the last grant it has heard; 0 before the first. */
  readonly number: number;
  /** The most it may count from now on, until it is given more. */
  readonly held: number;
  /** What counts there now, and what waits. */
  readonly wanted: number;
  /** What the call weighs that waits first. */
  readonly nextWeight: number;
}

/** What a worker is told: from now on it has so many places. */
export interface Grant {
  readonly key: string;
  readonly number: number;
  readonly places: number;
}

/** Of a limit: nothing starts for so long. */
export interface Pause {
  readonly key: string;
  readonly ms: number;
}

interface Holder {
  held: number;
  /** As it was told last. */
  told: number;
  number: number;
  wanted: number;
  nextWeight: number;
  /** It has been seen to out of turn, and is not again before this. */
  notBefore: number;
}

export class Places {
  readonly #key: string;
  #limit: number;
  readonly #settledMs: number;
  readonly #holders = new Map<number, Holder>();
  #returning: { readonly places: number; readonly at: number }[] = [];

  /** @param parts what workers have from the start, by their numbers; of those that are not there too */
  constructor({ key, limit, settledMs }: Demand, parts: ReadonlyMap<number, number>) {
    this.#key = key;
    this.#limit = limit;
    this.#settledMs = settledMs;
    for (const [worker, places] of parts) this.#holders.set(worker, holderOf(places));
  }

  /** Places there are to be divided. Fewer than are held are given out no more until so many have come back. */
  get limit(): number {
    return this.#limit;
  }
  set limit(limit: number) {
    this.#limit = limit;
  }

  /** All that is held, by this book, and all that has not come back yet. */
  get held(): number {
    let held = 0;
    for (const holder of this.#holders.values()) held += holder.held;
    for (const { places } of this.#returning) held += places;
    return held;
  }

  /** By this book. */
  heldBy(worker: number): number {
    return this.#holders.get(worker)?.held ?? 0;
  }

  /** @returns what workers are to be told now */
  heard(worker: number, demand: Demand, now: number): readonly (readonly [worker: number, grant: Grant])[] {
    this.note(worker, demand);
    return this.allot(now);
  }

  /** Of several that speak at once; `allot` follows. */
  note(worker: number, demand: Demand): void {
    let holder = this.#holders.get(worker);
    if (holder === undefined) this.#holders.set(worker, (holder = holderOf(0)));
    holder.wanted = demand.wanted;
    holder.nextWeight = demand.nextWeight;
    // One that answers an older word does not know yet what it has been given since.
    if (demand.number === holder.number) holder.held = Math.min(holder.held, demand.held);
  }

  left(worker: number, now: number): void {
    const holder = this.#holders.get(worker);
    if (holder === undefined) return;
    this.#holders.delete(worker);
    if (holder.held > 0) this.#returning.push({ places: holder.held, at: now + this.#settledMs });
  }

  /** When something comes back, in case nobody says anything until then. */
  get returnsAt(): number {
    return Math.min(...this.#returning.map(({ at }) => at));
  }

  allot(now: number): readonly (readonly [worker: number, grant: Grant])[] {
    this.#returning = this.#returning.filter(({ at }) => at > now);
    const grants: (readonly [number, Grant])[] = [];
    const shares = this.#shares(now);
    for (const [worker, holder] of this.#holders) {
      const share = shares.get(worker)!;
      if (share < holder.held && share !== holder.told) grants.push([worker, this.#tell(holder, share)]);
    }
    let free = this.#limit - this.held;
    for (const [worker, holder] of this.#holders) {
      const share = shares.get(worker)!;
      const more = Math.min(share - holder.held, free);
      if (more > 0) {
        holder.held += more;
        free -= more;
      }
      // Also one that had been told to have fewer, and may keep them after all.
      if (share >= holder.held && holder.told !== holder.held) grants.push([worker, this.#tell(holder, holder.held)]);
    }
    return grants;
  }

  #tell(holder: Holder, places: number): Grant {
    holder.told = places;
    return { key: this.#key, number: ++holder.number, places };
  }

  #shares(now: number): ReadonlyMap<number, number> {
    let whole = this.#limit;
    for (const { places } of this.#returning) whole -= places;
    whole = Math.max(whole, 0);
    const demands = [...this.#holders].map(([worker, { wanted }]) => [worker, wanted] as const);
    const shares = fairShares(demands, whole);
    const heavy = this.#heaviest(shares, whole, now);
    if (heavy === undefined) return shares;
    const [worker, weight] = heavy;
    const others = demands.filter(([each]) => each !== worker);
    return new Map([...fairShares(others, whole - weight), [worker, weight]]);
  }

  /** A worker whose next call never starts within its share; others have their turn before it is seen to again. */
  #heaviest(shares: ReadonlyMap<number, number>, whole: number, now: number): [number, number] | undefined {
    const waiting = [...this.#holders].filter(([worker, { nextWeight }]) => nextWeight > shares.get(worker)!);
    for (const [worker, holder] of waiting.sort(([, a], [, b]) => a.notBefore - b.notBefore)) {
      if (holder.nextWeight > whole || holder.notBefore > now) continue;
      if (holder.held >= holder.nextWeight) holder.notBefore = now + this.#settledMs;
      return [worker, holder.nextWeight];
    }
    return undefined;
  }
}

const holderOf = (places: number): Holder => ({
  ...{ held: places, told: places, number: 0 },
  ...{ wanted: 0, nextWeight: 0, notBefore: Number.NEGATIVE_INFINITY },
});

/** @returns whole numbers that add up to `whole` */
export function fairShares(demands: readonly (readonly [number, number])[], whole: number): Map<number, number> {
  const shares = new Map<number, number>();
  let [left, count] = [whole, demands.length];
  for (const [worker, wanted] of demands.toSorted(([, a], [, b]) => a - b)) {
    // Rounded up for those who want most: what is left over when all have an equal part goes to them.
    const share = Math.min(wanted, count === 1 ? left : Math.floor(left / count));
    shares.set(worker, share);
    left -= share;
    count--;
  }
  const [each, over] = [Math.floor(left / demands.length), left % demands.length];
  for (const [i, [worker]] of demands.entries()) shares.set(worker, shares.get(worker)! + each + (i < over ? 1 : 0));
  return shares;
}
