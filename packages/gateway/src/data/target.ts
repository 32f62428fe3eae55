/**
 * What a request asks for, and whether it may be asked: everything two parsers could read differently is refused here,
 * before an upstream sees it. Node's parser, which is strict by default, has refused most bad framing by then (both
 * lengths, differing lengths, bare line ends); what it lets pass, or refuses only behind the head, is refused below.
 */
import type { CallerRequest } from './caller.ts';
import { passes } from './fields.ts';
import { type Problem, refusal } from './problem.ts';

export interface Target {
  /** Lower case, without port. */
  readonly hostname: string;
  /** Path and query, starting with `/`. */
  readonly path: string;
}

const FIELDS_MAX = 256;
/** A request that has come through gateways of ours this often is going round in circles. */
const PASSES_MAX = 4;

const HOST = /^(?:\[[0-9a-f:.]+\]|[\w.~-]*)(?::\d*)?$/i;
const ABSOLUTE = /^http:\/\/([^/?#]*)(.*)$/i;
/** What a path and query are made of; Node's parser lets `#` and bytes above ASCII pass. */
const PATH = /^\/[\x21-\x22\x24-\x7e]*$/;
/** A segment `.` or `..`, percent-encoded or not, between slashes of any spelling. */
const DOT_SEGMENT = /(?:\/|\\|%2f|%5c)(?:\.|%2e){1,2}(?:\/|\\|%2f|%5c|$)/i;

/** Of a message of HTTP/1: whether it is one, and where it ends (RFC 9112 §§ 2.3, 6.1). */
export function objectionTo({ httpVersion, headers }: CallerRequest): Problem | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    const status = httpVersion.startsWith('0') ? 400 : 505; // HTTP/0.9 has neither versions nor statuses
    return refusal(status, 'REFUSED', 'the request says that it is of another version than HTTP/1.1 or 1.0');
  }
  const coding = headers['transfer-encoding']?.trim().toLowerCase();
  if (coding === undefined || (coding === 'chunked' && httpVersion === '1.1')) return undefined;
  if (httpVersion === '1.0') return refusal(400, 'REFUSED', 'the request is of HTTP/1.0 and has a Transfer-Encoding');
  if (!/,\s*chunked$/.test(coding)) return refusal(400, 'REFUSED', 'the Transfer-Encoding does not end with chunked');
  return refusal(501, 'REFUSED', 'the request has a transfer coding besides chunked');
}

export function targetOf(request: CallerRequest): Target | Problem {
  const { rawHeaders, headers, url = '' } = request;
  if (rawHeaders.length > 2 * FIELDS_MAX) {
    const detail = `the request has ${rawHeaders.length / 2} header fields (limit ${FIELDS_MAX})`;
    return refusal(431, 'TOO_LARGE', detail, { limit: 'fieldsMax', value: FIELDS_MAX });
  }
  const hosts = occurrences(rawHeaders, 'host');
  if (hosts > 1) return refusal(400, 'REFUSED', 'the request has more than one Host field');
  if (hosts === 0 && request.httpVersion !== '1.0') return refusal(400, 'REFUSED', 'the request has no Host field');
  if (request.method === 'TRACE') return refusal(405, 'REFUSED', 'TRACE would echo what only the upstream may see');
  if (passes(headers.via) >= PASSES_MAX) {
    const detail = `the request has come through ${PASSES_MAX} gateways like this one: an upstream leads back here`;
    return refusal(508, 'LOOP', detail, { proxyError: 'proxy_loop_detected' });
  }
  const host = headers.host ?? '';
  if (!HOST.test(host)) return refusal(400, 'REFUSED', 'the Host field is not a host with an optional port');
  return place(url, host);
}

function place(url: string, host: string): Target | Problem {
  let path = url;
  if (!url.startsWith('/')) {
    const absolute = ABSOLUTE.exec(url);
    if (absolute === null) return refusal(400, 'REFUSED', 'the request target is neither a path nor an http: URL');
    if (absolute[1]!.toLowerCase() !== host.toLowerCase()) {
      return refusal(400, 'REFUSED', 'the request target and the Host field name different hosts');
    }
    path = absolute[2]!.startsWith('/') ? absolute[2]! : `/${absolute[2]!}`;
  }
  if (!PATH.test(path)) {
    return refusal(
      400,
      'REFUSED',
      'the path has a character that must be percent-encoded: a control, "#" or non-ASCII',
    );
  }
  if (DOT_SEGMENT.test(path.split('?', 1)[0]!)) {
    return refusal(400, 'REFUSED', 'the path has a "." or ".." segment; resolve it before sending');
  }
  return { hostname: host.replace(/:\d*$/, '').toLowerCase(), path };
}

function occurrences(rawHeaders: readonly string[], lowerName: string): number {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    if (name.length === lowerName.length && name.toLowerCase() === lowerName) count++;
  }
  return count;
}
