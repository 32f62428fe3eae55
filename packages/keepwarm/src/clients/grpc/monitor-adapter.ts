/**
 * A monitor: one stream after the other under one name, so that its messages go on whatever becomes of connections.
 *
 *   stopped ──start──▶ waits for its lease ──▶ opens ──▶ reads ──▶ …
 *                            ▲                           │  ├─ its connection is to go: hands over (below)
 *                            └──backoff──────────────────┘  └─ stop: ended, lease given back
 *
 * Handing over, when another connection can be had first: the next stream is opened and its first message waited for,
 * while the old one is read. Then the old one is read on until it brings the message with which the next one begins
 * (by `keyOf`), or for `overlapMs`; what both have is delivered once. Otherwise the old one is ended first, and the
 * next one opened from where it ended.
 *
 * Invariants:
 *   (1) Messages are handled one at a time, in the order of one stream and then the next.
 *   (2) With `keyOf` nothing that was handled lately is handled twice.
 *   (3) The wait before the next attempt is drawn evenly from 0 to 1 s, 2 s, 4 s … 30 s, and begins anew after a
 *       message. It is a loop, however long it goes on.
 *   (4) After `stop` has resolved nothing is handled, waits or is held.
 */
import { fullJitter } from '../../algo/backoff.ts';
import { type Clock, type Random, systemClock, systemRandom } from '../../core/clock.ts';
import { checkFunction, checkKnown, checkOptions, checkParts, refused } from '../../core/refusal.ts';
import { sleep } from '../../core/sleep.ts';
import type { GrpcCaller } from './kinds.ts';
import { Handover } from './monitor-handover.ts';
import type { GrpcPool } from './pool.ts';
import { harmless } from './pool-facts.ts';
import type { GrpcLease } from './pool-lease.ts';
import { checkLease, type GrpcLeaseOptions } from './pool-lease-options.ts';

/** What a monitor reads: a GrpcStream, or anything that is iterated and can be ended. */
export type MonitorStream<M> = AsyncIterator<M>;

/** What the next stream is to go on from. */
export interface MonitorResume<M> {
  /** 1 for the first stream since `start`. */
  readonly stream: number;
  /** The last message that was handled; nothing before there was one. */
  readonly last: M | undefined;
  /** Fires when the stream is not wanted any more. */
  readonly signal: AbortSignal;
}

export interface MonitorOptions<M> extends Omit<GrpcLeaseOptions, 'signal'> {
  /** Opens the stream, from where the last one ended if the server can. */
  open(client: GrpcCaller, resume: MonitorResume<M>): MonitorStream<M> | Promise<MonitorStream<M>>;
  /** Handles one message; the next is read when it is done. What it throws ends the stream, and another is opened. */
  message(message: M): void | Promise<void>;
  /** What makes a message the same on two streams. Without it, a handover may repeat or lose some. */
  keyOf?: ((message: M) => string | number | bigint) | undefined;
  /** Told why a stream ended, or was not opened, before the wait for the next. */
  failed?: ((error: unknown, waitMs: number) => void) | undefined;
  /** How long two streams are read side by side at most, in ms. Default 5 s. */
  readonly overlapMs?: number | undefined;
  /** Keys remembered. Default 10,000. */
  readonly keysMax?: number | undefined;
  /** The longest wait before the first attempt after a failure, in ms; doubled for each after it. Default 1 s. */
  readonly backoffMs?: number | undefined;
  /** What it is doubled up to, in ms. Default 30 s. */
  readonly backoffMsMax?: number | undefined;
  /** For tests. */
  readonly clock?: Clock | undefined;
  /** For tests. */
  readonly random?: Random | undefined;
}

export type MonitorState = 'stopped' | 'connecting' | 'reading' | 'waiting';

const OVERLAP_MS = 5_000;
const KEYS_MAX = 10_000;
const BACKOFF_MS = 1_000;
const BACKOFF_MS_MAX = 30_000;

const NAMES: Readonly<Record<keyof MonitorOptions<unknown>, true>> = {
  ...{ open: true, message: true, keyOf: true, failed: true, overlapMs: true, keysMax: true, backoffMs: true },
  ...{ backoffMsMax: true, clock: true, random: true, exclusive: true, group: true, waitMs: true },
};

