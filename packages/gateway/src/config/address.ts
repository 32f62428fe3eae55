/** Where to listen, as people write it: `127.0.0.1:4300`, `[::1]:4300`, `localhost:4300`, `:4300`, `4300`. */
import { ConfigError } from './config-error.ts';

export interface Address {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
}

/** A port without a host is meant for this machine only. */
const DEFAULT_HOST = '127.0.0.1';

export function parseAddress(text: string, path: string): Address {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new ConfigError(path, `is ${JSON.stringify(text)}; allowed: HOST:PORT such as 127.0.0.1:4300, or a port`);
  }
  return { host: match[1] || match[2] || DEFAULT_HOST, port };
}

export function showAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Whether only processes of this machine can reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}
