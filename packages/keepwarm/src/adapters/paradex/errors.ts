/** Paradex's own errors: `{error, message}`, and what each means for what got it. */
import { NetError } from '../../core/error.ts';

/**
 *  - `token`: it is no longer taken; ask for another, then the same may be sent once more.
 *  - `unknown account`: it has to be onboarded.
 *  - `clock`: our time is not theirs; with what the refusal tells of it, a token is asked for once more.
 *  - `slow`: too much was asked for; wait.
 *  - `duplicate`: an order with this client id is there.
 *  - `missing`: there is no such order.
 *  - `refused`: it was looked at and not taken.
 */
export type ParadexMeaning = 'token' | 'unknown account' | 'clock' | 'slow' | 'duplicate' | 'missing' | 'refused';

export interface ParadexProblem {
  /** Such as `INVALID_SIGNATURE`. */
  readonly code: string;
  readonly message: string;
  readonly meaning: ParadexMeaning;
}

/** Codes that mean more than that it was not taken. Source: Paradex's API pages, as far as they name them. */
export const PARADEX_CODES: Readonly<Record<string, ParadexMeaning>> = {
  UNAUTHORIZED: 'token',
  UNAUTHORIZED_ERROR: 'token',
  INVALID_TOKEN: 'token',
  TOKEN_EXPIRED: 'token',
  INVALID_TIMESTAMP: 'clock',
  INVALID_SIGNATURE_EXPIRATION: 'clock',
  NOT_ONBOARDED: 'unknown account',
  ACCOUNT_NOT_FOUND: 'unknown account',
  RATE_LIMIT_EXCEEDED: 'slow',
  DUPLICATED_CLIENT_ID: 'duplicate',
  DUPLICATE_CLIENT_ID: 'duplicate',
  CLIENT_ORDER_ID_NOT_FOUND: 'missing',
  ORDER_ID_NOT_FOUND: 'missing',
  ORDER_IS_CLOSED: 'missing',
};

/** What Paradex said in a refusal; nothing for what is none of its answers, such as the page of a proxy. */
export function paradexProblemOf(thrown: unknown): ParadexProblem | undefined {
  if (!(thrown instanceof NetError) || thrown.answer === undefined) return undefined;
  return problemIn(thrown.status ?? 0, thrown.answer.text);
}

export function problemIn(status: number, text: string): ParadexProblem | undefined {
  const { error, message } = objectIn(text);
  if (typeof error !== 'string' || error === '') {
    if (status === 401) return { code: 'UNAUTHORIZED', message: '', meaning: 'token' };
    return status === 429 ? { code: 'RATE_LIMIT_EXCEEDED', message: '', meaning: 'slow' } : undefined;
  }
  const meaning = PARADEX_CODES[error] ?? (status === 401 ? 'token' : status === 429 ? 'slow' : 'refused');
  return { code: error, message: typeof message === 'string' ? message : '', meaning };
}

/** What a text of JSON holds, where it is an object; nothing otherwise. */
export function objectIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {}; // not JSON: not theirs
  }
}
