/** Why a call is not let through a rate limit; each error names the limit and its value. */
import type { Call } from '../core/call.ts';
import { type Code, NetError } from '../core/error.ts';

export function abortedWhileWaiting(call: Call, cause: unknown): NetError {
  return refusal('ABORTED', call, 'was aborted by its caller while it waited for its rate limit', { cause });
}

export function closedWhileWaiting(call: Call): NetError {
  return refusal('CLOSED', call, 'was not started: its rate limit was closed');
}

/** @param startMs until it could have started behind those who wait, where that is known */
export function tooMany(call: Call, limit: string, waitersMax: number, startMs?: number): NetError {
  const what = `was refused: as many calls wait for rate limits as rateLimit.waitersMax allows, ${waitersMax}`;
  const details = { ...named('waitersMax', waitersMax), retryAfterMs: startMs };
  return refusal('SATURATED', call, `${what}; it would have waited for "${limit}"`, details);
}

export function tooManyKeys(call: Call, limit: string, keysMax: number): NetError {
  const what = `was refused: every key of the rate limit "${limit}" holds starts, and rateLimit.keysMax is ${keysMax}`;
  return refusal('SATURATED', call, what, named('keysMax', keysMax));
}

/** Refused at once: it cannot start within the time it may wait. */
export function waitTooLong(call: Call, limit: string, startMs: number, waitMs: number): NetError {
  const what = `was refused by the rate limit "${limit}": it could have started in ${ms(startMs)} at the earliest`;
  const details = { ...named('waitMs', waitMs), retryAfterMs: Math.max(startMs, 0) };
  return refusal('SATURATED', call, `${what}, and rateLimit.waitMs is ${waitMs}`, details);
}

/** Refused at once: its deadline comes before it can start. */
export function startTooLate(call: Call, limit: string, startMs: number, leftMs: number): NetError {
  const what = `was refused by the rate limit "${limit}": it could have started in ${ms(startMs)} at the earliest`;
  const details = { retryAfterMs: Math.max(startMs, 0) };
  return refusal('DEADLINE', call, `${what}, and its deadline is in ${ms(leftMs)}`, details);
}

/** It has waited as long as it may. @param more why, and until when there will be room, where that is known */
export function waitedTooLong(
  call: Call,
  limit: string,
  waitMs: number,
  more: { readonly cause?: unknown; readonly retryAfterMs?: number } = {},
): NetError {
  const what = `waited for the rate limit "${limit}" for longer than rateLimit.waitMs, ${waitMs}`;
  return refusal('TIMEOUT', call, what, { ...named('waitMs', waitMs), ...more });
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
