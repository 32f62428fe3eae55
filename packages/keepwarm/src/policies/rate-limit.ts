/**
 * Rate limits that are exact over every window, at the peer: a call counts from its grant until its answer, and for a
 * window more. Calls wait in the order of their deadlines instead of failing; what the peer says makes limits stricter.
 *
 * A call that need not wait is started synchronously, with two small objects and an array.
 */
import type { Call, Outlet, Policy, Relay } from '../core/call.ts';
import { factOf } from '../core/call-fact.ts';
import type { Clock } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import type { Observer } from '../core/observer.ts';
import { Afterwards, pass, relayed } from '../core/relay.ts';
import type { Reply } from '../core/reply.ts';
import type { RateBucket } from './rate-bucket.ts';
import { type Quota, readFeedback } from './rate-feedback.ts';
import type { RateKeys, RateSnapshot } from './rate-keys.ts';
import { RateLimiter, type RateTicket } from './rate-limiter.ts';
import { type RateLimitOptions, type RateSettings, rateSettings } from './rate-options.ts';
import { RateShare } from './rate-share.ts';
import type { RateWaiter } from './rate-waiter.ts';

export interface RateParts {
  readonly clock: Clock;
  readonly observer: Observer;
}

export interface RateLimitPolicy extends Policy {
  /** Whether the call would start at once. Asking counts for nothing. */
  mayStart(call: Call, now?: number): boolean;
  /** One entry per limit, in the order of the options. */
  snapshot(): RateSnapshot[];
  /** One entry per limit without keys: what of it other processes may have. */
  shares(): RateShare[];
  /** Ends every wait with `CLOSED`; nothing starts any more. Closing twice is harmless. */
  close(): void;
}

/** @throws NetError `INVALID` naming the option that is not acceptable */
export function rateLimit(options: RateLimitOptions, parts: RateParts): RateLimitPolicy {
  const gate = new RateGate(rateSettings(options), parts);
  const policy = relayed(parts.clock, (next) => (call, to, now) => gate.relay(call, to, now, next));
  const mayStart = (call: Call, now = parts.clock.now()): boolean => {
    for (const limit of gate.limiter.limits) if (!limit.mayStart(call, now)) return false;
    return true;
  };
  return Object.assign(policy, {
    mayStart,
    snapshot: () => gate.limiter.snapshot(),
    shares: () => gate.shares(),
    close: () => gate.limiter.close(),
  });
}

/** A peer sends its limits with every reply or never: while it sends none, one reply in so many is looked at. */
const LOOK_EVERY = 16;

