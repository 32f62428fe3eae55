/** Metadata as it crosses the gateway: what is of one hop stays on it, everything else goes on as it came. */
import type { OutgoingHttpHeaders } from 'node:http2';
import { Metadata } from 'keepwarm/grpc';
import { REQUEST_ID, type RequestId } from '../data/request-ids.ts';

/** Of the connection, of the protocol, or the gateway's own affair; beside all that begin with `grpc-` or `:`. */
const OF_A_HOP: ReadonlySet<string> = new Set([
  ...['connection', 'proxy-connection', 'keep-alive', 'te', 'transfer-encoding', 'upgrade', 'http2-settings', 'expect'],
  ...['host', 'content-type', 'content-length', 'x-token'],
]);

/**
 * Said once, or node:http2 throws; of those that an upstream says twice the first counts. Any of them
 * may come as metadata.
 */
const ONCE: ReadonlySet<string> = new Set([
  ...['access-control-allow-credentials', 'access-control-max-age', 'age', 'content-encoding', 'content-language'],
  ...['content-location', 'content-md5', 'content-range', 'date', 'etag', 'expires', 'last-modified', 'location'],
  ...['retry-after', 'tk', 'x-content-type-options', 'authorization', 'proxy-authorization', 'user-agent', 'referer'],
  ...['from', 'range', 'dnt', 'max-forwards', 'upgrade-insecure-requests', 'access-control-request-method', 'if-match'],
  ...['if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range'],
]);

/**
 * @param raw names and values in turn, as node:http2 has them
 * @param id of the call: it goes up in place of what the caller sent, unless that is it
 */
export function metadataOf(raw: readonly string[], id: RequestId): Metadata {
  const fields: [string, string][] = [];
  let owed = id.upstream;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    if (name.startsWith(':') || name.startsWith('grpc-') || OF_A_HOP.has(name)) continue;
    if (name === REQUEST_ID) owed = true;
    else fields.push([name, raw[i + 1]!]);
  }
  if (owed) fields.push([REQUEST_ID, id.text]);
  return Metadata.received(fields);
}

/** As node:http2 takes them: several values of one name as a list. */
export function fieldsOf(metadata: Metadata): OutgoingHttpHeaders {
  const fields: Record<string, string | string[]> = {};
  for (const [name, value] of metadata.fields()) {
    if (OF_A_HOP.has(name) || name.startsWith('grpc-')) continue;
    const before = fields[name];
    if (before !== undefined && ONCE.has(name)) continue;
    fields[name] = before === undefined ? value : [before, value].flat();
  }
  return fields;
}

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** `grpc-timeout` in ms; `Infinity` where there is none, nothing where it is not one. */
export function timeoutMs(text: string | undefined): number | undefined {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  return digits === undefined || unit === undefined ? undefined : Math.max(Number(digits) * UNIT_MS[unit]!, 1);
}
