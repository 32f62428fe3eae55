/**
 * EdgeGrid, the signature Akamai's APIs ask for: EG1-HMAC-SHA256
 * (https://techdocs.akamai.com/developer/docs/edgegrid).
 *
 *   timestamp    yyyyMMddTHH:mm:ss+0000
 *   hash         of a POST with a body: base64(SHA-256(its first bytes)); otherwise nothing
 *   to sign      method, scheme, host, path and query, signed headers, hash, the header so far; tabs between them
 *   key          base64(HMAC-SHA-256(client secret, timestamp)), and that text itself is the key
 *   signature    base64(HMAC-SHA-256(key, to sign))
 *
 * Where the vendor's own clients differ from each other, this does as most of them: signed headers in the order they
 * are named in, values in their own case; the body's limit counts bytes.
 */
import { createHash, createHmac } from 'node:crypto';
import type { Signable } from '../../clients/signing.ts';
import type { Credentials } from './credentials.ts';

/** What makes one signature differ from the next. */
export interface Moment {
  /** Wall-clock milliseconds since 1970. Akamai refuses what is more than half a minute off. */
  readonly wallMs: number;
  /** Good for one request; a second use is refused. */
  readonly nonce: string;
}

/** The value of `Authorization` for a request as it is about to be sent. */
export function edgeGrid(call: Omit<Signable, 'section'>, credentials: Credentials, moment: Moment): string {
  const { clientToken, accessToken, clientSecret } = credentials;
  const timestamp = timestampOf(moment.wallMs);
  const unsigned =
    `EG1-HMAC-SHA256 client_token=${clientToken};access_token=${accessToken};` +
    `timestamp=${timestamp};nonce=${moment.nonce};`;
  const { protocol, host } = new URL(call.origin);
  const toSign = [
    call.method,
    protocol.slice(0, -1),
    host,
    call.path,
    signedHeaders(call, credentials.headersToSign),
    bodyHash(call, credentials.bodyBytesMax),
    unsigned,
  ].join('\t');
  const key = hmac(clientSecret, timestamp);
  return `${unsigned}signature=${hmac(key, toSign)}`;
}

/** `20260102T03:04:05+0000` */
function timestampOf(wallMs: number): string {
  const [date = '', time = ''] = new Date(wallMs).toISOString().slice(0, 19).split('T');
  return `${date.replaceAll('-', '')}T${time}+0000`;
}

function signedHeaders({ headers }: Pick<Signable, 'headers'>, names: readonly string[]): string {
  const lines: string[] = [];
  for (const name of names) {
    const value = headers.get(name.toLowerCase());
    if (value !== undefined) lines.push(`${name.toLowerCase()}:${value.trim().replace(/\s+/g, ' ')}`);
  }
  return lines.join('\t');
}

function bodyHash({ method, body }: Pick<Signable, 'method' | 'body'>, bytesMax: number): string {
  if (method !== 'POST' || body === undefined || body.length === 0) return '';
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return createHash('sha256').update(bytes.subarray(0, bytesMax)).digest('base64');
}

function hmac(key: string, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64');
}
