/**
 * A book of Paradex that is told whole and then in changes: whether a change follows, and how the book stands by now.
 *
 *   nothing ──s──▶ whole at n ──d of n + 1──▶ whole at n + 1 …
 *      └ d: left out, up to CHANGES_MAX            └ any other d: something is missing, and the book with it
 */
import { NetError } from '../../core/error.ts';
import type { Thread, Wholes } from '../exchange/feed-words.ts';
import type { ParadexBook, ParadexLevel } from './updates.ts';

/** Changes that may come before the book they change: those that were on their way when it was subscribed to. */
const CHANGES_MAX = 1_000;
/** A level of this size is gone. */
const GONE = '0';

/** `order_book.{market}.deltas` and `.interactive_deltas`; all other channels of books tell them whole each time. */
const CHANGING = /^order_book\..+\.(?:interactive_)?deltas$/;

export const paradexWholes: Wholes = {
  of: (channel) => CHANGING.test(channel),
  thread: (channel) => new BookThread(channel),
  standsAt(value) {
    const { update_type: type, seq_no: number } = value as ParadexBook;
    return { whole: type === 's', number };
  },
};

export class BookThread implements Thread {
  readonly #channel: string;
  readonly #bids = new Map<string, string>();
  readonly #asks = new Map<string, string>();
  #last: ParadexBook | undefined;
  #early = 0;

  constructor(channel: string) {
    this.#channel = channel;
  }

  /** @throws NetError `PROTOCOL` when changes are missing, or it is none that can be made */
  next(value: unknown): boolean {
    const update = value as ParadexBook;
    if (!Array.isArray(update.bids) || !Array.isArray(update.asks)) throw this.#broken('an update has no levels', 0);
    if (update.update_type === 's') {
      this.#bids.clear();
      this.#asks.clear();
    } else if (update.update_type !== 'd') {
      throw this.#broken(`an update at ${update.seq_no} is neither the book nor a change of it`, update.seq_no);
    } else if (this.#last === undefined) {
      if (++this.#early > CHANGES_MAX) throw this.#broken(`${CHANGES_MAX} changes came before the book`, CHANGES_MAX);
      return false;
    } else if (update.seq_no !== this.#last.seq_no + 1) {
      const due = this.#last.seq_no + 1;
      throw this.#broken(`change ${update.seq_no} came where ${due} was due`, due);
    }
    applied(this.#bids, update.bids);
    applied(this.#asks, update.asks);
    this.#last = update;
    return true;
  }

  now(): ParadexBook | undefined {
    if (this.#last === undefined) return undefined;
    const bids = [...this.#bids].toSorted(([one], [other]) => compared(other, one));
    const asks = [...this.#asks].toSorted(([one], [other]) => compared(one, other));
    return { ...this.#last, update_type: 's', bids, asks };
  }

  #broken(what: string, value: number): NetError {
    const message = `${this.#channel}: ${what}; it is subscribed anew`;
    return new NetError('PROTOCOL', message, { reach: 'answered', value });
  }
}

function applied(side: Map<string, string>, levels: readonly ParadexLevel[]): void {
  for (const [price, size] of levels) {
    if (size === GONE) side.delete(price);
    else side.set(price, size);
  }
}

/** Two decimals as they are written here: without zeros that are not needed, so that equal ones are the same text. */
export function compared(one: string, other: string): number {
  const [minus, otherMinus] = [one.startsWith('-'), other.startsWith('-')];
  if (minus !== otherMinus) return minus ? -1 : 1;
  return minus ? sized(other.slice(1), one.slice(1)) : sized(one, other);
}

function sized(one: string, other: string): number {
  const [whole = '', places = ''] = one.split('.');
  const [otherWhole = '', otherPlaces = ''] = other.split('.');
  if (whole.length !== otherWhole.length) return whole.length - otherWhole.length;
  const [text, otherText] = [`${whole}${places}`, `${otherWhole}${otherPlaces}`];
  return text === otherText ? 0 : text < otherText ? -1 : 1;
}
