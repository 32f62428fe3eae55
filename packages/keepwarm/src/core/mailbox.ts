/**
 * Messages for one reader, bounded: when it is full, the oldest gives way, and a gap that counts them stands first.
 *
 *   push ──▶ [gap] oldest … newest ──▶ next
 *                                      └ a reader that waits gets what comes directly
 *
 * Invariants, true whenever no method is running:
 *   (1) At most `sizeMax` messages are kept, the gap aside.
 *   (2) While a reader waits, nothing is kept, and it has not ended.
 *   (3) What was pushed is read once, in order, or counted in a gap in its place.
 *   (4) After `end` what is kept is still read; after `drop` nothing is. Then every read gets the end.
 */
import type { Gap, Message } from './subscribe.ts';

interface Reader {
  resolve(result: IteratorResult<Message>): void;
  reject(error: unknown): void;
}

const DONE: IteratorResult<never> = { done: true, value: undefined };

export class Mailbox {
  readonly #sizeMax: number;
  readonly #onGap: ((gap: Gap) => void) | undefined;
  #messages: Message[] = [];
  /** Where the oldest stands in `#messages`: taking from the front moves nothing. */
  #first = 0;
  #gap: Gap | undefined;
  readonly #readers: Reader[] = [];
  #ended = false;
  #error: unknown;

  /** @param onGap told when the first is dropped after the reader last kept up */
  constructor(sizeMax: number, onGap?: (gap: Gap) => void) {
    this.#sizeMax = sizeMax;
    this.#onGap = onGap;
  }

  get size(): number {
    return this.#messages.length - this.#first;
  }

  get full(): boolean {
    return this.size >= this.#sizeMax;
  }

  push(message: Message): void {
    if (this.#ended) return;
    const reader = this.#readers.shift();
    if (reader !== undefined) return reader.resolve({ done: false, value: message });
    if (this.full) this.#dropOldest();
    this.#messages.push(message);
  }

  /** No more will come; with an error, the reader gets it after what is kept. The first end stands. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    if (this.#readers.length > 0) this.#tellEnd(this.#readers.shift()!);
    for (const reader of this.#readers.splice(0)) reader.resolve(DONE);
  }

  /** The reader wants no more: what is kept goes. */
  drop(error?: unknown): void {
    this.#messages = [];
    this.#first = 0;
    this.#gap = undefined;
    if (this.#ended) this.#error = undefined;
    this.end(error);
  }

  next(): Promise<IteratorResult<Message>> {
    const value = this.#take();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    return new Promise((resolve, reject) => {
      const reader = { resolve, reject };
      if (this.#ended) this.#tellEnd(reader);
      else this.#readers.push(reader);
    });
  }

  /** An error is thrown once; after that, as with any iterator, it is simply over. */
  #tellEnd(reader: Reader): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) reader.resolve(DONE);
    else reader.reject(error);
  }

  #take(): Message | undefined {
    const gap = this.#gap;
    if (gap !== undefined) {
      this.#gap = undefined;
      return gap;
    }
    return this.size === 0 ? undefined : this.#shift();
  }

  #dropOldest(): void {
    const before = this.#gap;
    this.#gap = withDropped(before, this.#shift());
    if (before === undefined) this.#onGap?.(this.#gap);
  }

  #shift(): Message {
    const message = this.#messages[this.#first++]!;
    if (this.#first >= COMPACT_AT && this.#first * 2 >= this.#messages.length) {
      this.#messages = this.#messages.slice(this.#first);
      this.#first = 0;
    }
    return message;
  }
}

/** Places taken at the front before the rest moves up. */
const COMPACT_AT = 64;

function withDropped(gap: Gap | undefined, message: Message): Gap {
  const from = message.kind === 'data' ? message.height : message.from;
  const to = message.kind === 'data' ? message.height : message.to;
  const count = message.kind === 'data' ? 1 : (message.dropped ?? 0);
  return {
    kind: 'gap',
    reason: 'slow',
    from: least(gap?.from, from),
    to: most(gap?.to, to),
    filled: false,
    dropped: (gap?.dropped ?? 0) + count,
  };
}

const least = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
const most = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
