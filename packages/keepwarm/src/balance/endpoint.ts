/** One endpoint: where it is, what is known about it, and what a call costs there. */
import { FadingShare, PeakEwma } from '../algo/ewma.ts';
import type { TakesTurns } from '../algo/p2c.ts';
import { hashOf, type Place } from '../algo/rendezvous.ts';
import type { Call } from '../core/call.ts';
import type { Fields } from '../core/fields.ts';
import type { Origin } from '../core/origin.ts';
import { Ejection } from './ejection.ts';
import type { BalanceOptions, EndpointOptions } from './options.ts';

export const ENDPOINT_STATES = ['healthy', 'slow-start', 'ejected', 'probing', 'unreachable', 'cordoned'] as const;

/** `unreachable`: no connection is open, and the last that was tried could not be. Calls may not have found out. */
export type EndpointState = (typeof ENDPOINT_STATES)[number];

export interface EndpointSnapshot {
  readonly name: string;
  readonly origin: string;
  readonly priority: number;
  /** `cordoned` whatever else it is; `unreachable` unless it is ejected as well. */
  readonly state: EndpointState;
  /** Its weight at this moment: less than what was given during slow start. */
  readonly weight: number;
  /** (Peak EWMA latency + share of failures × `penaltyMs`) × (in flight + 1) ÷ weight, in ms. */
  readonly load: number;
  /** Peak EWMA, in ms; 0 before the first answer, and fading towards it. */
  readonly latencyMs: number;
  /** Calls whose replies have not ended. */
  readonly inFlight: number;
  /** Outcomes since it was made, by what they say; those that say nothing are in none of them. */
  readonly successes: number;
  readonly failures: number;
  readonly busy: number;
  readonly ejections: number;
  /** Until when it is out, on the wall clock, in ms since 1970; `undefined` while it is in. */
  readonly ejectedUntilMs: number | undefined;
  /** Until when it asked to be left alone, likewise. */
  readonly pausedUntilMs: number | undefined;
}

/** The latency of an endpoint that has calls under way and no answer yet: nobody who answers is as slow as this. */
const UNKNOWN_MS = 1e12;
/** The share of its weight with which an endpoint begins its slow start: Envoy's `min_weight_percent`. */
const SLOW_START_SHARE = 0.1;

export class Endpoint implements TakesTurns, Place {
  readonly name: string;
  readonly origin: Origin;
  readonly priority: number;
  readonly hash: number;
  readonly ejection: Ejection;
  readonly latency: PeakEwma;
  readonly failing: FadingShare;
  turn = 0;
  inFlight = 0;
  successes = 0;
  failures = 0;
  busy = 0;
  cordoned = false;
  /** Until when it asked to be left alone, on the clock. */
  pausedUntilMs = Number.NEGATIVE_INFINITY;
  readonly #options: BalanceOptions;
  readonly #basePath: string;
  readonly #target: string | undefined;
  readonly #weight: number;
  readonly #headers: Fields | undefined;
  /** The fields of the last call, and what they became: most calls of a client have the same. */
  #given: Fields | undefined;
  #merged: Fields | undefined;

  constructor(endpoint: EndpointOptions, options: BalanceOptions) {
    this.name = endpoint.name;
    this.origin = endpoint.origin;
    this.priority = endpoint.priority ?? 0;
    this.hash = hashOf(endpoint.name);
    this.ejection = new Ejection(options);
    this.latency = new PeakEwma(options.decayMs);
    this.failing = new FadingShare(options.decayMs);
    this.#options = options;
    this.#basePath = endpoint.basePath ?? '';
    this.#target = endpoint.target;
    this.#weight = endpoint.weight ?? 1;
    this.#headers = endpoint.headers;
  }

  /** The call as this endpoint gets it. */
  address(call: Call): Call {
    const { name, origin } = this;
    return { ...call, origin, path: this.#pathOf(call.path), headers: this.#fields(call.headers), endpoint: name };
  }

  weightAt(now: number): number {
    const { slowStartMs } = this.#options;
    const forMs = this.ejection.forMs(now);
    if (this.ejection.out || forMs >= slowStartMs) return this.#weight;
    return this.#weight * (SLOW_START_SHARE + (1 - SLOW_START_SHARE) * (forMs / slowStartMs));
  }

  /**
   * The time to a good answer, by what is known, for all who would then be here. Whoever is not known gets one call,
   * and no second one while others are. Source: Finagle's PeakEwma; ours is what failures add.
   */
  loadAt(now: number): number {
    const latencyMs = this.latency.at(now);
    const answerMs = latencyMs === 0 && this.inFlight > 0 ? UNKNOWN_MS : latencyMs;
    const costMs = answerMs + this.failing.at(now) * this.#options.penaltyMs;
    return (costMs * (this.inFlight + 1)) / this.weightAt(now);
  }

  /** What was known about it is about another time. */
  forget(): void {
    this.latency.clear();
    this.failing.clear();
    this.pausedUntilMs = Number.NEGATIVE_INFINITY;
  }

  stateAt(now: number, unreachable: boolean): EndpointState {
    if (this.cordoned) return 'cordoned';
    if (unreachable && this.ejection.standing !== 'ejected') return 'unreachable';
    if (this.ejection.standing !== 'in') return this.ejection.standing;
    return this.ejection.forMs(now) < this.#options.slowStartMs ? 'slow-start' : 'healthy';
  }

  /** @param wallAhead of the clock, in ms @param unreachable whether no connection can be opened there */
  snapshot(now: number, wallAhead: number, unreachable: boolean): EndpointSnapshot {
    const { name, origin, priority, inFlight, successes, failures, busy, ejection, pausedUntilMs } = this;
    return {
      name,
      origin: origin.key,
      priority,
      state: this.stateAt(now, unreachable),
      weight: this.weightAt(now),
      load: this.loadAt(now),
      latencyMs: this.latency.at(now),
      inFlight,
      successes,
      failures,
      busy,
      ejections: ejection.ejections,
      ejectedUntilMs: ejection.out ? ejection.untilMs + wallAhead : undefined,
      pausedUntilMs: pausedUntilMs > now ? pausedUntilMs + wallAhead : undefined,
    };
  }

  #pathOf(path: string): string {
    if (this.#target !== undefined) return this.#target;
    return this.#basePath === '' || path === '*' ? path : this.#basePath + path;
  }

  #fields(given: Fields): Fields {
    if (this.#headers === undefined) return given;
    if (given !== this.#given || this.#merged === undefined) {
      this.#given = given;
      this.#merged = this.#headers.over(given);
    }
    return this.#merged;
  }
}
