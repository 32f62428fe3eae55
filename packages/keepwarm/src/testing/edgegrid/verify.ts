/**
 * The other side of EdgeGrid: whether a request was signed by somebody who knows the secret, just now, and for the
 * first time. Written from the published description alone, so that it can disagree with a client that reads it
 * otherwise.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export interface EdgeGridKeys {
  readonly clientToken: string;
  readonly clientSecret: string;
  readonly accessToken: string;
}

/** A request as it came. */
export interface Received {
  readonly method: string;
  readonly scheme: string;
  readonly host: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
}

export interface Rules {
  readonly headersToSign: readonly string[];
  readonly bodyBytesMax: number;
  /** How far a timestamp may be from now, in ms. */
  readonly skewMs: number;
}

const AUTHORIZATION =
  /^(EG1-HMAC-SHA256 client_token=([^;]+);access_token=([^;]+);timestamp=([^;]+);nonce=([^;]+);)signature=(.+)$/;

/** @returns the nonce, or what is wrong */
export function verified(
  request: Received,
  keys: EdgeGridKeys,
  rules: Rules,
  wallMs: number,
): { readonly nonce: string } | { readonly wrong: string } {
  const [, unsigned, clientToken, accessToken, timestamp, nonce, signature] =
    AUTHORIZATION.exec(String(request.headers['authorization'] ?? '')) ?? [];
  if (unsigned === undefined) return { wrong: 'Invalid authorization header' };
  if (clientToken !== keys.clientToken || accessToken !== keys.accessToken) return { wrong: 'Invalid token' };
  const sent = instantOf(timestamp!);
  if (sent === undefined || Math.abs(sent - wallMs) > rules.skewMs) return { wrong: 'Invalid timestamp' };
  const parts = [
    request.method,
    request.scheme,
    request.host,
    request.target,
    canonical(request, rules.headersToSign),
    hashed(request, rules.bodyBytesMax),
    unsigned,
  ];
  const key = createHmac('sha256', keys.clientSecret).update(timestamp!).digest('base64');
  const expected = createHmac('sha256', key).update(parts.join('\t')).digest();
  const given = Buffer.from(signature!, 'base64');
  const same = given.length === expected.length && timingSafeEqual(given, expected);
  return same ? { nonce: nonce! } : { wrong: 'The signature does not match' };
}

function canonical({ headers }: Received, names: readonly string[]): string {
  return names
    .map((name) => [name.toLowerCase(), headers[name.toLowerCase()]] as const)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}:${String(value).trim().split(/\s+/).join(' ')}`)
    .join('\t');
}

function hashed({ method, body }: Received, bytesMax: number): string {
  if (method !== 'POST' || body.length === 0) return '';
  const hash = createHash('sha256');
  hash.update(body.length > bytesMax ? body.subarray(0, bytesMax) : body);
  return hash.digest('base64');
}

function instantOf(timestamp: string): number | undefined {
  const [, year, month, day, time] = /^(\d{4})(\d\d)(\d\d)T(\d\d:\d\d:\d\d)\+0000$/.exec(timestamp) ?? [];
  if (year === undefined) return undefined;
  const wallMs = Date.parse(`${year}-${month}-${day}T${time}Z`);
  return Number.isNaN(wallMs) ? undefined : wallMs;
}
