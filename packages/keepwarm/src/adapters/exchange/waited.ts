/** Waiting for what others have begun, no longer than one's own caller wants to wait. */
import { type Abortable, listen, unlisten } from '../../core/abort.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import { turnstileOf } from '../../core/turnstile.ts';

/** How long somebody waits. */
export interface Turn {
  readonly signal?: AbortSignal | undefined;
  /** The instant, on the clock, by which it must be over. */
  readonly deadlineAt: number;
}

/**
 * What comes of the promise, which goes on for the others.
 *
 * @param what was waited for, as errors say it
 * @throws NetError `ABORTED` or `DEADLINE` with reach `unsent`; and what the promise does
 */
export function waited<T>(promise: Promise<T>, { signal, deadlineAt }: Turn, clock: Clock, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: Timer | undefined;
    const settled = (): void => {
      timer?.cancel();
      if (signal !== undefined) unlisten(signal, party);
    };
    const fail = (code: 'ABORTED' | 'DEADLINE', how: string, cause?: unknown): void => {
      settled();
      const error = new NetError(code, `${how} while it waited for ${what}`, {
        reach: 'unsent',
        phase: 'queue',
        cause,
      });
      turnstileOf(clock).pass(() => reject(error));
    };
    const party: Abortable = { aborted: (cause) => fail('ABORTED', 'it was given up', cause) };
    promise.then(resolve, reject).finally(settled);
    if (signal?.aborted) return fail('ABORTED', 'it was given up', signal.reason);
    if (signal !== undefined) listen(signal, party);
    const leftMs = deadlineAt - clock.now();
    if (leftMs <= 0) return fail('DEADLINE', 'its deadline passed');
    if (Number.isFinite(leftMs)) timer = clock.after(leftMs, () => fail('DEADLINE', 'its deadline passed'));
  });
}

/** The same for who has a signal alone. @throws NetError of the signal's reason; and what the promise does */
export function orGivenUp<T>(waited: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(NetError.from(signal.reason));
    if (signal.aborted) {
      waited.catch(() => undefined);
      return aborted();
    }
    signal.addEventListener('abort', aborted, { once: true });
    waited.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}
