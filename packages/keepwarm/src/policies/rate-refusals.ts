/** Why a call is not let through a rate limit; each error names the limit and its value. */
import type { Call } from '../core/call.ts';
import { type Code, NetError } from '../core/error.ts';

export function abortedWhileWaiting(call: Call, cause: unknown): NetError {
  return refusal('ABORTED', call, 'was aborted by its caller while it waited for its rate limit', { cause });
}

export function closedWhileWaiting(call: Call): NetError {
  return refusal('CLOSED', call, 'was not started: its rate limit was closed');
}

export function tooMany(call: Call, limit: string, waitersMax: number): NetError {
  const what = `was refused: as many calls wait for rate limits as rateLimit.waitersMax allows, ${waitersMax}`;
  return refusal('SATURATED', call, `${what}; it would have waited for "${limit}"`, named('waitersMax', waitersMax));
}

export function tooManyKeys(call: Call, limit: string, keysMax: number): NetError {
  const what = `was refused: every key of the rate limit "${limit}" holds starts, and rateLimit.keysMax is ${keysMax}`;
  return refusal('SATURATED', call, what, named('keysMax', keysMax));
}

/** Refused at once: it cannot start within the time it may wait. */
export function waitTooLong(call: Call, limit: string, startMs: number, waitMs: number): NetError {
  const what = `was refused by the rate limit "${limit}": it could have started in ${ms(startMs)} at the earliest`;
  return refusal('SATURATED', call, `${what}, and rateLimit.waitMs is ${waitMs}`, named('waitMs', waitMs));
}

/** Refused at once: its deadline comes before it can start. */
export function startTooLate(call: Call, limit: string, startMs: number, leftMs: number): NetError {
  const what = `was refused by the rate limit "${limit}": it could have started in ${ms(startMs)} at the earliest`;
  return refusal('DEADLINE', call, `${what}, and its deadline is in ${ms(leftMs)}`);
}

/** It has waited as long as it may. */
export function waitedTooLong(call: Call, limit: string, waitMs: number, cause?: unknown): NetError {
  const what = `waited for the rate limit "${limit}" for longer than rateLimit.waitMs, ${waitMs}`;
  return refusal('TIMEOUT', call, what, { ...named('waitMs', waitMs), cause });
}

/** Its deadline passed while it waited. */
export function deadlinePassed(call: Call, limit: string, cause?: unknown): NetError {
  return refusal('DEADLINE', call, `ran out of time while it waited for the rate limit "${limit}"`, { cause });
}

const ms = (length: number): string => `${Math.max(Math.round(length), 0)} ms`;

const named = (limit: string, value: number) => ({ limit: `rateLimit.${limit}`, value });

function refusal(code: Code, call: Call, what: string, details: object = {}): NetError {
  const origin = call.origin.key;
  return new NetError(code, `${call.method} ${origin} ${what}`, {
    reach: 'unsent',
    phase: 'queue',
    origin,
    ...details,
  });
}
