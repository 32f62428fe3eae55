/**
 * One rate limit that the sections of an upstream share, here and, as if it were the limit of one client, with other
 * processes.
 *
 * Invariants, true whenever no method is running:
 *   (1) Σ the higher of `places` and `used`, over all sections and those that are gone, ≤ `held`.
 *   (2) Without other processes, `held` is the limit.
 */
import type { RateShare } from 'keepwarm/jsonrpc';
import { type Rate, rateOf } from '../figures/rates.ts';
import { type Demand, type Grant, Places } from './places.ts';

/** What is moved between those who share a limit. */
export type Share = Pick<
  RateShare,
  'name' | 'limit' | 'settledMs' | 'places' | 'used' | 'waiting' | 'nextWeight' | 'pause'
> & {
  /** The most that may count, where that is not the higher of `places` and `used`. */
  readonly held?: number;
};

export interface Figures {
  /** As facts have it. */
  readonly name?: string | undefined;
  readonly limit: number;
  readonly windowMs: number;
}

/** Looks of one turn: those that have to give places up do so at once, and those who get them are told in the next. */
const ROUNDS_MAX = 4;

interface Member {
  readonly share: Share;
  /** Of the last grant it has heard. */
  heard: number;
  leaves: boolean;
}

/** One of them, to be kept together with other processes as the limit of one client is. */
export class WholeLimit implements Share {
  readonly name: string;
  readonly limit: number;
  settledMs: number;
  readonly #members = new Map<number, Member>();
  readonly #numbers = new WeakMap<object, number>();
  #last = 0;
  readonly #book: Places;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  /** Of those that are gone. */
  readonly #gone = { granted: 0, refused: 0 };

  constructor({ name = '', limit, windowMs }: Figures) {
    this.name = name;
    this.limit = limit;
    this.settledMs = windowMs;
    this.#book = new Places({ ...NOTHING, key: name, limit, settledMs: windowMs }, new Map());
  }

  /** In this process. */
  get places(): number {
    return this.#book.limit;
  }
  set places(places: number) {
    this.#book.limit = Math.min(Math.max(Math.floor(places), 0), this.limit);
    this.settle();
  }

  get held(): number {
    return Math.max(this.#book.held, this.places);
  }
  get used(): number {
    return this.#sum(({ used }) => used);
  }
  get waiting(): number {
    return this.#sum(({ waiting }) => waiting);
  }
  get nextWeight(): number {
    let most = 0;
    for (const { share } of this.#members.values()) most = Math.max(most, share.nextWeight);
    return most;
  }

  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, performance.now() + ms);
    for (const { share } of this.#members.values()) share.pause(ms);
  }

  add(sharer: object, share: Share): void {
    share.places = 0;
    const pausedMs = this.#pausedUntil - performance.now();
    if (pausedMs > 0) share.pause(pausedMs);
    this.settledMs = Math.max(this.settledMs, share.settledMs);
    this.#numbers.set(sharer, ++this.#last);
    this.#members.set(this.#last, { share, heard: 0, leaves: false });
  }

  remove(sharer: object, rate: Rate | undefined): void {
    const member = this.#members.get(this.#numbers.get(sharer) ?? 0);
    if (member === undefined) return;
    member.leaves = true;
    this.#gone.granted += rate?.granted ?? 0;
    this.#gone.refused += rate?.refused ?? 0;
  }

  /** Has places move to where they are wanted. @returns whether somebody waits for one, or has to give one up yet */
  settle(): boolean {
    const now = performance.now();
    let busy = false;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      busy = this.#note(now);
      const grants = this.#book.allot(now);
      if (grants.length === 0) break;
      for (const [number, grant] of grants) this.#apply(number, grant);
    }
    return busy;
  }

  told(rates: readonly Rate[]): Rate[] {
    if (rates.length === 0) return [];
    const all = rateOf(rates);
    const { granted, refused } = this.#gone;
    const [used, places] = [this.used, this.places];
    const remaining = Math.min(Math.max(places - used, 0), all.remaining);
    return [{ ...all, used, remaining, granted: all.granted + granted, refused: all.refused + refused }];
  }

  #note(now: number): boolean {
    let busy = false;
    for (const [number, { share, heard, leaves }] of this.#members) {
      const { used, waiting, nextWeight, places } = share;
      if (leaves && used === 0) {
        this.#members.delete(number);
        this.#book.note(number, { ...NOTHING, number: heard });
        this.#book.left(number, now);
        continue;
      }
      const wanted = Math.min(used + (leaves ? 0 : waiting), this.limit);
      const demand = { held: Math.max(places, used), wanted, nextWeight: leaves ? 0 : nextWeight };
      this.#book.note(number, { ...NOTHING, number: heard, ...demand });
      busy ||= nextWeight > 0 || used > places;
    }
    return busy;
  }

  #apply(number: number, grant: Grant): void {
    const member = this.#members.get(number);
    if (member === undefined) return;
    member.heard = grant.number;
    member.share.places = grant.places;
  }

  #sum(read: (share: Share) => number): number {
    let sum = 0;
    for (const { share } of this.#members.values()) sum += read(share);
    return sum;
  }
}

const NOTHING: Demand = { key: '', limit: 0, settledMs: 0, number: 0, held: 0, wanted: 0, nextWeight: 0 };
