/** What a breaker says of itself: to a caller whom it refuses, and about what opened it. */
import type { Breaker } from '../algo/breaker.ts';
import type { Call } from '../core/call.ts';
import { NetError } from '../core/error.ts';

/** A breaker, whose it is, and what opened it last. */
interface Refusing {
  readonly key: string;
  readonly breaker: Breaker;
  readonly failure: string | undefined;
}

/** In one word: the system's own where there is one, as it says the most; the error's code; or `status 503`. */
export function failureOf(status: number | undefined, error: NetError | undefined): string | undefined {
  if (status !== undefined) return `status ${status}`;
  return error?.systemCode ?? error?.code;
}

const ms = (length: number): string => `${Math.ceil(length)} ms`;

/** Since when, why, and for how long: who reads it may have nothing else at hand. */
export function refusal({ method, origin }: Call, { key, breaker, failure }: Refusing, now: number): NetError {
  const open = breaker.state === 'open';
  const probeMs = breaker.probeMs(now);
  const why = failure === undefined ? '' : ` (${failure})`;
  const until = open
    ? `has been open for ${ms(breaker.troubledMs(now))}${why}; the next probe may pass in ${ms(probeMs)}`
    : `is half-open${why}; a probe is under way`;
  const named = key === origin.key ? '' : ` ${JSON.stringify(key)}`;
  return new NetError('OPEN', `${method} ${origin.key} was refused: its breaker${named} ${until}`, {
    reach: 'unsent',
    phase: 'queue',
    origin: origin.key,
    retryAfterMs: open ? probeMs : undefined,
  });
}
