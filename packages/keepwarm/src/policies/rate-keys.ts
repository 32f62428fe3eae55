/** The buckets of one limit: one for all calls, or one per key; idle ones are forgotten when room is needed. */
import { Chain } from '../algo/chain.ts';
import type { Call } from '../core/call.ts';
import { RateBucket } from './rate-bucket.ts';
import { nameOf, type RateLimit, type RateSettings, weightOf } from './rate-options.ts';
import { tooManyKeys } from './rate-refusals.ts';

/**
 * How many idle keys are looked at for one that can be forgotten. Those that cannot, as a peer has asked for a pause,
 * are looked at again after all others, so that a few of them never keep all the rest from making room.
 */
const LOOKS_MAX = 64;

/** The state of one limit, summed over its keys; of `used`, `remaining` and the instants, those of the tightest key. */
export interface RateSnapshot {
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  /** Keys in memory; 1 for a limit without keys. */
  readonly keys: number;
  /** Weight that counts now: begun and not answered, or answered within the last window. */
  readonly used: number;
  /** Weight that may start now, by our count and by what the peer said. */
  readonly remaining: number;
  /** Until all of the limit is free again if nothing else starts, in ms. */
  readonly resetMs: number;
  /** Until a call of weight 1 can start, in ms. */
  readonly nextMs: number;
  /** Calls that wait for this limit. */
  readonly waiting: number;
  /** What is left of a pause the peer asked for, in ms. */
  readonly pausedMs: number;
  /** Weight ever started, and calls refused because of this limit. */
  readonly granted: number;
  readonly refused: number;
}

export class RateKeys {
  readonly name: string;
  readonly limit: RateLimit;
  /** Where there are no keys. */
  readonly only: RateBucket | undefined;
  granted = 0;
  refused = 0;
  readonly #settings: RateSettings;
  readonly #buckets = new Map<string, RateBucket>();
  /** Those that no call is concerned with, longest so first. */
  readonly #idle = new Chain<RateBucket>();

  constructor(limit: RateLimit, settings: RateSettings) {
    this.name = nameOf(limit);
    this.limit = limit;
    this.#settings = settings;
    this.only = limit.key === undefined ? this.#open('') : undefined;
  }

  /** @throws NetError `SATURATED` when every key in memory still holds starts */
  bucketOf(call: Call, now: number): RateBucket {
    if (this.only !== undefined) return this.only;
    const key = this.limit.key!(call);
    const known = this.#buckets.get(key);
    if (known !== undefined) return known;
    const { keysMax } = this.#settings;
    if (this.#buckets.size >= keysMax && !this.#forgetOne(now)) {
      this.refused++;
      throw tooManyKeys(call, this.name, keysMax);
    }
    const bucket = this.#open(key);
    this.#idle.push(bucket);
    return bucket;
  }

  /** Whether a call could start now, as far as this limit goes. It is not counted by asking. */
  mayStart(call: Call, now: number): boolean {
    const bucket = this.only ?? this.#buckets.get(this.limit.key!(call));
    if (bucket === undefined) return true;
    const weight = weightOf(this.limit, call);
    return weight === 0 || (bucket.waiters.size === 0 && bucket.fits(weight, now));
  }

  /** A call is concerned with it from now on. */
  join(bucket: RateBucket): void {
    if (bucket.calls++ === 0 && this.only === undefined) this.#idle.remove(bucket);
  }

  leave(bucket: RateBucket): void {
    if (--bucket.calls === 0 && this.only === undefined) this.#idle.push(bucket);
  }

  snapshot(now: number): RateSnapshot {
    let tightest: RateBucket | undefined;
    let waiting = 0;
    for (const bucket of this.#buckets.values()) {
      waiting += bucket.waiters.size;
      if (tightest === undefined || bucket.remaining(now) < tightest.remaining(now)) tightest = bucket;
    }
    const { limit, windowMs } = this.limit;
    return {
      name: this.name,
      limit: tightest?.limit ?? limit,
      windowMs,
      keys: this.#buckets.size,
      used: tightest?.window.used(now) ?? 0,
      remaining: tightest?.remaining(now) ?? limit,
      resetMs: tightest === undefined ? 0 : tightest.window.emptyAt(now) - now,
      nextMs: tightest === undefined ? 0 : tightest.mayFitAt(1, now, 0) - now,
      waiting,
      pausedMs: tightest?.pausedMs(now) ?? 0,
      granted: this.granted,
      refused: this.refused,
    };
  }

  #open(key: string): RateBucket {
    const { lateMs, skewMs } = this.#settings;
    const { limit, windowMs } = this.limit;
    const bucket = new RateBucket(key, { limit, windowMs: windowMs + skewMs, lateMs });
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #forgetOne(now: number): boolean {
    for (let looks = Math.min(LOOKS_MAX, this.#idle.size); looks > 0; looks--) {
      const bucket = this.#idle.shift()!;
      if (bucket.forgettable(now)) return this.#buckets.delete(bucket.key);
      this.#idle.push(bucket);
    }
    return false;
  }
}
