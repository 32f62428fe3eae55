/** Vest's own error codes, and what each means for an order that got it. */
import { NetError } from '../../core/error.ts';

/** Source: Vest's API page, "Error Codes". Codes of 3xxx, 4xxx and 5xxx refuse an order, an LP order, a transfer. */
export const VEST_CODES = {
  1002: 'UNAUTHORIZED',
  1003: 'TOO_MANY_REQUESTS',
  1022: 'INVALID_SIGNATURE',
  1023: 'INVALID_NONCE',
  1024: 'INVALID_NETWORK_TYPE',
  1099: 'ACCOUNT_NOT_FOUND',
  1111: 'BAD_DECIMALS',
  1116: 'INVALID_ORDER_TYPE',
  1121: 'BAD_SYMBOL',
  1125: 'INVALID_LISTEN_KEY',
  1130: 'INVALID_PARAMETER',
  1131: 'BAD_RECV_WINDOW',
  1132: 'ORDER_EXPIRED',
  1133: 'INVALID_TIME_IN_FORCE',
  1146: 'INVALID_ACCOUNT_GROUP',
  1148: 'MARKET_CLOSED',
  3001: 'PRICE_CHECK_FAILED',
  3002: 'MARGIN_CHECK_FAILED',
  3003: 'PRICE_STALE',
  3004: 'ORDER_STALE',
  3011: 'INVALID_LIMIT_PRICE',
  3015: 'DUPLICATE',
  3017: 'ORDER_NOT_FOUND',
  4010: 'LP_DUPLICATE',
  5010: 'TRANSFER_DUPLICATE',
} as const;

/**
 * What follows from a code:
 *  - `key`: the API key is no longer taken; register again, then the same may be sent once more.
 *  - `slow`: too much was asked for; wait.
 *  - `nonce`: the number has been used, by this very order or by another.
 *  - `clock`: our time is not theirs.
 *  - `group`: the account is served elsewhere; register again.
 *  - `refused`: it was looked at and not taken.
 */
export type VestMeaning = 'key' | 'slow' | 'nonce' | 'clock' | 'group' | 'refused';

const MEANINGS: Readonly<Record<number, VestMeaning>> = {
  1002: 'key',
  1003: 'slow',
  1023: 'nonce',
  1131: 'clock',
  1132: 'clock',
  1146: 'group',
  3015: 'nonce',
  4010: 'nonce',
  5010: 'nonce',
};

export interface VestProblem {
  readonly code: number;
  /** As Vest names it, where it is known. */
  readonly name: string | undefined;
  readonly message: string;
  readonly meaning: VestMeaning;
}

/** What Vest said in a refusal; nothing for what is none of its answers, such as the page of a proxy. */
export function vestProblemOf(thrown: unknown): VestProblem | undefined {
  if (!(thrown instanceof NetError) || thrown.answer === undefined) return undefined;
  return problemIn(parsed(thrown.answer.text));
}

/** What a text of JSON holds; nothing for what is none, such as the page of a proxy. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // told by the status
  }
}

/** `{detail: {code, msg}}` or `{code, msg}`. */
export function problemIn(body: unknown): VestProblem | undefined {
  const outer = asObject(body);
  const { code, msg } = asObject(outer['detail'] ?? outer);
  if (typeof code !== 'number' || code < 1000) return undefined;
  const name = VEST_CODES[code as keyof typeof VEST_CODES] as string | undefined;
  return { code, name, message: typeof msg === 'string' ? msg : '', meaning: MEANINGS[code] ?? 'refused' };
}

export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
