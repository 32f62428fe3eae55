/**
 * Which header fields cross the gateway. A field is meant for the whole way unless it is hop-by-hop (RFC 9110 § 7.6.1):
 * one of the list below, or named by the message's own Connection field. What is unknown is passed on as it came, with
 * its spelling, order and repetitions.
 */
import type { IncomingMessage } from 'node:http';
import type { ReplyFields } from 'keepwarm';
import type { FieldRules, HeaderRules } from '../config/header-rules.ts';
import type { CallerRequest } from './caller.ts';
import { REQUEST_ID, type RequestId } from './request-ids.ts';

/** Proxy-Authenticate and Proxy-Authorization are between a caller and us (RFC 9110 § 11.7). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Fields of a request that we write anew: framing and Host belong to each connection, the rest is handled here. */
const REWRITTEN: ReadonlySet<string> = new Set(['content-length', 'expect', 'host', 'max-forwards', 'via']);

/** Who we are in Via (RFC 9110 § 7.6.3). */
const PSEUDONYM = 'keepwarm';

export interface ForwardedFields {
  /** Announce ourselves in Via. */
  readonly via: boolean;
  /** Tell the upstream who called, in X-Forwarded-For, -Host and -Proto. */
  readonly forwarded: boolean;
  /** What the operator sets, adds and takes out. */
  readonly headers?: HeaderRules | undefined;
}

/** The fields of a request as they go upstream. */
export function requestFields(request: CallerRequest, options: ForwardedFields): [name: string, value: string][] {
  const { rawHeaders, headers } = request;
  const named = namedBy(headers.connection);
  const { forwarded, headers: ruled } = options;
  const rules = ruled?.request;
  const id = newIdFor(request);
  const fields: [string, string][] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || REWRITTEN.has(lower) || named?.has(lower)) continue;
    if (rules?.removed.has(lower) || (forwarded && lower.startsWith('x-forwarded-'))) continue;
    if (id !== undefined && lower === REQUEST_ID) continue;
    fields.push([name, rawHeaders[i + 1]!]);
  }
  if (headers['max-forwards'] !== undefined) fields.push(['Max-Forwards', String(Number(headers['max-forwards']) - 1)]);
  if (id !== undefined && rules?.removed.has(REQUEST_ID) !== true) fields.push(['X-Request-Id', id]);
  if (options.via) fields.push(['Via', list(headers.via, `${request.httpVersion} ${PSEUDONYM}`)]);
  if (forwarded) {
    fields.push(['X-Forwarded-For', list(headers['x-forwarded-for'], request.socket.remoteAddress ?? 'unknown')]);
    fields.push(['X-Forwarded-Host', one(headers['x-forwarded-host']) ?? headers.host ?? '']);
    fields.push(['X-Forwarded-Proto', one(headers['x-forwarded-proto']) ?? (isSecure(request) ? 'https' : 'http')]);
  }
  if (rules !== undefined) for (const [name, value] of rules.added) fields.push([name, value]);
  return fields;
}

/** The id that goes up in place of what the caller sent; nothing where that goes up as it came. */
function newIdFor({ headers, requestId }: CallerRequest): string | undefined {
  if (requestId === undefined) return undefined;
  const sent = headers[REQUEST_ID];
  const isOwed = sent === undefined ? requestId.upstream : sent !== requestId.text;
  return isOwed ? requestId.text : undefined;
}

const isSecure = ({ secure, socket }: CallerRequest): boolean => secure ?? 'encrypted' in socket;

/** How often a request has come through a gateway of ours. */
export function passes(via: string | undefined): number {
  return via === undefined ? 0 : via.split(',').filter((hop) => hop.trim().split(' ')[1] === PSEUDONYM).length;
}

/** The fields of a reply as they go to the caller: names and values in turn, as `writeHead` takes them. */
export function replyFields(fields: ReplyFields, status: number, rules?: FieldRules): string[] {
  const named = namedBy(fields.get('connection'));
  const flat: string[] = [];
  for (const [name, value] of fields.list) {
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || named?.has(lower) || rules?.removed.has(lower)) continue;
    // A 204 has no length to tell (RFC 9110 § 8.6).
    if (lower === 'content-length' && status === 204) continue;
    flat.push(name, value);
  }
  if (rules !== undefined) for (const [name, value] of rules.added) flat.push(name, value);
  return flat;
}

/** The id of the request, where replies have one and the upstream has not said one of its own. */
export function idFields(id: RequestId | undefined, has: (name: string) => boolean, rules?: FieldRules): string[] {
  if (id?.replies !== true || has(REQUEST_ID) || rules?.removed.has(REQUEST_ID) === true) return [];
  return [REQUEST_ID, id.text];
}

/** The fields of a reply that Node's client has read, as they go to the caller. */
export function crossing(
  { rawHeaders, headers }: IncomingMessage,
  rules?: FieldRules,
): [name: string, value: string][] {
  const named = namedBy(headers.connection);
  const fields: [string, string][] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const lower = rawHeaders[i]!.toLowerCase();
    if (HOP_BY_HOP.has(lower) || named?.has(lower) || rules?.removed.has(lower)) continue;
    fields.push([rawHeaders[i]!, rawHeaders[i + 1]!]);
  }
  if (rules !== undefined) for (const [name, value] of rules.added) fields.push([name, value]);
  return fields;
}

/** Lower-case names a Connection field lists, besides what it says of the connection itself. */
function namedBy(connection: string | undefined): Set<string> | undefined {
  if (connection === undefined || /^(?:keep-alive|close)$/i.test(connection)) return undefined;
  return new Set(
    connection
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
}

function list(before: string | string[] | undefined, last: string): string {
  return before === undefined || before.length === 0 ? last : `${one(before)}, ${last}`;
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
