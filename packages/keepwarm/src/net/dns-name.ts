/** What may be asked of a resolver, and what needs no asking. */
import { isIP } from 'node:net';
import { NetError } from '../core/error.ts';
import type { Address, Family } from './dns-options.ts';

/** RFC 1035 § 2.3.4: 255 octets on the wire, which is 253 characters of text. */
const NAME_LENGTH_MAX = 253;
const LABEL_LENGTH_MAX = 63;

/** The forbidden domain code points of the URL Standard § 3.2, and whatever is not ASCII. */
const FORBIDDEN = /[^!-~]|[#/:<>?@[\\\]^|%]/;

/** The URL Standard's "ends in a number": getaddrinfo would read `127.1` or `0x7f.1` as an address. */
const ENDS_IN_NUMBER = /(^|\.)(\d+|0x[0-9a-f]*)$/;

/** A fixed answer is shared by all callers, so it is frozen. IPv4 leads: there are machines without `::1`. */
const LOOPBACK: readonly Address[] = Object.freeze([
  Object.freeze({ address: '127.0.0.1', family: 4 as const }),
  Object.freeze({ address: '::1', family: 6 as const }),
]);
const LOOPBACK_4 = Object.freeze(LOOPBACK.slice(0, 1));
const LOOPBACK_6 = Object.freeze(LOOPBACK.slice(1));
const NONE: readonly Address[] = Object.freeze([]);

/** What is wrong with a name, or `undefined`. Names are in lower case; one trailing dot (the root) is allowed. */
function nameFault(name: string): string | undefined {
  const bare = withoutRoot(name);
  if (bare === '') return 'it is empty';
  if (bare.length > NAME_LENGTH_MAX) return `it has ${bare.length} characters, more than ${NAME_LENGTH_MAX}`;
  if (FORBIDDEN.test(bare))
    return 'it holds a character no host name has; write an international name in its xn-- form';
  for (const label of bare.split('.')) {
    if (label === '') return 'it has an empty label';
    if (label.length > LABEL_LENGTH_MAX) return `a label has ${label.length} characters, more than ${LABEL_LENGTH_MAX}`;
  }
  if (ENDS_IN_NUMBER.test(bare)) return 'it ends in a number and is not an IPv4 address';
  return undefined;
}

/**
 * The answer to what is never looked up: addresses, and `localhost` with all below it (RFC 6761 § 6.3). Empty for an
 * address of the family that was not asked for; `undefined` for a name.
 */
export function fixedAnswer(name: string, family: Family): readonly Address[] | undefined {
  const literal = isIP(name);
  if (literal === 4 || literal === 6) {
    return family === 0 || family === literal ? [{ address: name, family: literal }] : NONE;
  }
  const bare = withoutRoot(name);
  if (bare !== 'localhost' && !bare.endsWith('.localhost')) return undefined;
  return family === 0 ? LOOPBACK : family === 4 ? LOOPBACK_4 : LOOPBACK_6;
}

export function withoutRoot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

function invalid(name: string, fault: string): NetError {
  // JSON shows control characters escaped; a very long name is cut, since messages end in logs.
  const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
  return new NetError('INVALID', `${shown} cannot be a host name: ${fault}`, { reach: 'unsent', phase: 'dns' });
}

/** @throws NetError `INVALID` for what no resolver may be asked */
export function refuseUnaskable(name: string, family: Family): void {
  if (fixedAnswer(name, family) !== undefined) throw invalid(name, `it is an address, and not of family IPv${family}`);
  const fault = nameFault(name);
  if (fault !== undefined) throw invalid(name, fault);
}
