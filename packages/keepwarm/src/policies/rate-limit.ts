/**
 * Rate limits that are exact over every window, at the peer: a call counts from its grant until its answer, and for a
 * window more. Calls wait in the order of their deadlines instead of failing; what the peer says makes limits stricter.
 *
 * A call that need not wait is started synchronously, with two small arrays and one `then`.
 */
import type { Call, Policy, Send } from '../core/call.ts';
import { factOf } from '../core/call-fact.ts';
import type { Clock } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import type { Observer } from '../core/observer.ts';
import type { Reply } from '../core/reply.ts';
import type { RateBucket } from './rate-bucket.ts';
import { type Quota, readFeedback } from './rate-feedback.ts';
import type { RateKeys, RateSnapshot } from './rate-keys.ts';
import { RateLimiter, type RateTicket } from './rate-limiter.ts';
import { type RateLimitOptions, type RateSettings, rateSettings } from './rate-options.ts';
import { RateWaiter } from './rate-waiter.ts';

export interface RateParts {
  readonly clock: Clock;
  readonly observer: Observer;
}

export interface RateLimitPolicy extends Policy {
  /** Whether the call would start at once. Asking counts for nothing. */
  mayStart(call: Call): boolean;
  /** One entry per limit, in the order of the options. */
  snapshot(): RateSnapshot[];
  /** Ends every wait with `CLOSED`; nothing starts any more. Closing twice is harmless. */
  close(): void;
}

/** @throws NetError `INVALID` naming the option that is not acceptable */
export function rateLimit(options: RateLimitOptions, parts: RateParts): RateLimitPolicy {
  const gate = new RateGate(rateSettings(options), parts);
  const policy: Policy = (next) => (call) => gate.send(call, next);
  const mayStart = (call: Call): boolean => {
    const now = parts.clock.now();
    return gate.limiter.limits.every((limit) => limit.mayStart(call, now));
  };
  return Object.assign(policy, {
    mayStart,
    snapshot: () => gate.limiter.snapshot(),
    close: () => gate.limiter.close(),
  });
}

/** A peer sends its limits with every reply or never: while it sends none, one reply in so many is looked at. */
const LOOK_EVERY = 16;

/** What a call does on its way through: enters the limiter, is sent, settles, and tells what the peer said. */
export class RateGate {
  readonly limiter: RateLimiter;
  readonly #settings: RateSettings;
  readonly #clock: Clock;
  readonly #observer: Observer;
  #unlooked = LOOK_EVERY;

  constructor(settings: RateSettings, { clock, observer }: RateParts) {
    this.#settings = settings;
    this.#clock = clock;
    this.#observer = observer;
    this.limiter = new RateLimiter(settings, clock, {
      started: (waiter, ticket) => waiter.resolve(this.#run(waiter.call, waiter.next, ticket)),
      waits: (call, limit, waiting) => observer.rateWaits?.({ ...factOf(call), limit, waiting }),
      refused: (call, limit, error) => observer.rateRefused?.({ ...factOf(call), limit, error }),
    });
  }

  send(call: Call, next: Send): Promise<Reply> {
    let entered: RateTicket | RateWaiter;
    try {
      entered = this.limiter.enter(call, next);
    } catch (error) {
      return Promise.reject(error);
    }
    return entered instanceof RateWaiter ? entered.reply : this.#run(call, next, entered);
  }

  #run(call: Call, next: Send, ticket: RateTicket): Promise<Reply> {
    if (this.#settings.counts === 'start') this.limiter.settle(ticket);
    let reply: Promise<Reply>;
    try {
      reply = next(call);
    } catch (error) {
      reply = Promise.reject(error);
    }
    if (this.#settings.counts === 'start' && !this.#settings.feedback) return reply;
    return reply.then(
      (answer) => {
        if (this.#settings.counts === 'answer') this.limiter.settle(ticket);
        if (this.#settings.feedback) this.#heed(call, ticket, answer);
        return answer;
      },
      (thrown: unknown) => {
        if (this.#settings.counts === 'answer') this.#ended(ticket, NetError.from(thrown));
        throw thrown;
      },
    );
  }

  #ended(ticket: RateTicket, error: NetError): void {
    if (error.reach === 'unsent') this.limiter.cancel(ticket);
    else if (error.reach === 'unknown') this.limiter.lose(ticket);
    else this.limiter.settle(ticket);
  }

  #heed(call: Call, ticket: RateTicket, reply: Reply): void {
    const { status } = reply;
    const slowed = status === 429 || status === 503;
    if (!slowed && ++this.#unlooked < LOOK_EVERY) return;
    const said = readFeedback(reply, this.#clock.wall());
    if (said !== undefined) this.#unlooked = LOOK_EVERY;
    else if (!slowed) this.#unlooked = 0;
    const { limits, buckets } = ticket.slots;
    if (buckets.length === 0) return;
    let told = false;
    for (const quota of said?.quotas ?? []) told = this.#allow(ticket, quota) || told;
    const ms = said?.retryAfterMs ?? (status === 429 && !told ? this.#settings.pauseMs : undefined);
    if (ms !== undefined) this.#pause(call, limits[0]!, buckets[0]!, ms, status);
  }

  /** @returns whether it says that nothing is left, and until when */
  #allow(ticket: RateTicket, quota: Quota): boolean {
    const { limits, buckets } = ticket.slots;
    const named = limits.findIndex(({ limit }) => limit.name !== undefined && limit.name === quota.name);
    const timed = limits.findIndex(({ limit }) => limit.windowMs === quota.windowMs);
    const i = Math.max(named >= 0 ? named : timed, 0);
    const bucket = buckets[i]!;
    const { limit, windowMs } = limits[i]!.limit;
    if (quota.limit !== undefined && quota.limit >= 1 && quota.windowMs === windowMs) {
      bucket.window.limit = Math.min(Math.floor(quota.limit), limit);
    }
    const ms = Math.min(quota.resetMs ?? windowMs, this.#settings.pauseMsMax);
    if (quota.remaining === undefined) return false;
    bucket.allow({ remaining: Math.floor(quota.remaining), ms, mark: ticket.marks[i]! }, this.#clock.now());
    this.limiter.changed(bucket);
    return quota.remaining < 1 && quota.resetMs !== undefined;
  }

  #pause(call: Call, keys: RateKeys, bucket: RateBucket, askedMs: number, status: number): void {
    const pauseMs = Math.min(askedMs, this.#settings.pauseMsMax);
    if (!bucket.pause(pauseMs, this.#clock.now())) return;
    this.#observer.ratePaused?.({ ...factOf(call), limit: keys.name, status, pauseMs });
  }
}
