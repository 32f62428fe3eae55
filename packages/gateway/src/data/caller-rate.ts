/**
 * How many requests each caller may make, exact over every window. Callers are remembered for as long as they count. A
 * batch of JSON-RPC is as many requests as it has calls: the first is counted with its head, before the body is read.
 *
 * Invariants:
 *   (1) No caller that is remembered gets more than `limit` requests through in any window.
 *   (2) At most `keysMax` callers are remembered; those for whom there is no room share one limit, so that nobody gets
 *       past it by making up names.
 *   (3) Of a batch all calls pass or none. One that is refused has counted as one; one that never fits, likewise.
 */

import { ExactWindow } from 'keepwarm';
import type { CallerRateConfig } from '../config/caller-rate.ts';
import type { CallerRequest } from './caller.ts';
import { callerKey } from './caller-key.ts';
import { type Problem, refusal } from './problem.ts';

const DENIED = { proxyError: 'http_request_denied', reach: 'unsent' } as const;

/** How many are looked at for one to forget: those that follow have asked later still. */
const LOOKS_MAX = 16;

/** Who decides for several processes. @returns nothing for a request that may pass; else when one may, in ms */
export type TakeElsewhere = (key: string, count: number) => Promise<number | undefined>;

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

  /**
   * @param calls that came as one message
   * @returns nothing for what may pass, and now counts; a promise of that where they count elsewhere
   */
  objection(request: CallerRequest, calls = 1): Problem | undefined | Promise<Problem | undefined> {
    return this.#objection(request, calls, calls);
  }

  /** Of a request that has been let in as one, and is found to be a batch. */
  batchObjection(request: CallerRequest, calls: number): Problem | undefined | Promise<Problem | undefined> {
    return calls <= 1 ? undefined : this.#objection(request, calls - 1, calls);
  }

  #objection(request: CallerRequest, more: number, calls: number) {
    const { limit, windowMs, by } = this.#config;
    if (calls > limit) {
      this.#refused++;
      const most = `a caller may make ${limit} in ${windowMs} ms (limit callerRate)`;
      const detail = `the batch has ${calls} calls; ${most}: send fewer at once`;
      return refusal(413, 'TOO_LARGE', detail, { ...DENIED, limit: 'callerRate', value: limit });
    }
    const key = keyOf(request, by);
    if (this.#elsewhere === undefined) return this.#judged(this.take(key, more), calls);
    return this.#elsewhere(key, more).then((afterMs) => this.#judged(afterMs, calls));
  }

  /** @returns nothing for what may pass, and now counts; else when it may, in ms */
  take(key: string, count = 1): number | undefined {
    const now = this.#now();
    const window = this.#windowOf(key, now);
    if (window.take(count, now)) return undefined;
    // Of a batch the first call has been counted, and will be once more when it comes again.
    const wanted = Math.min(count === 1 ? 1 : count + 1, this.#config.limit);
    return Math.max(1, Math.ceil(window.fitsAt(wanted, now) - now));
  }

  #judged(retryAfterMs: number | undefined, calls: number): Problem | undefined {
    if (retryAfterMs === undefined) return undefined;
    this.#refused++;
    const { limit, windowMs } = this.#config;
    const batch = calls === 1 ? '' : `; the batch has ${calls}, and none of them was sent`;
    const detail = `a caller may make ${limit} requests in ${windowMs} ms (limit callerRate)${batch}`;
    return refusal(429, 'SATURATED', detail, { ...DENIED, limit: 'callerRate', value: limit, retryAfterMs });
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
