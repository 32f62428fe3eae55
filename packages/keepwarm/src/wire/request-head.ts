/**
 * The head of an HTTP/1.1 request as text (RFC 9112 § 3). Everything in it was checked when it was made
 * (core/fields.ts), so writing is joining; what is constant is made once: `hostLine` per origin, `fields.text` per set.
 */
import type { Fields } from '../core/fields.ts';

/** What follows the target when the caller sets no Host of its own. */
export function hostLine(host: string): string {
  return ` HTTP/1.1\r\nHost: ${host}\r\n`;
}

/** `framing` is the field that tells where the body ends, with its CR LF; empty where there is none. */
export function requestHead(method: string, path: string, host: string, fields: Fields, framing: string): string {
  const start = fields.ownsHost ? ' HTTP/1.1\r\n' : host;
  return `${method} ${path}${start}${fields.text}${framing}\r\n`;
}

/** One chunk's opening line (RFC 9112 § 7.1); data and CR LF follow. */
export function chunkLine(bytes: number): string {
  return `${bytes.toString(16)}\r\n`;
}

export const LAST_CHUNK = '0\r\n\r\n';
