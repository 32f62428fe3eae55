/** The order in which the addresses of a name are tried, and the memory of those that failed. */
import type { Clock } from '../core/clock.ts';
import type { Address } from './dns-options.ts';

/** How long an address that failed is tried last, in ms: the base ejection time of Envoy's outlier detection. */
export const FAILED_MS = 30_000;

/** Failed addresses remembered; the one that failed longest ago is forgotten first. */
export const FAILED_MAX = 1_000;

/** Addresses that failed lately. A failure costs an address its rank, never its place: when all fail, all are tried. */
export class FailureMemory {
  /** Address → the instant its failure is forgotten; oldest failure first. */
  readonly #until = new Map<string, number>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#until.size;
  }

  failed(address: string): void {
    this.#until.delete(address);
    this.#until.set(address, this.#clock.now() + FAILED_MS);
    if (this.#until.size > FAILED_MAX) this.#forgetOldest();
  }

  succeeded(address: string): void {
    this.#until.delete(address);
  }

  clear(): void {
    this.#until.clear();
  }

  /** The same addresses, sound ones first and otherwise in the order given; of the failed, the longest ago first. */
  rank(addresses: readonly Address[]): readonly Address[] {
    this.#forgetExpired();
    if (this.#until.size === 0 || addresses.length < 2) return addresses;
    const untilOf = (one: Address) => this.#until.get(one.address) ?? 0;
    return addresses.some((one) => untilOf(one) > 0)
      ? addresses.toSorted((one, other) => untilOf(one) - untilOf(other))
      : addresses;
  }

  /** All live equally long, so the oldest stand in front and the look ends at the first that is still remembered. */
  #forgetExpired(): void {
    const now = this.#clock.now();
    for (const [address, until] of this.#until) {
      if (until > now) return;
      this.#until.delete(address);
    }
  }

  #forgetOldest(): void {
    for (const address of this.#until.keys()) {
      this.#until.delete(address);
      return;
    }
  }
}

/**
 * Families interleaved, beginning with that of the first address (RFC 8305 § 4, First Address Family Count 1), each
 * family rotated by `turn` so that successive callers begin with another address.
 */
export function interleave(addresses: readonly Address[], turn: number): readonly Address[] {
  if (addresses.length < 2) return addresses;
  const lead = addresses[0]!.family;
  const first = rotate(
    addresses.filter((one) => one.family === lead),
    turn,
  );
  const second = rotate(
    addresses.filter((one) => one.family !== lead),
    turn,
  );
  const mixed: Address[] = [];
  for (let place = 0; place < first.length || place < second.length; place++) {
    if (place < first.length) mixed.push(first[place]!);
    if (place < second.length) mixed.push(second[place]!);
  }
  return mixed;
}

function rotate(addresses: Address[], turn: number): Address[] {
  if (addresses.length < 2) return addresses;
  const start = turn % addresses.length;
  return [...addresses.slice(start), ...addresses.slice(0, start)];
}
