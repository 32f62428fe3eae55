/** How a proxy is named, for one origin or for all. */
import type { FieldsInput } from '../core/fields.ts';
import type { Origin } from '../core/origin.ts';
import type { TlsOptions } from './tls.ts';

export interface ProxyServer {
  /**
   * `http:` or `https:` for tunnels by CONNECT, `socks5:` (also `socks:`, `socks5h:`), `socks4a:` or `socks4:`. User
   * and password may stand in it; they are sent to the proxy and shown nowhere. Ports left out: 80, 443, 1080.
   */
  readonly url: string | URL;
  /** Sent with CONNECT, to the proxy only: `proxy-authorization` of another scheme than Basic, for example. */
  readonly headers?: FieldsInput | undefined;
  /** TLS with an `https:` proxy. Nothing of the client's own `tls` is used for it, least of all its certificate. */
  readonly tls?: TlsOptions | undefined;
  /** Whether a SOCKS proxy resolves names. `false` resolves them here first. Default true, but for `socks4:`. */
  readonly remoteDns?: boolean | undefined;
}

/** `none` and nothing: straight. `environment`: what HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say. */
export type ProxyChoice = 'none' | 'environment' | (string & {}) | URL | ProxyServer | undefined;

/** A function is asked for every new connection. */
export type ProxyOption = ProxyChoice | ((origin: Origin) => ProxyChoice);