/** @throws NetError `INVALID` naming the option: what is wrong would be seen when the first stream is lost */
function checkMonitor<M>(name: string, options: MonitorOptions<M>): void {
  checkOptions('what a monitor was given', options);
  checkKnown(options, Object.keys(NAMES), '', ' of a monitor');
  checkParts(options);
  const { exclusive, group, waitMs, open, message, keyOf, failed, keysMax, ...lengths } = options;
  checkLease(name, { exclusive, group, waitMs });
  for (const [what, needed] of Object.entries({ open, message })) {
    if (typeof needed !== 'function') throw refused(`${what} of a monitor`, needed, 'a function');
  }
  checkFunction('keyOf of a monitor', keyOf);
  checkFunction('failed of a monitor', failed);
  const isCount = keysMax === undefined || keysMax === Number.POSITIVE_INFINITY || Number.isInteger(keysMax);
  if (!isCount || (keysMax ?? 0) < 0) throw refused('keysMax of a monitor', keysMax, 'a whole number from 0');
  for (const what of ['overlapMs', 'backoffMs', 'backoffMsMax'] as const) {
    const value = lengths[what];
    if (value === undefined || (typeof value === 'number' && value >= 0)) continue;
    throw refused(`${what} of a monitor`, value, 'a number from 0');
  }
}

export class MonitorAdapter<M> {
  readonly name: string;
  readonly #pool: GrpcPool;
  readonly #options: MonitorOptions<M>;
  readonly #clock: Clock;
  readonly #handover: Handover<M>;
  #ending: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();
  #attempt = 0;
  #state: MonitorState = 'stopped';
  #streams = 0;
  #messages = 0;
  #repeated = 0;
  #handovers = 0;
  #failures = 0;

  /** @throws NetError `INVALID` for a name or a figure that is not acceptable */
  constructor(pool: GrpcPool, name: string, options: MonitorOptions<M>) {
    checkMonitor(name, options);
    const { overlapMs = OVERLAP_MS, keysMax = KEYS_MAX, keyOf, clock = systemClock } = options;
    this.name = name;
    this.#pool = pool;
    this.#options = options;
    this.#clock = clock;
    this.#handover = new Handover<M>({ overlapMs, keysMax, keyOf, clock, againMs: options.backoffMs ?? BACKOFF_MS });
  }

  get state(): MonitorState {
    return this.#state;
  }

  /** Streams opened since `start`. */
  get streams(): number {
    return this.#streams;
  }

  /** Messages that were handled. */
  get messages(): number {
    return this.#messages;
  }

  /** Messages that two streams had, and that were handled once. */
  get repeated(): number {
    return this.#repeated;
  }

  /** Times the stream went on elsewhere, as its connection was to go. */
  get handovers(): number {
    return this.#handovers;
  }

  /** Times a stream ended although nobody wanted it to. */
  get failures(): number {
    return this.#failures;
  }

  /** Begins; twice is harmless. What happens is told to `message` and `failed`. */
  start(): void {
    if (this.#ending !== undefined) return;
    const ending = new AbortController();
    this.#ending = ending;
    this.#attempt = 0;
    this.#streams = 0;
    // The process lives while it runs, also while it waits between two attempts.
    this.#clock.hold();
    this.#running = this.#run(ending.signal).finally(() => this.#clock.release());
  }

  /** Ends the stream and gives the lease back. Resolves when nothing is left; twice is harmless. */
  async stop(): Promise<void> {
    this.#ending?.abort(new Error('the monitor was stopped'));
    await this.#running;
    this.#ending = undefined;
    this.#state = 'stopped';
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const error = await this.#lease(signal);
      if (signal.aborted) return;
      this.#failures++;
      const { backoffMs = BACKOFF_MS, backoffMsMax = BACKOFF_MS_MAX, random = systemRandom } = this.#options;
      const waitMs = fullJitter(backoffMs, backoffMsMax, ++this.#attempt, random);
      this.#state = 'waiting';
      harmless(() => this.#options.failed?.(error, waitMs));
      await sleep(this.#clock, waitMs, signal).catch(() => undefined);
    }
  }

  /** Holds a lease for as long as its streams go. @returns what ended it */
  async #lease(signal: AbortSignal): Promise<unknown> {
    const { exclusive, group, waitMs } = this.#options;
    this.#state = 'connecting';
    let lease: GrpcLease | undefined;
    try {
      lease = await this.#pool.lease(this.name, { exclusive, group, waitMs, signal });
      return await this.#read(lease, AbortSignal.any([signal, lease.signal]));
    } catch (error) {
      return error;
    } finally {
      lease?.release();
    }
  }

  async #read(lease: GrpcLease, signal: AbortSignal): Promise<unknown> {
    const { message, open } = this.#options;
    const next = async (last: M | undefined): Promise<MonitorStream<M>> => {
      this.#streams++;
      return open(lease.client, { stream: this.#streams, last, signal });
    };
    const ended = lease.onMoved(({ makeFirst }) => this.#handover.wanted(makeFirst));
    try {
      for await (const each of this.#handover.read(next, signal)) {
        this.#state = 'reading';
        this.#attempt = 0;
        this.#messages++;
        await message(each);
      }
      return new Error('the server ended the stream');
    } finally {
      ended();
      this.#repeated = this.#handover.repeated;
      this.#handovers = this.#handover.count;
    }
  }
}
