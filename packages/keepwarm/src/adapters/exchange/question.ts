/**
 * What became of an order whose answer was lost: asked for by an id of ours until it is found, or until a question that
 * was put after its window had closed has not found it. Only then is it missing, and may be sent anew.
 */
import type { Clock } from '../../core/clock.ts';
import { sleep } from '../../core/sleep.ts';
import type { ServerTime } from './server-time.ts';
import type { OrderFigures } from './settle.ts';

const ASK_FACTOR_MAX = 8;

export interface Doubt<T> {
  /** As the order was signed, in ms since 1970. */
  readonly time: number;
  /** Asks the exchange once; nothing where it has no such order. What it throws is asked again. */
  find(signal: AbortSignal): Promise<T | undefined>;
  /** Ends the asking. */
  readonly givenUp: AbortSignal;
}

interface DoubtParts {
  readonly clock: Clock;
  readonly time: ServerTime;
  readonly settings: { readonly figures: OrderFigures };
}

/** @returns the order; `missing`; or nothing when there was no answer for `reconcileMs`, or it was given up */
export async function foundOut<T extends object>(
  { clock, time, settings }: DoubtParts,
  { time: signedAt, find, givenUp }: Doubt<T>,
): Promise<T | 'missing' | undefined> {
  const { recvWindowMs, settleMs, askMs, reconcileMs } = settings.figures;
  const until = clock.now() + reconcileMs;
  for (let waitMs = askMs; !givenUp.aborted; waitMs = Math.min(2 * waitMs, ASK_FACTOR_MAX * askMs)) {
    const closed = time.earliest() > signedAt + recvWindowMs + settleMs;
    try {
      const order = await find(givenUp);
      if (order !== undefined) return order;
      if (closed) return 'missing';
    } catch {
      // Asked again while there is time: an exchange that is down now may have taken it before.
    }
    if (clock.now() + waitMs >= until) break;
    await sleep(clock, waitMs, givenUp).catch(() => undefined); // seen by the loop
  }
  return undefined;
}
