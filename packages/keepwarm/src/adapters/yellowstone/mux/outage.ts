/**
 * How a stream that was lost comes back: by waiting, longer each time until it gets further again, or has been gone for
 * too long. And how it is noticed that one is lost without saying so.
 */
import { fullJitter } from '../../../algo/backoff.ts';
import { afterInput, type Clock, type Random, type Timer } from '../../../core/clock.ts';
import { GrpcError } from '../../../engines/grpc/error.ts';
import type { SettledMultiplexer } from './options.ts';

export class Outage {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #options: SettledMultiplexer;
  #attempt = 0;
  #since: number | undefined;
  #begun: { readonly at: number; readonly height: number } | undefined;
  #timer: Timer | undefined;

  constructor(clock: Clock, random: Random, options: SettledMultiplexer) {
    this.#clock = clock;
    this.#random = random;
    this.#options = options;
  }

  /**
   * It is lost, or could not be had again: `open` runs after a while.
   *
   * @param height how far it has ever come
   * @returns for how long it has been gone, in ms, when that is too long: then nothing runs
   */
  again(open: () => void, height: number): number | undefined {
    const { backoffMs, backoffMsMax, downMs } = this.#options;
    const now = this.#clock.now();
    const begun = this.#begun;
    this.#begun = undefined;
    // What upstream begins and drops without getting further was not back: it would be asked as fast as it answers.
    if (begun !== undefined && (height > begun.height || now - begun.at >= backoffMsMax)) this.#forget();
    this.#since ??= now;
    if (now - this.#since >= downMs) return now - this.#since;
    const waitMs = fullJitter(backoffMs, backoffMsMax, ++this.#attempt, this.#random);
    this.#timer = this.#clock.after(waitMs, open);
    return undefined;
  }

  /** It begins to tell something. @param height how far it had come before */
  began(height: number): void {
    this.#begun = { at: this.#clock.now(), height };
  }

  #forget(): void {
    this.#attempt = 0;
    this.#since = undefined;
  }

  cancel(): void {
    this.#timer?.cancel();
  }
}

export class Silence {
  readonly #clock: Clock;
  readonly #silenceMs: number;
  readonly #tell: (error: GrpcError) => void;
  #timer: Timer | undefined;
  /** Whether anything came since it was looked at last: a field, as a timer for each update would be dear. */
  heard = false;

  constructor(clock: Clock, silenceMs: number, tell: (error: GrpcError) => void) {
    this.#clock = clock;
    this.#silenceMs = silenceMs;
    this.#tell = tell;
  }

  watch(): void {
    this.heard = false;
    this.#timer?.cancel();
    this.#timer = afterInput(this.#clock, this.#silenceMs, () => {
      if (this.heard) return this.watch();
      const why = `nothing came for ${this.#silenceMs} ms (limit silenceMs ${this.#silenceMs})`;
      const limit = { limit: 'silenceMs', value: this.#silenceMs };
      this.#tell(new GrpcError('UNAVAILABLE', why, { reach: 'answered', ...limit }));
    });
  }

  end(): void {
    this.#timer?.cancel();
  }
}
