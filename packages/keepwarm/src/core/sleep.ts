/** Waiting, the one way: on the clock that was passed in, and no longer than the caller wants to wait. */
import { listen, unlisten } from './abort.ts';
import type { Clock } from './clock.ts';

/**
 * Resolves `ms` from now. Rejects with the reason of the first of the signals that fires, at once if one has; no timer
 * and no listener is left behind either way. Whoever sleeps is waited for: it keeps the process alive meanwhile.
 */
export function sleep(clock: Clock, ms: number, ...signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const heard = signals.filter((signal) => signal !== undefined);
    const fired = heard.find(({ aborted }) => aborted);
    if (fired !== undefined) return reject(fired.reason);
    const awake = (): void => {
      clock.release();
      for (const signal of heard) unlisten(signal, sleeper);
    };
    clock.hold();
    const timer = clock.after(ms, () => {
      awake();
      resolve();
    });
    const sleeper = {
      aborted(reason: unknown) {
        timer.cancel();
        awake();
        reject(reason);
      },
    };
    for (const signal of heard) listen(signal, sleeper);
  });
}