/** What a call does on its way through: enters the limiter, is sent, settles, and tells what the peer said. */
class RateGate {
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
      started: (waiter, ticket, now) => this.#started(waiter, ticket, now),
      waits: (call, limit, waiting) => observer.rateWaits?.({ ...factOf(call), limit, waiting }),
      refused: (call, limit, error) => observer.rateRefused?.({ ...factOf(call), limit, error }),
    });
  }

  shares(): RateShare[] {
    const { lateMs } = this.#settings;
    return this.limiter.limits.flatMap(({ name, only }) =>
      only === undefined ? [] : [new RateShare(this.limiter, name, only, lateMs, this.#clock)],
    );
  }

  relay(call: Call, to: Outlet, now: number, next: Relay): void {
    const ticket = this.limiter.enter(call, to, next, now);
    if (ticket !== undefined) this.#start(call, to, now, next, ticket);
  }

  /** It is sent at once; but whoever lets it start is in the middle of something, so its outcome is told afterwards. */
  #started({ call, to, next }: RateWaiter, ticket: RateTicket, now: number): void {
    const apart: Relay = (sent, outlet, at) => pass(next, sent, new Afterwards(outlet, this.#clock), at);
    this.#start(call, to, now, apart, ticket);
  }

  #start(call: Call, to: Outlet, now: number, next: Relay, ticket: RateTicket): void {
    const { counts, feedback } = this.#settings;
    if (counts === 'start') this.limiter.settle(ticket, now);
    if (counts === 'start' && !feedback) next(call, to, now);
    else pass(next, call, new Started(this, call, to, ticket), now);
  }

  replied(call: Call, ticket: RateTicket, reply: Reply, now: number): void {
    if (this.#settings.counts === 'answer') this.limiter.settle(ticket, now);
    if (this.#settings.feedback) this.#heed(call, ticket, reply, now);
  }

  failed(ticket: RateTicket, { reach }: NetError, now: number): void {
    if (this.#settings.counts !== 'answer') return;
    if (reach === 'unsent') this.limiter.cancel(ticket);
    else if (reach === 'unknown') this.limiter.lose(ticket, now);
    else this.limiter.settle(ticket, now);
  }

  #heed(call: Call, ticket: RateTicket, reply: Reply, now: number): void {
    const { status } = reply;
    const slowed = status === 429 || status === 503;
    if (!slowed && ++this.#unlooked < LOOK_EVERY) return;
    const said = readFeedback(reply, this.#clock.wall());
    if (said !== undefined) this.#unlooked = LOOK_EVERY;
    else if (!slowed) this.#unlooked = 0;
    const { limits, buckets } = ticket.slots;
    if (buckets.length === 0) return;
    let told = false;
    for (const quota of said?.quotas ?? []) told = this.#allow(ticket, quota, now) || told;
    const ms = said?.retryAfterMs ?? (status === 429 && !told ? this.#settings.pauseMs : undefined);
    if (ms !== undefined) this.#pause(call, limits[0]!, buckets[0]!, ms, status, now);
  }

  /** @returns whether it says that nothing is left, and until when */
  #allow(ticket: RateTicket, quota: Quota, now: number): boolean {
    const { limits, buckets } = ticket.slots;
    const named = limits.findIndex(({ limit }) => limit.name !== undefined && limit.name === quota.name);
    const timed = limits.findIndex(({ limit }) => limit.windowMs === quota.windowMs);
    const i = Math.max(named >= 0 ? named : timed, 0);
    const bucket = buckets[i]!;
    const { windowMs } = limits[i]!.limit;
    if (quota.limit !== undefined && quota.limit >= 1 && quota.windowMs === windowMs) {
      bucket.limit = Math.floor(quota.limit);
    }
    const ms = Math.min(quota.resetMs ?? windowMs, this.#settings.pauseMsMax);
    if (quota.remaining === undefined) return false;
    bucket.allow({ remaining: Math.floor(quota.remaining), ms, mark: ticket.marks[i]! }, now);
    this.limiter.changed(bucket);
    return quota.remaining < 1 && quota.resetMs !== undefined;
  }

  #pause(call: Call, keys: RateKeys, bucket: RateBucket, askedMs: number, status: number, now: number): void {
    const pauseMs = Math.min(askedMs, this.#settings.pauseMsMax);
    if (!bucket.pause(pauseMs, now)) return;
    this.#observer.ratePaused?.({ ...factOf(call), limit: keys.name, status, pauseMs });
  }
}

/** A call that was let start, until its outcome. */
class Started implements Outlet {
  readonly #gate: RateGate;
  readonly #call: Call;
  readonly #to: Outlet;
  readonly #ticket: RateTicket;

  constructor(gate: RateGate, call: Call, to: Outlet, ticket: RateTicket) {
    this.#gate = gate;
    this.#call = call;
    this.#to = to;
    this.#ticket = ticket;
  }

  replied(reply: Reply, now: number): void {
    this.#gate.replied(this.#call, this.#ticket, reply, now);
    this.#to.replied(reply, now);
  }

  failed(thrown: unknown, now: number): void {
    this.#gate.failed(this.#ticket, NetError.from(thrown), now);
    this.#to.failed(thrown, now);
  }
}
