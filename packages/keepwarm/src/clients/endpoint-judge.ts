/**
 * What the outcome of an HTTP call says about the endpoint it was sent to: the breaker's classes, and a word for
 * "busy".
 */
import type { Judge } from '../balance/outcome.ts';
import type { Clock } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import { BREAKER_DEFAULTS } from '../policies/breaker.ts';
import { verdictOfError, verdictOfStatus } from '../policies/health.ts';
import { retryAfterMs } from '../policies/retry-after.ts';

/**
 * Too much was asked of it at once (408, 425, 429), or our key is spent or refused there (401, 402, 403, as providers
 * say it). Both come faster than any answer, and would make it look like the fastest of all.
 */
export const BUSY: ReadonlySet<number> = new Set([401, 402, 403, 408, 425, 429]);

export interface JudgeOptions {
  /** Statuses that say that the endpoint is not well. */
  readonly statuses: readonly number[];
  /** A missed deadline says something only if it left the endpoint so long, in ms. */
  readonly patienceMs: number;
}

/** @param options the breaker's by default, so that both see the same */
export function httpJudge(clock: Clock, options: JudgeOptions = BREAKER_DEFAULTS): Judge {
  const ill = new Set(options.statuses);
  return {
    ofReply: ({ status }) => (BUSY.has(status) ? 'busy' : verdictOfStatus(status, ill)),
    ofError: (error, tookMs) =>
      isBusy(error, tookMs >= options.patienceMs) ? 'busy' : verdictOfError(error, tookMs, options.patienceMs),
    pauseMs: (outcome) => (outcome instanceof NetError ? askedBy(outcome) : retryAfterMs(outcome, clock.wall())),
  };
}

/** When our own limits would let one call start is no word of the endpoint's about all others. */
function askedBy({ code, reach, retryAfterMs: ms }: NetError): number | undefined {
  return reach === 'unsent' && (code === 'SATURATED' || code === 'DEADLINE') ? undefined : ms;
}

/**
 * What stands between us and the endpoint is full or closed: its pool, or its breaker. No connection in a time in which
 * there should have been one is the same, whether the queue or the attempt has set that time.
 */
function isBusy({ code, phase, health }: NetError, patient: boolean): boolean {
  if (health === 'busy' || code === 'SATURATED' || code === 'OPEN') return true;
  return phase === 'queue' && (code === 'TIMEOUT' || (code === 'DEADLINE' && patient));
}
