/**
 * The ways to an origin that are not the direct one: a proxy, a Unix domain socket, or a connector of the user's. A
 * client has at most one kind, so that nobody has to guess which one wins.
 */
import type { Origin } from '../core/origin.ts';
import { checkFunction, invalid, refused } from '../core/refusal.ts';
import type { Connector } from './connector.ts';
import { Proxies, type ProxyPeer } from './proxy.ts';
import type { Environment } from './proxy-environment.ts';
import type { ProxyOption } from './proxy-options.ts';
import type { TlsOptions } from './tls.ts';

export interface EdgeOptions {
  /** The proxy connections go through. Default none: the environment is not asked. */
  readonly proxy?: ProxyOption | undefined;
  /** The Unix domain socket (or Windows pipe) that all connections lead to, whatever their origin is called. */
  readonly socketPath?: string | undefined;
  /** Opens every connection in its own way. */
  readonly connector?: Connector | undefined;
}

export type Way =
  | { readonly kind: 'direct' }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'connector'; readonly connector: Connector }
  | { readonly kind: 'proxy'; readonly proxy: ProxyPeer };

/** The way to an origin, asked for every new connection. */
export type Edge = (origin: Origin) => Way;

const DIRECT: Way = { kind: 'direct' };

/** The longest path the system takes: `sun_path` of unix(7), less the final zero. */
const PATH_BYTES_MAX = 107;

/**
 * @param checkTls what a proxy's own TLS may be told; it throws `INVALID`
 * @throws NetError `INVALID` for two ways at once, and for one that cannot be
 */
export function edgeOf(
  { proxy, socketPath, connector }: EdgeOptions,
  environment: Environment,
  checkTls?: (tls: TlsOptions) => void,
): Edge {
  const given = Object.entries({ proxy, socketPath, connector }).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  );
  if (given.length > 1) throw invalid(`options ${given.join(' and ')} exclude each other: a connection has one way`);
  if (socketPath !== undefined) {
    const way: Way = { kind: 'unix', path: checkedPath(socketPath) };
    return () => way;
  }
  if (connector !== undefined) {
    checkFunction('connector', connector);
    const way: Way = { kind: 'connector', connector };
    return () => way;
  }
  if (proxy === undefined) return () => DIRECT;
  const proxies = new Proxies(proxy, environment, checkTls);
  return (origin) => {
    const chosen = proxies.of(origin);
    return chosen === undefined ? DIRECT : { kind: 'proxy', proxy: chosen };
  };
}

function checkedPath(path: unknown): string {
  if (typeof path !== 'string' || path === '') {
    throw refused('socketPath', path, 'the path of a socket');
  }
  const bytes = Buffer.byteLength(path);
  if (process.platform !== 'win32' && bytes > PATH_BYTES_MAX) {
    throw invalid(`option socketPath has ${bytes} bytes; the system takes ${PATH_BYTES_MAX}`);
  }
  if (path.slice(1).includes('\0')) throw invalid('option socketPath holds a NUL');
  return path;
}
