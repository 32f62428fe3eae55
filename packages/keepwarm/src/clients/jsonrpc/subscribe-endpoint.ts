/**
 * One endpoint's connections, and how it does.
 *
 *   well ──▶ resting ──▶ well       a failure: at most `backoffBaseMs`, doubled with each in a row (full jitter)
 *    └ cordoned by an operator: what is there goes on, nothing new comes
 *
 * Invariants:
 *   (1) At most `connectionsMax` connections, each with at most `topicsPerConnectionMax` subscriptions.
 *   (2) One connection is opened at a time for all who wait for one, unless they are more than it takes.
 *   (3) One lost connection is one failure, however many subscriptions were on it.
 */
import { fullJitter } from '../../algo/backoff.ts';
import type { Random } from '../../core/clock.ts';
import type { NetError } from '../../core/error.ts';
import type { Topic } from '../../core/subscribe.ts';
import { Link } from './subscribe-link.ts';
import type { LinkParts } from './subscribe-parts.ts';
import type { Route } from './subscribe-route.ts';
import type { SubscriptionWords } from './subscription-traits.ts';

export interface SubscriptionEndpointSnapshot {
  readonly name: string;
  /** Scheme, host and port; never path, query or headers. */
  readonly origin: string;
  readonly state: 'well' | 'resting' | 'cordoned';
  /** Failures in a row. */
  readonly failures: number;
  /** How much longer it rests, in ms. */
  readonly restMs: number;
  readonly topics: number;
  readonly connections: readonly {
    readonly socketId: number | undefined;
    readonly topics: number;
    readonly notifications: number;
    readonly ageMs: number | undefined;
  }[];
  readonly lastError: string | undefined;
}

export interface EndpointPlace {
  readonly name: string;
  readonly origin: string;
  readonly priority: number;
  readonly weight: number;
}

export class SubscriptionSource {
  readonly place: EndpointPlace;
  cordoned = false;
  readonly #parts: LinkParts;
  readonly #random: Random;
  readonly #links = new Set<Link>();
  #failures = 0;
  #restUntil = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;
  #lastError: NetError | undefined;

  constructor(place: EndpointPlace, parts: LinkParts, random: Random) {
    this.place = place;
    this.#parts = parts;
    this.#random = random;
  }

  /** In a row. Forgotten when a connection has lasted, and when nobody has tried for as long as the longest rest. */
  get failures(): number {
    const now = this.#parts.clock.now();
    const { backoffCapMs } = this.#parts.limits;
    if (now >= this.#restUntil + backoffCapMs) this.#failures = 0;
    for (const link of this.#links) if (this.#lasted(link)) this.#failures = 0;
    return this.#failures;
  }

  get topics(): number {
    let topics = 0;
    for (const link of this.#links) topics += link.load;
    return topics;
  }

  /** How much longer it should be left alone, in ms. */
  get restMs(): number {
    return Math.max(0, this.#restUntil - this.#parts.clock.now());
  }

  get full(): boolean {
    return this.#withRoom() === undefined && this.#links.size >= this.#parts.limits.connectionsMax;
  }

  /** Whoever asks has seen that it is not full. @throws as `Link.subscribe` */
  subscribe(topic: Topic, words: SubscriptionWords, silenceMs: number, signal?: AbortSignal): Promise<Route> {
    const link = this.#withRoom() ?? this.#connect();
    return link.subscribe(topic, words, silenceMs, signal);
  }

  /** It did not do; what does not concern a single connection is said here, the rest it sees itself. */
  failed(error: NetError | undefined, retryAfterMs = error?.retryAfterMs ?? 0): void {
    const { backoffBaseMs, backoffCapMs, clock } = { ...this.#parts.limits, clock: this.#parts.clock };
    this.#failures = this.failures + 1;
    this.#failedAt = clock.now();
    this.#lastError = error ?? this.#lastError;
    const restMs = Math.max(fullJitter(backoffBaseMs, backoffCapMs, this.#failures, this.#random), retryAfterMs);
    this.#restUntil = Math.max(this.#restUntil, clock.now() + restMs);
  }

  close(error: NetError): void {
    for (const link of [...this.#links]) link.close(error);
  }

  snapshot(): SubscriptionEndpointSnapshot {
    const now = this.#parts.clock.now();
    return {
      name: this.place.name,
      origin: this.place.origin,
      state: this.cordoned ? 'cordoned' : this.restMs > 0 ? 'resting' : 'well',
      failures: this.failures,
      restMs: this.restMs,
      topics: this.topics,
      connections: [...this.#links].map(({ socketId, load, notifications, openedAt }) => ({
        socketId,
        topics: load,
        notifications,
        ageMs: openedAt === undefined ? undefined : now - openedAt,
      })),
      lastError: this.#lastError?.message,
    };
  }

  /** The fullest that has room: few connections, well used. */
  #withRoom(): Link | undefined {
    let best: Link | undefined;
    for (const link of this.#links) {
      if (!link.usable || link.load >= this.#parts.limits.topicsPerConnectionMax) continue;
      if (best === undefined || link.load > best.load) best = link;
    }
    return best;
  }

  #connect(): Link {
    const link: Link = new Link(this.place.name, this.#parts, {
      ended: (error, byUs) => this.#ended(link, error, byUs),
      silent: () => this.failed(undefined),
      broke: (error) => this.restMs > 0 || this.failed(error), // all that a node ends at once are one failure
    });
    this.#links.add(link);
    return link;
  }

  #ended(link: Link, error: NetError, byUs: boolean): void {
    this.#links.delete(link);
    if (this.#lasted(link)) this.#failures = 0;
    if (!byUs) this.failed(error);
  }

  /** Whether it has been there for `stableMs`, all of it since the last failure. */
  #lasted({ openedAt }: Link): boolean {
    if (openedAt === undefined) return false;
    return this.#parts.clock.now() - Math.max(openedAt, this.#failedAt) >= this.#parts.limits.stableMs;
  }
}
