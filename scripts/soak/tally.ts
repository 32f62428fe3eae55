/**
 * What a subscriber was told, counted in a space that does not grow: writes of accounts are numbered by the server from
 * 1 on, so whoever gets all of them gets each number after the one before, and whoever gets some gets them in order.
 */
import type { SubscribeUpdate } from 'keepwarm/yellowstone';

export interface Told {
  readonly count: number;
  /** Of the numbers: two subscribers with the same count and sum were told the same, as each was told them in order. */
  readonly sum: number;
}

export class Tally {
  readonly name: string;
  /** Whether every number must come, none left out. */
  readonly whole: boolean;
  #last: number | undefined;
  #count = 0;
  #missing = 0;
  #again = 0;
  readonly #byOwner = new Map<string, { count: number; sum: number }>();

  /** @param from the first number, where it is known */
  constructor(name: string, whole: boolean, from?: number) {
    this.name = name;
    this.whole = whole;
    this.#last = from === undefined ? undefined : from - 1;
  }

  get count(): number {
    return this.#count;
  }
  get last(): number {
    return this.#last ?? 0;
  }
  /** Numbers that were left out, where none may be. */
  get missing(): number {
    return this.#missing;
  }
  /** Numbers that came after one that was not below them. */
  get again(): number {
    return this.#again;
  }

  take({ updateOneof: { case: kind, value } }: SubscribeUpdate): void {
    if (kind !== 'account' || value.account === undefined) return;
    const number = Number(value.account.writeVersion);
    const last = this.#last ?? number - 1;
    if (number <= last) {
      this.#again++;
      return;
    }
    if (this.whole) this.#missing += number - last - 1;
    this.#last = number;
    this.#count++;
    const owner = Buffer.from(value.account.owner).toString('latin1');
    let told = this.#byOwner.get(owner);
    if (told === undefined) this.#byOwner.set(owner, (told = { count: 0, sum: 0 }));
    told.count++;
    told.sum += number;
  }

  of(owner: string): Told {
    return this.#byOwner.get(owner) ?? { count: 0, sum: 0 };
  }

  get owners(): readonly string[] {
    return [...this.#byOwner.keys()];
  }
}
