/** One who waits for a start, and why whoever wanted one gets none. */
import { type Abortable, unlisten } from '../core/abort.ts';
import { NetError } from '../core/error.ts';
import type { Start } from './start-gate.ts';

export class Waiter implements Abortable {
  readonly resolve: (start: Start) => void;
  readonly reject: (error: unknown) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #gone: (reason: unknown) => void;

  constructor(
    resolve: (start: Start) => void,
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

export function closed(name: string): NetError {
  return new NetError('CLOSED', `${name}: no more connections are opened`, { reach: 'unsent', phase: 'closing' });
}

export function gone(name: string, cause: unknown): NetError {
  const why = `whoever waited to open a connection to ${name} wants none any more`;
  return new NetError('ABORTED', why, { reach: 'unsent', phase: 'connect', cause });
}

export function tooMany(name: string, waitersMax: number): NetError {
  const why = `${waitersMax} connections already wait to be opened to ${name} (limit waitersMax ${waitersMax})`;
  return new NetError('SATURATED', why, {
    reach: 'unsent',
    phase: 'connect',
    limit: 'waitersMax',
    value: waitersMax,
  });
}
