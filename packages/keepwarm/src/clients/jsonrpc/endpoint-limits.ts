/** The rate limits of endpoints: each has its own, in requests or in compute units, and shares them with no other. */
import type { Call, Policy } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import { checkKnown, checkOptions, refused } from '../../core/refusal.ts';
import { relayOf, sending } from '../../core/relay.ts';
import type { RateSnapshot } from '../../policies/rate-keys.ts';
import { type RateParts, rateLimit } from '../../policies/rate-limit.ts';
import { checkLimit, type RateLimit } from '../../policies/rate-options.ts';
import type { RateShare } from '../../policies/rate-share.ts';
import { costOf, requestsOf } from './asked.ts';

export interface RpcRateLimit {
  /** In any window, as the endpoint counts them; a whole number ≥ 1. */
  readonly limit: number;
  /** Length of the window, in ms. */
  readonly windowMs: number;
  /** What counts: requests, those of a batch each for itself; or compute units, by the cost of their methods. */
  readonly unit?: 'requests' | 'computeUnits' | undefined;
  /** As it stands in errors, facts and `stats()`. */
  readonly name?: string | undefined;
}

/** The limits of one endpoint, counted wherever that is. The client closes it with itself. */
export interface EndpointLimit extends Policy {
  /** Whether the call would start at once, as far as is known. Asking counts for nothing. */
  mayStart(call: Call, now?: number): boolean;
  /** One entry per limit. */
  snapshot(): readonly RateSnapshot[];
  /** What of them other processes may have; none where they are not counted here. */
  shares?(): readonly RateShare[];
  close(): void;
}

/**
 * Makes the limits of an endpoint, such as `redisEndpointLimits` for a fleet. Each weighs calls already, by its unit.
 *
 * @throws NetError `INVALID` for limits that it cannot keep
 */
export type EndpointLimiter = (endpoint: string, limits: readonly RateLimit[], parts: RateParts) => EndpointLimit;

/** Counts in this process alone. */
const counted: EndpointLimiter = (_, limits, parts) => rateLimit({ limits }, parts);

/** Of one limit of an endpoint. */
export interface EndpointShare {
  readonly endpoint: string;
  readonly share: RateShare;
}

export class EndpointLimits {
  readonly #clock: Clock;
  readonly #limits = new Map<string, EndpointLimit>();

  /** @throws NetError `INVALID` naming the option */
  constructor(
    given: ReadonlyMap<string, readonly RpcRateLimit[]>,
    parts: RateParts,
    limiter: EndpointLimiter = counted,
  ) {
    this.#clock = parts.clock;
    for (const [endpoint, limits] of given) {
      if (limits.length > 0) this.#limits.set(endpoint, limiter(endpoint, limits.map(weighed), parts));
    }
  }

  readonly policy: Policy = (next) => {
    const past = relayOf(next, this.#clock);
    const limited = new Map(Array.from(this.#limits, ([name, limit]) => [name, relayOf(limit(next), this.#clock)]));
    return sending((call, to, now) => (limited.get(call.endpoint ?? '') ?? past)(call, to, now), this.#clock);
  };

  get size(): number {
    return this.#limits.size;
  }

  /** Whether a call to this endpoint would start at once. */
  hasRoom(endpoint: string, call: Call, now: number): boolean {
    return this.#limits.size === 0 || (this.#limits.get(endpoint)?.mayStart(call, now) ?? true);
  }

  /** One entry per limit of the endpoint. */
  snapshot(endpoint: string): readonly RateSnapshot[] {
    return this.#limits.get(endpoint)?.snapshot() ?? [];
  }

  /** Of all endpoints, each under its name: what other processes may have of their limits. */
  shares(): readonly EndpointShare[] {
    return [...this.#limits].flatMap(([endpoint, limit]) =>
      (limit.shares?.() ?? []).map((share) => ({ endpoint, share })),
    );
  }

  close(): void {
    for (const limit of this.#limits.values()) limit.close();
  }
}

const LIMIT = ['limit', 'windowMs', 'unit', 'name'] satisfies (keyof RpcRateLimit)[];

/** A single request that costs more than the whole limit would never start: it takes all of it. */
function weighed(given: RpcRateLimit): RateLimit {
  checkOptions('option rateLimit of an endpoint', given);
  checkKnown(given, LIMIT, 'rateLimit.', ' of an endpoint');
  const { limit, windowMs, name, unit = 'requests' } = given;
  if (unit !== 'requests' && unit !== 'computeUnits') {
    throw refused('rateLimit.unit', unit, '"requests", "computeUnits"');
  }
  checkLimit('rateLimit', name === undefined ? { limit, windowMs } : { limit, windowMs, name });
  const units = unit === 'requests' ? requestsOf : costOf;
  const weight = (call: Call): number => Math.min(Math.ceil(units(call)), limit);
  return name === undefined ? { limit, windowMs, weight } : { limit, windowMs, weight, name };
}
