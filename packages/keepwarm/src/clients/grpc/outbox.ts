/**
 * Messages to be sent, one after the other, by whoever has them when they come up: the other end of a streamed request.
 *
 *   open ──end──▶ ended ──all taken──▶ closed
 *     └────────────┴──the call is over──▶ closed        what was not taken is refused
 *
 * Invariants:
 *   (1) Messages are taken in order, each once; its `write` resolves then, and the writer knows that it may go on.
 *   (2) At most `sizeMax` wait to be taken.
 */
import { systemClock } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import { checkKnown, checkOptions } from '../../core/refusal.ts';
import { turnstileOf } from '../../core/turnstile.ts';
import { invalid, show } from '../options.ts';

interface Written<T> {
  readonly message: T;
  resolve(): void;
  reject(error: NetError): void;
}

type Taker<T> = (result: IteratorResult<T>) => void;

export interface OutboxOptions {
  /** Messages that may wait at once. Default 1,000. */
  readonly sizeMax?: number | undefined;
}

const SIZE_MAX = 1_000;
const DONE: IteratorResult<never> = { done: true, value: undefined };

export class Outbox<T> implements AsyncIterable<T> {
  readonly #sizeMax: number;
  #written: Written<T>[] = [];
  #takers: Taker<T>[] = [];
  #state: 'open' | 'ended' | 'closed' = 'open';
  #read = false;

  /** @throws NetError `INVALID` naming the option */
  constructor(options: OutboxOptions = {}) {
    checkOptions('what an outbox was given', options);
    checkKnown(options, ['sizeMax'], '', ' of an outbox');
    const { sizeMax = SIZE_MAX } = options;
    if (!(Number.isInteger(sizeMax) && sizeMax >= 1) && sizeMax !== Number.POSITIVE_INFINITY) {
      throw invalid(`option sizeMax of an outbox is ${show(sizeMax)}; allowed: a whole number from 1, or Infinity`);
    }
    this.#sizeMax = sizeMax;
  }

  /** Messages that wait to be taken. */
  get waiting(): number {
    return this.#written.length;
  }

  /**
   * Resolves when the stream has taken it, which it does at the pace of the peer.
   *
   * @throws NetError `SATURATED` when too many wait; `CLOSED` when it has ended, or its call has
   */
  write(message: T): Promise<void> {
    if (this.#state !== 'open') return refuse(closed());
    const taker = this.#takers.shift();
    if (taker !== undefined) {
      taker({ done: false, value: message });
      return Promise.resolve();
    }
    if (this.#written.length >= this.#sizeMax) return refuse(full(this.#sizeMax));
    return new Promise((resolve, reject) => void this.#written.push({ message, resolve, reject }));
  }

  /** No more will come; what was written still goes out. */
  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    for (const taker of this.#takers.splice(0)) taker(DONE);
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    if (this.#read) throw invalid('an outbox is for one call: make another for the next');
    this.#read = true;
    return { next: () => this.#next(), return: async () => this.#close() };
  }

  #next(): Promise<IteratorResult<T>> {
    const first = this.#written.shift();
    if (first !== undefined) {
      first.resolve();
      return Promise.resolve({ done: false, value: first.message });
    }
    if (this.#state !== 'open') return Promise.resolve(DONE);
    return new Promise((resolve) => void this.#takers.push(resolve));
  }

  #close(): IteratorResult<T> {
    this.#state = 'closed';
    for (const { reject } of this.#written.splice(0)) reject(closed());
    for (const taker of this.#takers.splice(0)) taker(DONE);
    return DONE;
  }
}

/** An outbox has no clock of its own: whoever writes into it waits for the event loop there is. */
function refuse(error: NetError): Promise<never> {
  return turnstileOf(systemClock).refuse(error);
}

function closed(): NetError {
  return new NetError('CLOSED', 'the stream takes no more messages', { reach: 'unknown', phase: 'write' });
}

function full(sizeMax: number): NetError {
  return new NetError('SATURATED', `${sizeMax} messages already wait to be sent (limit sizeMax ${sizeMax})`, {
    ...{ reach: 'unsent', phase: 'write', limit: 'sizeMax', value: sizeMax },
  });
}
