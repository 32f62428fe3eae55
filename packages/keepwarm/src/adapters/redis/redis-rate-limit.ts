/**
 * The rate limits of one process, for a whole fleet: every process counts in the same Redis or Valkey, and no window
 * holds more starts than the limit, whoever made them, as the peer counts them.
 */
import { randomUUID } from 'node:crypto';
import type { Call, Policy, Send } from '../../core/call.ts';
import { factOf } from '../../core/call-fact.ts';
import { systemClock } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import type { Reply } from '../../core/reply.ts';
import { readFeedback } from '../../policies/rate-feedback.ts';
import type { RateSnapshot } from '../../policies/rate-keys.ts';
import type { RateParts } from '../../policies/rate-limit.ts';
import { FleetLimiter } from './fleet-limiter.ts';
import type { FleetLimitSnapshot } from './fleet-limits.ts';
import type { FleetSlots } from './fleet-waiter.ts';
import { type FleetOptions, type FleetSettings, fleetSettings } from './options.ts';

export interface FleetSnapshot {
  readonly limits: readonly FleetLimitSnapshot[];
  /** Calls of this process that wait for a start. */
  readonly waiting: number;
  readonly redis: {
    /** `up`: it answers. `closed` or `local`: it does not, and this is what is done about it. */
    readonly state: 'up' | 'closed' | 'local';
    /** For how long it has not answered, in ms. */
    readonly lostMs: number;
    /** Questions asked, and those without an answer in time. */
    readonly asks: number;
    readonly losses: number;
    /** What the last loss was, in words. */
    readonly lastError: string | undefined;
  };
}

export interface FleetRateLimit extends Policy {
  /** Whether nothing known here would make the call wait. Asking counts for nothing. */
  mayStart(call: Call, now?: number): boolean;
  /** One entry per limit, as of a limit that one process counts: `used` and `waiting` are this process's own. */
  rates(): RateSnapshot[];
  snapshot(): FleetSnapshot;
  /** Ends every wait with `CLOSED`; nothing starts any more. The client stays open: it is yours. */
  close(): void;
}

/** @throws NetError `INVALID` naming the option that is not acceptable */
export function redisRateLimit(options: FleetOptions, parts: Partial<RateParts> = {}): FleetRateLimit {
  const gate = new FleetGate(fleetSettings(options), { clock: systemClock, observer: {}, ...parts });
  const policy: Policy = (next) => (call) => gate.send(call, next);
  return Object.assign(policy, {
    mayStart: (call: Call, now?: number) => gate.mayStart(call, now),
    rates: () => gate.rates(),
    snapshot: () => gate.snapshot(),
    close: () => gate.limiter.close(),
  });
}

class FleetGate {
  readonly limiter: FleetLimiter;
  readonly #settings: FleetSettings;
  readonly #parts: RateParts;

  constructor(settings: FleetSettings, parts: RateParts) {
    const { observer } = parts;
    this.#settings = settings;
    this.#parts = parts;
    this.limiter = new FleetLimiter(settings, randomUUID(), parts.clock, {
      started: (waiter) => waiter.resolve(this.#run(waiter.call, waiter.next, waiter.slots)),
      waits: (call, limit, waiting) => observer.rateWaits?.({ ...factOf(call), limit, waiting }),
      refused: (call, limit, error) => observer.rateRefused?.({ ...factOf(call), limit, error }),
    });
  }

  send(call: Call, next: Send): Promise<Reply> {
    try {
      return this.limiter.enter(call, next).reply;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  mayStart(call: Call, now = this.#parts.clock.now()): boolean {
    const { link, limits } = this.limiter;
    if (link.lostAt !== undefined && !this.limiter.isLocal) return false;
    return limits.every((limit) => limit.mayStart(call, now));
  }

  rates(): RateSnapshot[] {
    const now = this.#parts.clock.now();
    return this.limiter.limits.map((limit) => limit.rate(now));
  }

  snapshot(): FleetSnapshot {
    const now = this.#parts.clock.now();
    const { link, waiting, limits } = this.limiter;
    const { lostAt, asks, losses, lastError } = link;
    const state = lostAt === undefined ? 'up' : this.#settings.onLoss;
    const lostMs = lostAt === undefined ? 0 : now - lostAt;
    const error =
      lastError === undefined ? undefined : lastError instanceof Error ? lastError.message : String(lastError);
    const redis = { state, lostMs, asks, losses, lastError: error } as const;
    return { limits: limits.map((limit) => limit.snapshot(now)), waiting, redis };
  }

  #run(call: Call, next: Send, slots: FleetSlots): Promise<Reply> {
    const atStart = this.#settings.counts === 'start';
    if (atStart) this.limiter.settle(slots);
    let reply: Promise<Reply>;
    try {
      reply = next(call);
    } catch (error) {
      reply = Promise.reject(error);
    }
    return reply.then(
      (answer) => {
        if (!atStart) this.limiter.settle(slots);
        if (this.#settings.feedback) this.#heed(call, slots, answer);
        return answer;
      },
      (thrown: unknown) => {
        if (!atStart) this.#failed(slots, NetError.from(thrown));
        throw thrown;
      },
    );
  }

  #failed(slots: FleetSlots, { reach }: NetError): void {
    if (reach === 'unsent') this.limiter.cancel(slots);
    else if (reach === 'unknown') this.limiter.lose(slots);
    else this.limiter.settle(slots);
  }

  /** Only what stops everybody is passed on to the fleet; of what is left of a quota, others use some meanwhile. */
  #heed(call: Call, { buckets }: FleetSlots, reply: Reply): void {
    const { status } = reply;
    if ((status !== 429 && status !== 503) || buckets.length === 0) return;
    const { pauseMs, pauseMsMax } = this.#settings;
    const said = readFeedback(reply, this.#parts.clock.wall());
    const used = said?.quotas.find(
      ({ remaining, resetMs }) => remaining !== undefined && remaining < 1 && resetMs !== undefined,
    );
    const at = used === undefined ? -1 : buckets.findIndex(({ limit }) => limit.limit.windowMs === used.windowMs);
    const bucket = buckets[Math.max(at, 0)]!;
    const asked = said?.retryAfterMs ?? used?.resetMs ?? (status === 429 ? pauseMs : undefined);
    if (asked === undefined) return;
    const ms = Math.min(asked, pauseMsMax);
    if (!this.limiter.pause(bucket, ms)) return;
    this.#parts.observer.ratePaused?.({ ...factOf(call), limit: bucket.limit.name, status, pauseMs: ms });
  }
}
