/** One limit of a fleet, with the buckets of its keys that this process knows. */
import { createHash } from 'node:crypto';
import { Chain } from '../../algo/chain.ts';
import type { Call } from '../../core/call.ts';
import type { RateSnapshot } from '../../policies/rate-keys.ts';
import { nameOf, type RateLimit, type RateSettings, weightOf } from '../../policies/rate-options.ts';
import { tooManyKeys } from '../../policies/rate-refusals.ts';
import { FleetBucket } from './fleet-bucket.ts';
import type { FleetSlots } from './fleet-waiter.ts';

/** As in the limits of one process: idle keys looked at for one that can be forgotten. */
const LOOKS_MAX = 16;

export interface FleetLimitSnapshot {
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  /** Keys this process remembers. */
  readonly keys: number;
  /** Weight that counts now and was started by this process: the most over its keys. */
  readonly own: number;
  /** What is left of a pause the peer asked this process for, in ms. */
  readonly pausedMs: number;
  /** Weight ever started by this process, and calls it refused because of this limit. */
  readonly granted: number;
  readonly refused: number;
}

export class FleetLimit {
  readonly name: string;
  readonly limit: RateLimit;
  granted = 0;
  refused = 0;
  readonly #settings: RateSettings & { readonly holdMs: number };
  readonly #prefix: string;
  readonly #buckets = new Map<string, FleetBucket>();
  readonly #idle = new Chain<FleetBucket>();

  /** @param tag goes into every key in braces, so that a call's limits live in one hash slot */
  constructor(limit: RateLimit, settings: RateSettings & { readonly holdMs: number }, tag: string) {
    this.name = nameOf(limit);
    this.limit = limit;
    this.#settings = settings;
    this.#prefix = `{${tag}}:${limit.name ?? ''}:${limit.windowMs}`;
  }

  get buckets(): Iterable<FleetBucket> {
    return this.#buckets.values();
  }

  /** @throws NetError `SATURATED` when every key in memory still holds starts */
  bucketOf(call: Call, now: number): FleetBucket {
    const key = this.limit.key === undefined ? '' : this.limit.key(call);
    const known = this.#buckets.get(key);
    if (known !== undefined) return known;
    const { keysMax, lateMs, holdMs, skewMs } = this.#settings;
    if (this.#buckets.size >= keysMax && !this.#forgetOne(now)) {
      this.refused++;
      throw tooManyKeys(call, this.name, keysMax);
    }
    // Keys may be credentials: Redis gets to see their digest.
    const digest = key === '' ? '' : createHash('sha256').update(key).digest('base64url').slice(0, 22);
    const keys = [`${this.#prefix}:log:${digest}`, `${this.#prefix}:state:${digest}`] as const;
    const times = { windowMs: this.limit.windowMs + skewMs, lateMs, holdMs };
    const bucket = new FleetBucket(key, keys, this, times);
    this.#buckets.set(key, bucket);
    this.#idle.push(bucket);
    return bucket;
  }

  join(bucket: FleetBucket): void {
    if (bucket.calls++ === 0) this.#idle.remove(bucket);
  }

  leave(bucket: FleetBucket): void {
    if (--bucket.calls === 0) this.#idle.push(bucket);
  }

  snapshot(now: number): FleetLimitSnapshot {
    let own = 0;
    let pausedMs = 0;
    for (const bucket of this.#buckets.values()) {
      own = Math.max(own, bucket.own.used(now));
      pausedMs = Math.max(pausedMs, bucket.pausedUntil - now);
    }
    const { limit, windowMs } = this.limit;
    const { name, granted, refused } = this;
    return { name, limit, windowMs, keys: this.#buckets.size, own, pausedMs, granted, refused };
  }

  /** Whether there is no reason known here why a call should have to wait. */
  mayStart(call: Call, now: number): boolean {
    const weight = weightOf(this.limit, call);
    const bucket = this.#buckets.get(this.limit.key === undefined ? '' : this.limit.key(call));
    if (weight === 0 || bucket === undefined) return true;
    if (bucket.waiters.size > 0 || Math.max(bucket.askAt, bucket.pausedUntil) > now) return false;
    return bucket.own.used(now) + weight <= this.limit.limit;
  }

  /** As of a limit that this process counts alone; what others use shows in how long one has to wait. */
  rate(now: number): RateSnapshot {
    const { name, limit, windowMs, keys, own, pausedMs, granted, refused } = this.snapshot(now);
    const buckets = [...this.#buckets.values()];
    const most = (of: (bucket: FleetBucket) => number): number => Math.max(0, ...buckets.map(of));
    const waiting = buckets.reduce((sum, { waiters }) => sum + waiters.size, 0);
    const nextMs = Math.max(
      most(({ askAt }) => askAt - now),
      pausedMs,
    );
    const resetMs = most((bucket) => bucket.own.emptyAt(now) - now);
    const remaining = nextMs > 0 ? 0 : Math.max(limit - own, 0);
    return { name, limit, windowMs, keys, used: own, remaining, resetMs, nextMs, waiting, pausedMs, granted, refused };
  }

  #forgetOne(now: number): boolean {
    let looks = 0;
    for (const bucket of this.#idle) {
      if (looks++ === LOOKS_MAX) break;
      if (!bucket.forgettable(now)) continue;
      this.#idle.remove(bucket);
      this.#buckets.delete(bucket.key);
      return true;
    }
    return false;
  }
}

/** Where a call counts. @throws NetError `INVALID` for a weight that is none, `SATURATED` for one key too many */
export function slotsOf(limits: readonly FleetLimit[], call: Call, now: number): FleetSlots {
  const buckets: FleetBucket[] = [];
  const weights: number[] = [];
  for (const limit of limits) {
    const weight = weightOf(limit.limit, call);
    if (weight === 0) continue;
    buckets.push(limit.bucketOf(call, now));
    weights.push(weight);
  }
  return { buckets, weights };
}
