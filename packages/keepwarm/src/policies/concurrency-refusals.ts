/** Why a call is not let through a concurrency limit; each error names the limit, its value, and what to do. */
import type { Call } from '../core/call.ts';
import { type Code, NetError } from '../core/error.ts';
import type { Lane } from './concurrency-waiter.ts';

export function abortedWhileWaiting(call: Call, cause: unknown): NetError {
  return refusal('ABORTED', call, 'was aborted by its caller while it waited for its concurrency limit', { cause });
}

export function closedWhileWaiting(call: Call): NetError {
  return refusal('CLOSED', call, 'was not started: its concurrency limit was closed');
}

export function tooManyKeys(call: Call, keysMax: number): NetError {
  const what = `was refused: every concurrency limit in memory is in use, and concurrency.keysMax is ${keysMax}`;
  return refusal('SATURATED', call, what, named('keysMax', keysMax));
}

export function tooManyWaiting(call: Call, lane: Lane, waitersMax: number): NetError {
  const what = `was refused: ${stateOf(lane)}, and concurrency.waitersMax is ${waitersMax}`;
  return refusal('SATURATED', call, what, named('waitersMax', waitersMax));
}

export function waitedTooLong(call: Call, lane: Lane, { waitMs }: { readonly waitMs: number }): NetError {
  const what = `waited for a place for longer than concurrency.waitMs, ${waitMs}: ${stateOf(lane)}`;
  return refusal('TIMEOUT', call, what, named('waitMs', waitMs));
}

export function deadlinePassed(call: Call, lane: Lane): NetError {
  return refusal('DEADLINE', call, `ran out of time while it waited for a place: ${stateOf(lane)}`);
}

const stateOf = ({ inFlight, limit, waiters }: Lane): string =>
  `${inFlight} calls are in flight of ${limit.limit} that may be, and ${waiters.size} wait`;

const named = (limit: string, value: number) => ({ limit: `concurrency.${limit}`, value });

function refusal(code: Code, call: Call, what: string, details: object = {}): NetError {
  const origin = call.origin.key;
  const message = `${call.method} ${origin} ${what}`;
  return new NetError(code, message, { reach: 'unsent', phase: 'queue', origin, ...details });
}
