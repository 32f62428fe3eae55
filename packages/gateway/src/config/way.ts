/** How an upstream is reached: straight, by a proxy, or at a Unix domain socket. The library checks what it gets. */
import type { ClientOptions, ProxyServer } from 'keepwarm';
import { ConfigError } from './config-error.ts';
import { type Json, object, text } from './values.ts';

/** `proxy` alone is for upstreams that have no socket of their own. */
export const WAY_NAMES = ['proxy', 'socketPath'] as const;

/** A command does what its environment says, unless it is told otherwise: people expect it of commands. */
export const PROXY_DEFAULT = 'environment';

type Way = Pick<ClientOptions, 'proxy' | 'socketPath'>;

/** @throws ConfigError; never with the URL of a proxy, which may hold a password */
export function wayOf(given: Json, path: string): Way {
  const { proxy, socketPath } = given;
  if (socketPath === undefined) return { proxy: proxy === undefined ? PROXY_DEFAULT : proxyOf(proxy, `${path}.proxy`) };
  const socket = { socketPath: text(socketPath, `${path}.socketPath`) };
  return proxy === undefined ? socket : { ...socket, proxy: proxyOf(proxy, `${path}.proxy`) };
}

function proxyOf(value: unknown, path: string): string | ProxyServer {
  if (typeof value === 'string') return value;
  const { url, headers, remoteDns } = object(value, path, ['url', 'headers', 'remoteDns']);
  if (remoteDns !== undefined && typeof remoteDns !== 'boolean') {
    throw new ConfigError(`${path}.remoteDns`, 'must be true or false');
  }
  return {
    url: text(url, `${path}.url`),
    ...(headers === undefined ? {} : { headers: headersOf(headers, `${path}.headers`) }),
    ...(remoteDns === undefined ? {} : { remoteDns }),
  };
}

function headersOf(value: unknown, path: string): Record<string, string> {
  const named = Object.entries(object(value, path));
  return Object.fromEntries(named.map(([name, each]) => [name, text(each, `${path}.${name}`)]));
}
