/**
 * Who may ask the admin listener. It is bound to this machine, but a browser here runs other people's pages: a page
 * whose name is pointed at 127.0.0.1 (DNS rebinding) would be let in, were it not for its Host field.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Address, showAddress } from '../config/address.ts';

/** The Host fields that mean this listener. */
export function hostsOf(address: Address): ReadonlySet<string> {
  const { port } = address;
  return new Set([`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`, showAddress(address).toLowerCase()]);
}

export interface Refusal {
  readonly status: number;
  readonly detail: string;
}

export function objection(request: IncomingMessage, hosts: ReadonlySet<string>): Refusal | undefined {
  const { method, headers, rawHeaders } = request;
  const hostFields = rawHeaders.filter((text, i) => i % 2 === 0 && text.toLowerCase() === 'host').length;
  if (hostFields !== 1 || !hosts.has(headers.host?.toLowerCase() ?? '')) {
    return { status: 421, detail: 'the Host field is none of this listener; open the address the gateway printed' };
  }
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, detail: 'only GET and HEAD are answered here' };
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && headers['sec-fetch-mode'] !== 'navigate') {
    return { status: 403, detail: 'another site must not read this' };
  }
  return undefined;
}

/** Nothing but our own files, no frames, no forms, nothing inline. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Set on every answer. */
export function setSafeHeaders(response: ServerResponse): void {
  response.setHeader('content-security-policy', POLICY);
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('cross-origin-opener-policy', 'same-origin');
  response.setHeader('cross-origin-resource-policy', 'same-origin');
  response.setHeader('cache-control', 'no-store');
}
