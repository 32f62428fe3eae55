/** Waiting, the one way: on the clock that was passed in, and no longer than the caller wants to wait. */
import { listen, unlisten } from './abort.ts';
import type { Clock } from './clock.ts';

/**
 * Resolves `ms` from now. Rejects with the signal's reason as soon as that fires, at once if it has; no timer and no
 * listener is left behind either way.
 */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal === undefined) {
      clock.after(ms, resolve);
      return;
    }
    if (signal.aborted) return reject(signal.reason);
    const timer = clock.after(ms, () => {
      unlisten(signal, sleeper);
      resolve();
    });
    const sleeper = {
      aborted(reason: unknown) {
        timer.cancel();
        reject(reason);
      },
    };
    listen(signal, sleeper);
  });
}
