/**
 * Something that proves who we are and expires: fetched once for all who need it at the same time, and anew before it
 * is too old.
 *
 *   none ──▶ fetching ──▶ held ──▶ fetching (at `renewAt`, in the background, while the held one still serves)
 *              └ failed: all who waited are told, the next asks again
 *
 * Invariants:
 *   (1) At most one fetch is under way.
 *   (2) `refuse(token)` drops that very one: who was refused with an older one does not throw away its successor.
 *   (3) After `close()` nobody waits: who did is told, and a fetch that ends later is dropped.
 */
import type { Clock, Timer } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import { turnstileOf } from '../../core/turnstile.ts';
import { type Turn, waited } from './waited.ts';

export interface Held<T> {
  readonly value: T;
  /** On the clock: from then on another is fetched in the background. */
  readonly renewAt: number;
  /** On the clock: from then on it is not used. */
  readonly expiresAt: number;
}

/** What is left of a turn, as a client takes it. */
export interface Left {
  readonly signal: AbortSignal | undefined;
  readonly deadlineMs: number;
}

/** Between one failed renewal in the background and the next, in ms. */
const RENEW_AGAIN_MS = 5_000;

export class Token<T> {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #fetch: () => Promise<Held<T>>;
  #held: Held<T> | undefined;
  #fetching: Promise<Held<T>> | undefined;
  #timer: Timer | undefined;
  /** Ends the fetch that is under way for those who wait for it. */
  #abandon: ((error: NetError) => void) | undefined;
  #closed = false;
  /** How often one was asked for. */
  fetches = 0;

  /** @param name as errors say it */
  constructor(name: string, clock: Clock, fetch: () => Promise<Held<T>>) {
    this.#name = name;
    this.#clock = clock;
    this.#fetch = fetch;
  }

  /** What may be sent now, if anything. */
  get current(): T | undefined {
    const held = this.#held;
    return held !== undefined && this.#clock.now() < held.expiresAt ? held.value : undefined;
  }

  /**
   * The one there is, or the one that is fetched; the fetch goes on for others when this caller gives up.
   *
   * @throws whatever the fetch throws; `CLOSED`; `ABORTED` and `DEADLINE` by the turn
   */
  async get(turn: Turn = { deadlineAt: Number.POSITIVE_INFINITY }): Promise<T> {
    const { current } = this;
    return current ?? (await waited(this.#renew(), turn, this.#clock, this.#name)).value;
  }

  /**
   * Runs what needs it; once more with another one when that is refused.
   *
   * @param send is given what is left of the turn
   */
  async use<R>(turn: Turn, send: (left: Left) => Promise<R>, isRefused: (thrown: unknown) => boolean): Promise<R> {
    const { signal, deadlineAt } = turn;
    const left = (): Left => ({ signal, deadlineMs: Math.max(deadlineAt - this.#clock.now(), 1) });
    const value = await this.get(turn);
    try {
      return await send(left());
    } catch (thrown) {
      if (!isRefused(thrown)) throw thrown;
      this.refuse(value);
      await this.get(turn);
      return send(left());
    }
  }

  /** The peer did not take it. */
  refuse(value: T): void {
    if (this.#held?.value === value) this.#held = undefined;
  }

  /** Twice is harmless. */
  close(): void {
    this.#closed = true;
    this.#held = undefined;
    this.#timer?.cancel();
    this.#abandon?.(closed());
  }

  #renew(): Promise<Held<T>> {
    this.#fetching ??= this.#run().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  #run(): Promise<Held<T>> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return turnstileOf(this.#clock).pass(() => reject(closed()));
      this.#abandon = reject;
      this.fetches++;
      this.#fetch().then((held) => {
        if (this.#closed) return;
        this.#held = held;
        this.#renewIn(held.renewAt - this.#clock.now());
        resolve(held);
      }, reject);
    });
  }

  #renewIn(ms: number): void {
    this.#timer?.cancel();
    if (!Number.isFinite(ms)) return;
    this.#timer = this.#clock.after(ms, () => {
      this.#renew().catch(() => {
        // Who needs it while the old one has expired is told; until then it is tried again.
        if (!this.#closed) this.#renewIn(RENEW_AGAIN_MS);
      });
    });
  }
}

const closed = (): NetError => new NetError('CLOSED', 'the client is closed', { reach: 'unsent', phase: 'closing' });
