/**
 * One state per key, for as many keys as there is room for. To make room, one that nobody uses and that would not be
 * missed is forgotten, the longest unused first; one that is in use never is.
 */
import { Chain, type Link } from './chain.ts';

export interface Keyed<T> extends Link<T> {
  readonly key: string;
  /** Calls that are concerned with it. Its own; starts at 0. */
  users: number;
}

export interface KeyedOptions<T> {
  readonly keysMax: number;
  make(key: string): T;
  /** Whether it knows no more than a new one would. */
  forgettable(member: T, now: number): boolean;
}

/**
 * How many are looked at for one to forget. Those that would be missed are looked at again after all others, so that a
 * few of them never keep all the rest from making room.
 */
const LOOKS_MAX = 64;

export class KeyedStore<T extends Keyed<T>> implements Iterable<T> {
  readonly #options: KeyedOptions<T>;
  readonly #byKey = new Map<string, T>();
  /** Those nobody uses, the longest so first. */
  readonly #unused = new Chain<T>();

  constructor(options: KeyedOptions<T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** @returns nothing when there is no room for one more */
  of(key: string, now: number): T | undefined {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if (this.#byKey.size >= this.#options.keysMax && !this.#forgetOne(now)) return undefined;
    const member = this.#options.make(key);
    this.#byKey.set(key, member);
    this.#unused.push(member);
    return member;
  }

  known(key: string): T | undefined {
    return this.#byKey.get(key);
  }

  /** It is in use until as many have left as have joined. */
  join(member: T): void {
    if (member.users++ === 0) this.#unused.remove(member);
  }

  leave(member: T): void {
    if (--member.users === 0) this.#unused.push(member);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#byKey.values();
  }

  #forgetOne(now: number): boolean {
    for (let looks = Math.min(LOOKS_MAX, this.#unused.size); looks > 0; looks--) {
      const member = this.#unused.shift()!;
      if (this.#options.forgettable(member, now)) return this.#byKey.delete(member.key);
      this.#unused.push(member);
    }
    return false;
  }
}
