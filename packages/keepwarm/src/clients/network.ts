/** How a client reaches its origins: names, TLS, the way there, and the dialler that puts them together. */
import type { Clock } from '../core/clock.ts';
import type { Observer } from '../core/observer.ts';
import { originOf } from '../core/origin.ts';
import { checkFunction } from '../core/refusal.ts';
import { Dialler } from '../net/dial.ts';
import { DnsCache } from '../net/dns.ts';
import type { Resolver } from '../net/dns-options.ts';
import { type EdgeOptions, edgeOf } from '../net/edge.ts';
import { type Lookup, resolverOf } from '../net/lookup-resolver.ts';
import { Proxies } from '../net/proxy.ts';
import type { ProxyOption } from '../net/proxy-options.ts';
import { systemResolver } from '../net/resolver.ts';
import { type TlsOptions, TlsSetup } from '../net/tls.ts';
import { invalid, type Settings, settle } from './options.ts';
import { checkTls } from './tls-options.ts';

export interface NetworkOptions extends EdgeOptions {
  readonly connect?: Partial<Settings<'connect'>> | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly dns?: (Partial<Settings<'dns'>> & NameSource) | undefined;
}

/** At most one of them; the system's resolver otherwise. */
export interface NameSource {
  readonly resolver?: Resolver | undefined;
  /** A function as `node:net` takes it for `lookup`; its answers are cached like any other. */
  readonly lookup?: Lookup | undefined;
}

export interface Network {
  readonly dns: DnsCache;
  readonly tls: TlsSetup;
  readonly dialler: Dialler;
}

/**
 * The proxy an origin is reached through by this option, as errors and stats show it: without credentials; nothing when
 * it is reached straight.
 *
 * @throws NetError `INVALID` for what is no proxy, or no http: or https: URL
 */
export function proxyFor(proxy: ProxyOption, url: string | URL): string | undefined {
  const parsed = URL.parse(String(url));
  if (parsed === null) throw invalid('what a proxy is asked for is not an absolute URL');
  return new Proxies(proxy, process.env).of(originOf(parsed))?.name;
}

/**
 * @param shared instead of what option `tls` says
 * @throws NetError `INVALID` naming the option that is not acceptable
 */
export function networkOf(options: NetworkOptions, clock: Clock, observer: Observer, shared?: TlsSetup): Network {
  const { resolver, lookup, ...dnsOptions } = options.dns ?? {};
  if (resolver !== undefined && lookup !== undefined) {
    throw invalid('options dns.resolver and dns.lookup exclude each other: a name is asked for in one place');
  }
  checkFunction('dns.lookup', lookup, 'a function as node:net takes it');
  checkFunction('dns.resolver', resolver);
  const source = lookup === undefined ? (resolver ?? systemResolver()) : resolverOf(lookup);
  const tls = shared ?? new TlsSetup(options.tls ?? {});
  const dns = new DnsCache({ ...settle('dns', dnsOptions), resolver: source }, clock, observer);
  const edge = edgeOf(options, process.env, (tls) => checkTls('proxy.tls', tls));
  return { dns, tls, dialler: new Dialler(settle('connect', options.connect), dns, tls, clock, edge) };
}
