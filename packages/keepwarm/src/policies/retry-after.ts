/** `Retry-After` (RFC 9110 § 10.2.3): how long the peer asks to be left alone. */
import type { Reply } from '../core/reply.ts';

/** Whole seconds are the standard; some APIs send fractions, and mean them. */
const SECONDS = /^\d+(?:\.\d+)?$/;
/** The three forms of an HTTP date (RFC 9110 § 5.6.7). `Date.parse` alone would take "5" for a day in May. */
const DATE =
  /^(?:[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} |[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} )\d{2}:\d{2}:\d{2} GMT$/;
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/**
 * @param wallMs our wall clock, for a date in a reply that does not say what time it is there
 * @returns the wait in ms, 0 for a date that has passed; nothing without the field, or for what is neither form
 */
export function retryAfterMs(reply: Reply, wallMs: number): number | undefined {
  const value = reply.headers.get('retry-after');
  if (value === undefined) return undefined;
  if (SECONDS.test(value)) return Number(value) * 1000;
  const until = dateOf(value);
  if (until === undefined) return undefined;
  // Both dates are the peer's: how far its clock is from ours does not matter.
  const from = dateOf(reply.headers.get('date') ?? '') ?? wallMs;
  return Math.max(0, until - from);
}

/** In ms since 1970; nothing for what is no HTTP date. */
export function dateOf(text: string): number | undefined {
  const ms = DATE.test(text) ? Date.parse(text) : ASCTIME.test(text) ? Date.parse(`${text} GMT`) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}
