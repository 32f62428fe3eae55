/**
 * Proxies: which one an origin is reached through, and what is known of each. Credentials stay in here, and leave only
 * in what is written to the proxy itself.
 */
import { NetError } from '../core/error.ts';
import { Fields } from '../core/fields.ts';
import type { Origin } from '../core/origin.ts';
import { checkFlag, checkKnown, invalid, isOptions, refused } from '../core/refusal.ts';
import { type Environment, environmentProxies, type NamedProxy } from './proxy-environment.ts';
import type { ProxyChoice, ProxyOption, ProxyServer } from './proxy-options.ts';
import { type TlsOptions, TlsSetup } from './tls.ts';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

const PORTS: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'socks:': 1080,
  'socks5:': 1080,
  'socks5h:': 1080,
  'socks4:': 1080,
  'socks4a:': 1080,
};

export class ProxyPeer {
  /** As errors and stats show it: `http://proxy.example:3128`, without credentials. */
  readonly name: string;
  /** Where it is dialled, and whether TLS is spoken with it. */
  readonly place: Origin;
  /** The version of SOCKS; nothing for CONNECT. */
  readonly socks: 4 | 5 | undefined;
  readonly remoteDns: boolean;
  readonly tls: TlsSetup;
  readonly #fields: Fields;
  readonly #credentials: Credentials | undefined;

  /** @throws NetError `INVALID` naming `what`, never with the URL: it may hold a password */
  constructor({ url: given, headers, tls, remoteDns }: ProxyServer, what: string) {
    const text = String(given);
    const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
    if (url === null || url.hostname === '') throw invalid(`${what} is not a URL`);
    const standard = PORTS[url.protocol];
    if (standard === undefined) {
      throw invalid(`${what} begins with "${url.protocol}"; allowed: ${Object.keys(PORTS).join(', ')}`);
    }
    if (!/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '') {
      throw invalid(`${what} has a path, query or fragment; a proxy is a host and a port`);
    }
    if (url.port === '0') throw invalid(`${what} has port 0, which cannot be connected to`);
    const secure = url.protocol === 'https:';
    const hostname = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
    const port = url.port === '' ? standard : Number(url.port);
    const host = `${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`;
    this.name = `${url.protocol}//${host}`;
    this.place = { key: this.name, secure, hostname, port, host };
    this.socks = url.protocol.startsWith('socks') ? (url.protocol.startsWith('socks4') ? 4 : 5) : undefined;
    this.remoteDns = remoteDns ?? url.protocol !== 'socks4:';
    this.tls = new TlsSetup(tls ?? {});
    this.#credentials = credentialsOf(url, what);
    this.#fields = Fields.of(headers);
    if (this.socks !== undefined && headers !== undefined) throw invalid(`${what} speaks SOCKS, which has no headers`);
    if (this.#fields.has('proxy-authorization') && this.#credentials !== undefined) {
      throw invalid(`${what} has credentials, and proxy-authorization stands in its headers: only one can be sent`);
    }
    for (const name of ['host', 'content-length', 'connection', 'te']) {
      if (this.#fields.has(name)) throw invalid(`${what} has header ${name}, which belongs to the tunnel`);
    }
  }

  /** For SOCKS. */
  get credentials(): Credentials | undefined {
    return this.#credentials;
  }

  /** The request for a tunnel (RFC 9110 § 9.3.6): it holds what the proxy must know, and nothing of any call. */
  connectRequest(origin: Origin): string {
    const target = `${origin.hostname.includes(':') ? `[${origin.hostname}]` : origin.hostname}:${origin.port}`;
    const basic = this.#credentials;
    const authorization =
      basic === undefined
        ? ''
        : `Proxy-Authorization: Basic ${Buffer.from(`${basic.user}:${basic.password}`).toString('base64')}\r\n`;
    return `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${authorization}${this.#fields.text}\r\n`;
  }
}

/** Proxies that were given as text by a function, remembered with their TLS sessions. */
const REMEMBERED_MAX = 100;

/** Which proxy an origin is reached through. */
export class Proxies {
  readonly #option: ProxyOption;
  readonly #checkTls: (tls: TlsOptions) => void;
  readonly #environment: () => ReturnType<typeof readEnvironment>;
  readonly #byUrl = new Map<string, ProxyPeer>();
  readonly #byServer = new WeakMap<object, ProxyPeer>();

