/** One who waits for a start or a place, and why whoever wanted one gets none. */
import { type Abortable, unlisten } from '../core/abort.ts';
import { NetError } from '../core/error.ts';

export class Waiter<T> implements Abortable {
  readonly resolve: (granted: T) => void;
  readonly reject: (error: unknown) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #gone: (reason: unknown) => void;

  constructor(
    resolve: (granted: T) => void,
    reject: (error: unknown) => void,
    signal: AbortSignal | undefined,
    gone: (reason: unknown) => void,
  ) {
    this.resolve = resolve;
    this.reject = reject;
    this.#signal = signal;
    this.#gone = gone;
  }

  aborted(reason: unknown): void {
    this.#gone(reason);
  }

  settle(): void {
    if (this.#signal !== undefined) unlisten(this.#signal, this);
  }
}

/** What is opened, in messages. */
export type Opened = 'connection' | 'stream';

export function closed(name: string, what: Opened = 'connection'): NetError {
  return new NetError('CLOSED', `${name}: no more ${what}s are opened`, { reach: 'unsent', phase: 'closing' });
}

export function gone(name: string, cause: unknown, what: Opened = 'connection'): NetError {
  const why = `whoever waited to open a ${what} to ${name} wants none any more`;
  return new NetError('ABORTED', why, { reach: 'unsent', phase: 'connect', cause });
}

export function tooMany(name: string, waitersMax: number, what: Opened = 'connection'): NetError {
  const why = `${waitersMax} ${what}s already wait to be opened to ${name} (limit waitersMax ${waitersMax})`;
  return new NetError('SATURATED', why, {
    reach: 'unsent',
    phase: 'connect',
    limit: 'waitersMax',
    value: waitersMax,
  });
}
