/** What the methods of HTTP mean (RFC 9110 § 9), looked up once per call. */
import type { Traits } from '../core/call.ts';
import { checkMethod, type Fields } from '../core/fields.ts';

export interface Meaning {
  /** What a call with this method is, unless its caller says otherwise. */
  readonly traits: Traits;
  readonly takesBody: boolean;
}

export const IDEMPOTENT: Traits = { idempotent: true };
export const ONCE: Traits = { idempotent: false };

const MEANINGS = new Map<string, Meaning>([
  ['GET', { traits: IDEMPOTENT, takesBody: false }],
  ['HEAD', { traits: IDEMPOTENT, takesBody: false }],
  ['TRACE', { traits: IDEMPOTENT, takesBody: false }],
  ['OPTIONS', { traits: IDEMPOTENT, takesBody: true }],
  ['PUT', { traits: IDEMPOTENT, takesBody: true }],
  ['DELETE', { traits: IDEMPOTENT, takesBody: true }],
  ['QUERY', { traits: IDEMPOTENT, takesBody: true }],
  ['POST', { traits: ONCE, takesBody: true }],
  ['PATCH', { traits: ONCE, takesBody: true }],
]);

/** The unknown method is the unsafe one. */
const UNKNOWN: Meaning = { traits: ONCE, takesBody: true };

/** @throws NetError `INVALID` when it is not a method a call can have */
export function meaningOf(method: string): Meaning {
  const known = MEANINGS.get(method);
  if (known !== undefined) return known;
  checkMethod(method);
  return UNKNOWN;
}

/**
 * The caller's word, then the method's meaning, then an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).
 */
export function traitsOf(said: boolean | undefined, meaning: Meaning, headers: Fields): Traits {
  if (said !== undefined) return said ? IDEMPOTENT : ONCE;
  return headers.hasIdempotencyKey ? IDEMPOTENT : meaning.traits;
}