  /** @throws NetError `INVALID` for a proxy that cannot be one; also for one that the environment names */
  constructor(option: ProxyOption, environment: Environment, checkTls: (tls: TlsOptions) => void = () => {}) {
    this.#option = option;
    this.#checkTls = checkTls;
    let read: ReturnType<typeof readEnvironment> | undefined;
    this.#environment = () => (read ??= readEnvironment(environment));
    if (typeof option !== 'function') this.#chosen(option, undefined);
  }

  /** @throws NetError `INVALID` for what a function gave that is no proxy */
  of(origin: Origin): ProxyPeer | undefined {
    const option = this.#option;
    if (typeof option !== 'function') return this.#chosen(option, origin);
    let choice: ProxyChoice;
    try {
      choice = option(origin);
    } catch (cause) {
      const message = `option proxy, asked for ${origin.key}, threw: ${cause instanceof Error ? cause.message : cause}`;
      throw new NetError('INVALID', message, { reach: 'unsent', phase: 'proxy', origin: origin.key, cause });
    }
    return this.#chosen(choice, origin);
  }

  #chosen(choice: ProxyChoice, origin: Origin | undefined): ProxyPeer | undefined {
    if (choice === undefined || choice === 'none') return undefined;
    if (choice === 'environment') {
      const found = this.#environment();
      return origin === undefined ? undefined : found(origin);
    }
    if (typeof choice === 'string' || choice instanceof URL) return this.#remembered(String(choice));
    if (!isOptions(choice)) {
      throw refused('proxy', choice, 'a URL, { url }, "environment", "none", a function');
    }
    let proxy = this.#byServer.get(choice);
    if (proxy === undefined) {
      checkKnown(choice, NAMES, 'proxy.');
      if (typeof choice.url !== 'string' && !(choice.url instanceof URL))
        throw refused('proxy.url', choice.url, 'a URL');
      checkFlag('proxy.remoteDns', choice.remoteDns);
      if (choice.tls !== undefined) this.#checkTls(choice.tls);
      proxy = new ProxyPeer(choice, 'option proxy.url');
      this.#byServer.set(choice, proxy);
    }
    return proxy;
  }

  #remembered(url: string): ProxyPeer {
    const known = this.#byUrl.get(url);
    if (known !== undefined) return known;
    const proxy = new ProxyPeer({ url }, 'option proxy');
    const oldest = this.#byUrl.size >= REMEMBERED_MAX ? this.#byUrl.keys().next() : undefined;
    if (oldest?.done === false) this.#byUrl.delete(oldest.value);
    this.#byUrl.set(url, proxy);
    return proxy;
  }
}

const NAMES = ['url', 'headers', 'tls', 'remoteDns'];

function readEnvironment(environment: Environment): (origin: Origin) => ProxyPeer | undefined {
  const { http, https, bypassed } = environmentProxies(environment);
  const proxyOf = (named: NamedProxy | undefined): ProxyPeer | undefined =>
    named && new ProxyPeer({ url: named.url }, `environment variable ${named.variable}`);
  const forHttp = proxyOf(http);
  const forHttps = https?.url === http?.url ? forHttp : proxyOf(https);
  return (origin) => (bypassed(origin) ? undefined : origin.secure ? forHttps : forHttp);
}

function credentialsOf(url: URL, what: string): Credentials | undefined {
  if (url.username === '' && url.password === '') return undefined;
  try {
    const user = decodeURIComponent(url.username);
    if (user.includes(':')) throw invalid(`${what} has a colon in the user's name, where Basic ends it (RFC 7617 § 2)`);
    return { user, password: decodeURIComponent(url.password) };
  } catch (error) {
    if (error instanceof NetError) throw error;
    throw invalid(`${what} has credentials that are not percent-encoded text`);
  }
}
