/**
 * What a field section of an answer may say (RFC 9113 § 8.1 to § 8.3): which pseudo-header fields, in which place, and
 * no field that speaks of one connection. Each function tells what is wrong, or `undefined`; whatever it is, the
 * message is malformed, which costs its stream only (§ 8.1.1). Sections are flat: name and value in turn.
 */
import { fieldFault } from '../hpack/field-text.ts';

/** A response's section, interim or final. */
export function responseFault(fields: readonly string[]): string | undefined {
  if (fields[0] !== ':status') return 'a response that does not begin with :status';
  const status = fields[1]!;
  if (!/^[1-9]\d\d$/.test(status)) return 'a :status that is not a number of three digits';
  if (status === '101') return ':status 101, which HTTP/2 does not have';
  return fieldsFault(fields, 2, NONE);
}

/** A trailer section, of either side. */
export function trailersFault(fields: readonly string[]): string | undefined {
  return fieldsFault(fields, 0, NOT_IN_TRAILERS);
}

/** The regular fields from `from` on. */
function fieldsFault(fields: readonly string[], from: number, refused: ReadonlySet<string>): string | undefined {
  let lengths = 0;
  for (let i = from; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    if (name.startsWith(':')) return `the pseudo-header field ${name} where none may stand`;
    const fault = fieldFault(name, value);
    if (fault !== undefined) return fault;
    if (OF_CONNECTION.has(name)) return `the field ${name}, which speaks of a connection`;
    if (name === 'te' && value.toLowerCase() !== 'trailers') return 'a te other than trailers';
    if (refused.has(name)) return `the field ${name} in trailers`;
    if (name !== 'content-length') continue;
    if (!/^\d+$/.test(value) || !Number.isSafeInteger(Number(value))) return 'a content-length that is not a number';
    if (++lengths > 1) return 'more than one content-length';
  }
  return undefined;
}

/** Fields that speak of one connection; `te: trailers` is the one that does not (§ 8.2.2). */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'],
]);

const NONE: ReadonlySet<string> = new Set();

/** What frames, routes, authorises or sets cookies must be known before the body (RFC 9110 § 6.5.1). */
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  ...['content-length', 'host', 'trailer', 'content-encoding', 'set-cookie', 'authorization'],
]);
