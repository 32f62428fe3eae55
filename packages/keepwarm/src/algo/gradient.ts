/**
 * A limit on calls in flight that follows latency: when answers take longer than they used to, a queue is building up
 * at the peer, and the limit shrinks in proportion before anything has to be dropped.
 *
 *   gradient = tolerance × long / short, within 0.5…1     long: what answers usually take, short: what they take now
 *   limit    → limit × gradient + queue                   smoothed; the queue lets it grow while latency is as usual
 *
 * Source: Netflix concurrency-limits, `Gradient2Limit` under `WindowedLimit` (short is the mean of a window, not one
 * answer). That one takes no notice of drops; here a drop takes a tenth off, as in its `AIMDLimit`: a peer that refuses
 * at once is fast.
 *
 * Invariants:
 *   (1) limitMin ≤ limit ≤ limitMax.
 *   (2) It moves on latency at most once per window, and not while less than half of it is in use.
 */
import type { AdaptiveLimit } from './aimd.ts';

export interface GradientOptions {
  readonly limit: number;
  readonly limitMin: number;
  readonly limitMax: number;
  /** What a drop leaves of the limit, 0…1. */
  readonly backoff: number;
  /** How many times the usual latency is still as usual. */
  readonly tolerance: number;
  /** Calls that may queue at the peer without being taken for congestion. */
  readonly queue: number;
  /** The share of a new limit that is taken over at once, 0…1. */
  readonly smoothing: number;
  /** Windows over which the usual latency is averaged. */
  readonly longWindow: number;
  /** The least a window lasts, in ms, and the answers it needs. */
  readonly windowMs: number;
  readonly windowCount: number;
}

/** The mean of so many values is taken before older ones begin to fade. */
const WARM_UP = 10;
/** When the usual latency is more than so many times what is measured, it stems from a bad time and fades faster. */
const RECOVERY = 2;
const RECOVERY_FADE = 0.95;

export class GradientLimit implements AdaptiveLimit {
  readonly #options: GradientOptions;
  #limit: number;
  #longMs = 0;
  #windows = 0;
  #windowSince = Number.NEGATIVE_INFINITY;
  #count = 0;
  #sumMs = 0;
  #inFlightMax = 0;

  constructor(options: GradientOptions) {
    this.#options = options;
    this.#limit = options.limit;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  answered(tookMs: number, inFlight: number, now: number): void {
    if (this.#count === 0) this.#windowSince = now;
    this.#count++;
    this.#sumMs += tookMs;
    this.#inFlightMax = Math.max(this.#inFlightMax, inFlight);
    const { windowMs, windowCount } = this.#options;
    if (this.#count < windowCount || now - this.#windowSince < windowMs) return;
    this.#follow(this.#sumMs / this.#count, this.#inFlightMax);
    this.#count = 0;
    this.#sumMs = 0;
    this.#inFlightMax = 0;
  }

  dropped(): void {
    this.#limit = Math.max(this.#limit * this.#options.backoff, this.#options.limitMin);
  }

  #follow(shortMs: number, inFlight: number): void {
    const { tolerance, queue, smoothing, limitMin, limitMax } = this.#options;
    this.#usual(shortMs);
    if (inFlight < this.#limit / 2 || shortMs <= 0) return;
    const gradient = Math.max(0.5, Math.min(1, (tolerance * this.#longMs) / shortMs));
    const next = this.#limit * gradient + queue;
    const smooth = this.#limit * (1 - smoothing) + next * smoothing;
    this.#limit = Math.max(limitMin, Math.min(limitMax, smooth));
  }

  #usual(shortMs: number): void {
    this.#windows++;
    const share = this.#windows <= WARM_UP ? 1 / this.#windows : 2 / (this.#options.longWindow + 1);
    this.#longMs += (shortMs - this.#longMs) * share;
    if (this.#longMs > RECOVERY * shortMs) this.#longMs *= RECOVERY_FADE;
  }
}
