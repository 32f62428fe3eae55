/**
 * What a field section as a whole may say (RFC 9113 § 8.1 to § 8.3): which pseudo-header fields, in which place, and
 * no field that speaks of one connection. Each function tells what is wrong, or `undefined`; whatever it is, the
 * message is malformed, which costs its stream only (§ 8.1.1). Sections are flat: name and value in turn.
 */
import { fieldFault } from '../hpack/field-text.ts';
import { TOKEN } from '../tokens.ts';

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

/** A request's section (§ 8.3.1), plain CONNECT included (§ 8.5). */
export function requestFault(fields: readonly string[]): string | undefined {
  const pseudo = new Map<string, string>();
  let at = 0;
  for (; fields[at]?.startsWith(':') === true; at += 2) {
    const name = fields[at]!;
    if (!OF_REQUEST.has(name)) return `the pseudo-header field ${name} in a request`;
    if (pseudo.has(name)) return `more than one ${name}`;
    const fault = fieldFault(name, fields[at + 1]!);
    if (fault !== undefined) return fault;
    pseudo.set(name, fields[at + 1]!);
  }
  return pseudoFault(pseudo) ?? hostFault(fields, at, pseudo.get(':authority')) ?? fieldsFault(fields, at, NONE);
}

function pseudoFault(pseudo: ReadonlyMap<string, string>): string | undefined {
  const method = pseudo.get(':method');
  const [scheme, authority, path] = [pseudo.get(':scheme'), pseudo.get(':authority'), pseudo.get(':path')];
  if (method === undefined || !isToken(method)) return 'a request without a valid :method';
  if (authority?.includes('@')) return 'an :authority with credentials in it';
  if (method === 'CONNECT') {
    if (scheme !== undefined || path !== undefined) return 'CONNECT with :scheme or :path';
    return authority === undefined || authority === '' ? 'CONNECT without an :authority' : undefined;
  }
  if (scheme === undefined || scheme === '') return 'a request without a :scheme';
  if (path === undefined || path === '') return 'a request without a :path';
  const isWeb = scheme === 'http' || scheme === 'https';
  if (isWeb && !path.startsWith('/') && !(path === '*' && method === 'OPTIONS')) return 'a :path that is no path';
  return isWeb && authority === '' ? 'an empty :authority' : undefined;
}

/** Host, where there is one as well, says what `:authority` says: two readers must not see two hosts (§ 8.3.1). */
function hostFault(fields: readonly string[], from: number, authority: string | undefined): string | undefined {
  let host: string | undefined;
  for (let i = from; i < fields.length; i += 2) {
    if (fields[i] !== 'host') continue;
    if (host !== undefined) return 'more than one host';
    host = fields[i + 1]!;
  }
  if (host === undefined) return authority === undefined ? 'a request with neither :authority nor host' : undefined;
  if (authority === undefined) return undefined;
  return host.toLowerCase() === authority.toLowerCase() ? undefined : 'a host that is not the :authority';
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

function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (TOKEN[text.charCodeAt(i)] !== 1) return false;
  return text !== '';
}

const OF_REQUEST: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path']);

/** Fields that speak of one connection; `te: trailers` is the one that does not (§ 8.2.2). */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'],
]);

const NONE: ReadonlySet<string> = new Set();

/** What frames, routes, authorises or sets cookies must be known before the body (RFC 9110 § 6.5.1). */
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  ...['content-length', 'host', 'trailer', 'content-encoding', 'set-cookie', 'authorization'],
]);
