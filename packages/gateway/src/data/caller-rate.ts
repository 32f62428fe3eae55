/**
 * How many requests each caller may make, exact over every window. Callers are remembered for as long as they count.
 *
 * Invariants:
 *   (1) No caller that is remembered gets more than `limit` requests through in any window.
 *   (2) At most `keysMax` callers are remembered; those for whom there is no room share one limit, so that nobody gets
 *       past it by making up names.
 */

import { ExactWindow } from 'keepwarm';
import type { CallerRateConfig } from '../config/caller-rate.ts';
import type { CallerRequest } from './caller.ts';
import { callerKey } from './caller-key.ts';
import { type Problem, refusal } from './problem.ts';

/** How many are looked at for one to forget: those that follow have asked later still. */
const LOOKS_MAX = 16;

/** Who decides for several processes. @returns nothing for a request that may pass; else when one may, in ms */
export type TakeElsewhere = (key: string) => Promise<number | undefined>;

export class CallerRate {
  readonly #config: CallerRateConfig;
  readonly #now: () => number;
  /** The one that asked longest ago first. */
  readonly #windows = new Map<string, ExactWindow>();
  readonly #others: ExactWindow;
  #refused = 0;
  #elsewhere: TakeElsewhere | undefined;

  constructor(config: CallerRateConfig, now: () => number = () => performance.now()) {
    this.#config = config;
    this.#now = now;
    this.#others = new ExactWindow(config);
  }

  /** From now on requests count there. */
  countAt(elsewhere: TakeElsewhere): void {
    this.#elsewhere = elsewhere;
  }

  /** @returns nothing for a request that may pass, and now counts; a promise of that where they count elsewhere */
  objection(request: CallerRequest): Problem | undefined | Promise<Problem | undefined> {
    const key = keyOf(request, this.#config.by);
    if (this.#elsewhere === undefined) return this.#judged(this.take(key));
    return this.#elsewhere(key).then((afterMs) => this.#judged(afterMs));
  }

  /** @returns nothing for a request that may pass, and now counts; else when one may, in ms */
  take(key: string): number | undefined {
    const now = this.#now();
    const window = this.#windowOf(key, now);
    return window.take(1, now) ? undefined : Math.max(1, Math.ceil(window.fitsAt(1, now) - now));
  }

  #judged(retryAfterMs: number | undefined): Problem | undefined {
    if (retryAfterMs === undefined) return undefined;
    this.#refused++;
    const { limit, windowMs } = this.#config;
    const detail = `a caller may make ${limit} requests in ${windowMs} ms (limit callerRate)`;
    const more = { proxyError: 'http_request_denied', limit: 'callerRate', value: limit, reach: 'unsent' };
    return refusal(429, 'SATURATED', detail, { ...more, retryAfterMs });
  }

  stats(): { readonly callers: number; readonly refused: number } {
    return { callers: this.#windows.size, refused: this.#refused };
  }

  #windowOf(key: string, now: number): ExactWindow {
    const known = this.#windows.get(key);
    if (known !== undefined) {
      this.#windows.delete(key);
      this.#windows.set(key, known);
      return known;
    }
    if (this.#windows.size >= this.#config.keysMax && !this.#forgetOne(now)) return this.#others;
    const window = new ExactWindow(this.#config);
    this.#windows.set(key, window);
    return window;
  }

  #forgetOne(now: number): boolean {
    let looks = 0;
    for (const [key, window] of this.#windows) {
      if (window.used(now) === 0) return this.#windows.delete(key);
      if (++looks === LOOKS_MAX) return false;
    }
    return false;
  }
}

function keyOf({ headers, socket }: CallerRequest, by: CallerRateConfig['by']): string {
  const shown = by === 'address' ? undefined : headers[by.header];
  return callerKey(Array.isArray(shown) ? shown.join(', ') : shown, socket.remoteAddress ?? '');
}
