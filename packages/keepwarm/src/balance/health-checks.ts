/** Asks each endpoint at intervals how it is: one question at a time each, and none to those that are cordoned. */
import type { Call, Send } from '../core/call.ts';
import type { Clock, Random, Timer } from '../core/clock.ts';
import { drain } from '../core/drain.ts';
import { Fields } from '../core/fields.ts';
import type { Endpoint } from './endpoint.ts';
import type { HealthCheckOptions } from './options.ts';

/** Checks in a row that went well, or did not: one of the two is 0. */
export interface CheckTally {
  readonly good: number;
  readonly bad: number;
}

export interface HealthChecksParts {
  readonly clock: Clock;
  readonly random: Random;
  told(endpoint: Endpoint, tally: CheckTally): void;
}

/** A health page longer than this is not one. */
const BODY_BYTES_MAX = 64 * 1024;

export class HealthChecks {
  readonly #options: HealthCheckOptions & { readonly send: Send };
  readonly #parts: HealthChecksParts;
  readonly #timers = new Map<Endpoint, Timer>();
  readonly #tallies = new Map<Endpoint, CheckTally>();
  readonly #ending = new AbortController();

  /**
   * The first ones come at different times within one interval, so that a fleet that starts at once does not ask at
   * once.
   */
  constructor(
    options: HealthCheckOptions & { readonly send: Send },
    endpoints: readonly Endpoint[],
    parts: HealthChecksParts,
  ) {
    this.#options = options;
    this.#parts = parts;
    for (const endpoint of endpoints) this.#wait(endpoint, options.intervalMs * parts.random());
  }

  /** Twice is harmless. A check under way is given up, and nobody is told. */
  close(): void {
    this.#ending.abort();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #wait(endpoint: Endpoint, ms: number): void {
    if (this.#ending.signal.aborted) return;
    const timer = this.#parts.clock.after(ms, () => void this.#check(endpoint));
    this.#timers.set(endpoint, timer);
  }

  async #check(endpoint: Endpoint): Promise<void> {
    if (endpoint.cordoned) return this.#next(endpoint);
    let well = false;
    try {
      const reply = await this.#options.send(this.#question(endpoint));
      well = reply.status >= 200 && reply.status < 400;
      drain(reply);
    } catch {
      // Not well, whatever it was; a check that could not be sent at all shows as much in the endpoint's state.
    }
    this.#note(endpoint, well);
  }

  #question(endpoint: Endpoint): Call {
    const { path, timeoutMs } = this.#options;
    const now = this.#parts.clock.now();
    return endpoint.address({
      method: 'GET',
      origin: endpoint.origin,
      path,
      headers: Fields.none,
      body: undefined,
      signal: this.#ending.signal,
      startedAt: now,
      deadlineAt: now + timeoutMs,
      limits: { queueMs: timeoutMs, firstByteMs: timeoutMs, betweenBytesMs: timeoutMs, bodyBytesMax: BODY_BYTES_MAX },
      traits: { idempotent: true },
      attempt: 1,
      section: '',
    });
  }

  #note(endpoint: Endpoint, well: boolean): void {
    if (this.#ending.signal.aborted) return;
    const { good, bad } = this.#tallies.get(endpoint) ?? { good: 0, bad: 0 };
    const tally = well ? { good: good + 1, bad: 0 } : { good: 0, bad: bad + 1 };
    this.#tallies.set(endpoint, tally);
    this.#parts.told(endpoint, tally);
    this.#next(endpoint);
  }

  #next(endpoint: Endpoint): void {
    const { intervalMs, jitter } = this.#options;
    this.#wait(endpoint, intervalMs * (1 - jitter + 2 * jitter * this.#parts.random()));
  }
}
