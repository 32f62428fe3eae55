/**
 * Whether a stream still gets messages. Connections answer pings whose streams have stalled: a server that has lost a
 * subscription, or lets fewer streams run than it said, is silent and does not know it.
 *
 *   sent ──`firstMessageMs` without a message──▶ stalled
 *     └─a message─▶ flowing ──`silenceMs` without another──▶ stalled
 *
 * Messages that lie there unread are their reader's affair: while there are any, nothing has stalled. Those that came
 * while our own event loop stood still are read first: its delay is not the peer's silence.
 */
import { afterInput, type Clock, type Timer } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';

export interface WatchLimits {
  /** From the call to its first message, in ms. */
  readonly firstMessageMs: number;
  /** From one message to the next, in ms. */
  readonly silenceMs: number;
}

export class StreamWatch {
  readonly #limits: WatchLimits;
  readonly #clock: Clock;
  readonly #unread: () => number;
  readonly #stalled: (error: NetError) => void;
  #timer: Timer | undefined;
  #since: number;
  #flowing = false;

  /** @param stalled told once, unless it is stopped before */
  constructor(limits: WatchLimits, clock: Clock, unread: () => number, stalled: (error: NetError) => void) {
    this.#limits = limits;
    this.#clock = clock;
    this.#unread = unread;
    this.#stalled = stalled;
    this.#since = clock.now();
    this.#arm(limits.firstMessageMs);
  }

  arrived(): void {
    this.#since = this.#clock.now();
    if (this.#flowing) return;
    this.#flowing = true;
    this.#timer?.cancel();
    this.#arm(this.#limits.silenceMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(ms: number): void {
    const look = () => this.#look();
    this.#timer = ms === Number.POSITIVE_INFINITY ? undefined : afterInput(this.#clock, Math.ceil(ms), look);
  }

  #look(): void {
    const limit = this.#flowing ? 'silenceMs' : 'firstMessageMs';
    const ms = this.#limits[limit];
    if (this.#unread() > 0) this.#since = this.#clock.now();
    const leftMs = this.#since + ms - this.#clock.now();
    if (leftMs > 0) return this.#arm(leftMs);
    this.#timer = undefined;
    const why = this.#flowing ? `no message came for ${ms} ms` : `no first message came within ${ms} ms`;
    const details = { reach: this.#flowing ? 'answered' : 'unknown', phase: 'body', limit, value: ms } as const;
    this.#stalled(new NetError('TIMEOUT', `${why} (limit ${limit})`, details));
  }
}
