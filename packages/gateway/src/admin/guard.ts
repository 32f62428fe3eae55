/**
 * Who may ask the admin listener. It is bound to this machine by default, but a browser here runs other people's pages:
 * a page whose name is pointed at 127.0.0.1 (DNS rebinding) would be let in were it not for its Host field, and a page
 * of another site may send a form without having to read the answer.
 *
 * In this order: the Host is ours; the method is the path's; no other site is behind it; what acts is JSON from our own
 * page or from no page at all; whoever has to show a token does. docs/decisions/0019 says why each.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { AccessConfig } from '../config/access.ts';
import { type Address, isLoopback, showAddress } from '../config/address.ts';
import type { Keys } from './keys.ts';
import { Refused, type Route } from './route.ts';

/** Says that it came through somebody, so that a Host of this machine proves nothing. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];

export class Guard {
  readonly #access: AccessConfig;
  readonly #keys: Keys;
  readonly #loopback: boolean;
  readonly #port: number;
  /** Host fields that mean this listener, and are used by this machine only. */
  readonly #own: ReadonlySet<string>;

  constructor(access: AccessConfig, keys: Keys, address: Address) {
    this.#access = access;
    this.#keys = keys;
    this.#loopback = isLoopback(address.host);
    this.#port = address.port;
    const names = ['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${address.port}`);
    this.#own = new Set(this.#loopback ? [...names, showAddress(address).toLowerCase()] : names);
  }

  /** Before it is known what is asked for. @throws Refused */
  admit({ headers, rawHeaders }: IncomingMessage): void {
    const hostFields = rawHeaders.filter((text, i) => i % 2 === 0 && text.toLowerCase() === 'host').length;
    if (hostFields !== 1 || !this.#isOurs(headers.host?.toLowerCase() ?? '')) {
      throw new Refused(421, 'HOST', 'the Host field is none of this listener; open the address the gateway printed');
    }
    const site = headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none' && headers['sec-fetch-mode'] !== 'navigate') {
      throw new Refused(403, 'CROSS_SITE', 'another site must not read this');
    }
  }

  /** @throws Refused */
  allow(request: IncomingMessage, { method, audience }: Pick<Route, 'method' | 'audience'>): void {
    if (method === 'POST') refuseForeign(request);
    if (audience === 'anyone' || (audience === 'reader' && this.#isLocal(request))) return;
    if (this.#keys.opens(request.headers.authorization)) return;
    const shown = request.headers.authorization === undefined ? 'needs the token' : 'needs another token than that';
    throw new Refused(401, 'TOKEN', `this ${shown}: Authorization: Bearer …; docs/reference/admin.md says where it is`);
  }

  #isOurs(host: string): boolean {
    if (this.#own.has(host)) return true;
    const { hostname, port } = split(host);
    if (this.#access.hosts.includes(hostname) || this.#access.hosts.includes(host)) return true;
    // An address cannot be rebound to another: only names can.
    return !this.#loopback && isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0 && port === this.#port;
  }

  /** A process of this machine, as far as can be told, that may read without a token. */
  #isLocal({ headers }: IncomingMessage): boolean {
    if (!this.#loopback || this.#access.reads !== 'local') return false;
    return this.#own.has(headers.host?.toLowerCase() ?? '') && FORWARDED.every((name) => headers[name] === undefined);
  }
}

/** What acts: a page of another origin can send neither our Origin nor this media type without asking first. */
function refuseForeign({ headers }: IncomingMessage): void {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  const ours = origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
  if (!ours || (site !== undefined && site !== 'same-origin')) {
    throw new Refused(403, 'CROSS_SITE', 'another site must not act here');
  }
  if (!/^application\/json(?:\s*;|$)/i.test(headers['content-type'] ?? '')) {
    throw new Refused(415, 'MEDIA_TYPE', 'the body must be application/json, also an empty one: {}');
  }
}

function split(host: string): { readonly hostname: string; readonly port: number } {
  const [, hostname = host, port = '80'] = /^(.*?)(?::(\d+))?$/.exec(host) ?? [];
  return { hostname, port: Number(port) };
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
  response.setHeader('x-frame-options', 'DENY');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('cross-origin-opener-policy', 'same-origin');
  response.setHeader('cross-origin-resource-policy', 'same-origin');
  response.setHeader('permissions-policy', 'camera=(), geolocation=(), microphone=()');
  response.setHeader('cache-control', 'no-store');
}
