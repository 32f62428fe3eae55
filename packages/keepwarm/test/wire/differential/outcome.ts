/** What a parser made of the bytes of one connection, in words that two parsers can be compared by. */

/** The final response was read to its end. */
export interface Whole {
  readonly kind: 'whole';
  /** Statuses of the interim responses before it. */
  readonly interims: readonly number[];
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  readonly minor: number;
  readonly status: number;
  readonly reason: string;
  /** Names and values in turn, as they came. */
  readonly fields: readonly string[];
  /** As Latin-1. */
  readonly body: string;
  readonly trailers: readonly string[];
  /** Whether the connection may serve another call. */
  readonly persistent: boolean;
  /** Offset after its last byte. */
  readonly end: number;
  /** Whether only the end of the connection ended it. */
  readonly byClose: boolean;
}

/** Nothing was wrong so far, but the connection ended before the response did. */
export interface Partial {
  readonly kind: 'partial';
}

/** The bytes broke the protocol. */
export interface Refused {
  readonly kind: 'refused';
  readonly why: string;
}

export type Outcome = Whole | Partial | Refused;

export const PARTIAL: Partial = { kind: 'partial' };

/** The first part of two whole responses that is not the same; '' when they agree. */
export function difference(a: Whole, b: Whole): string {
  if (a.status !== b.status) return 'status';
  if (a.end !== b.end || a.byClose !== b.byClose) return 'end';
  if (a.body !== b.body) return 'body';
  if (a.persistent !== b.persistent) return 'persistent';
  if (a.minor !== b.minor) return 'minor';
  if (a.reason !== b.reason) return 'reason';
  if (!equal(a.fields, b.fields)) return 'fields';
  if (!equal(a.trailers, b.trailers)) return 'trailers';
  return equal(a.interims, b.interims) ? '' : 'interims';
}

function equal<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i]);
}
