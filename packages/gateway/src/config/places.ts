/** `hosts` and `paths` of an upstream: which requests go to it without being asked for by its name. */
import { ConfigError } from './config-error.ts';
import { show, texts } from './values.ts';

/** Lower case; without port. */
const HOST = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$|^\[[0-9a-f:.]+\]$/;
/** From the root, of characters that need no encoding, so that one path is spelt one way. */
const PATH = /^(?:\/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*\/?$/;

/** Names, or `*.` and a name for all that end in it. In lower case. @throws ConfigError */
export function parseHosts(input: unknown, path: string): string[] {
  return texts(input ?? [], path, 'host names').map((given, i) => {
    const host = given.toLowerCase();
    if (HOST.test(host)) return host;
    const allowed = 'a host name or address without port, or *. and a name';
    throw new ConfigError(`${path}[${i}]`, `is ${show(given)}; allowed: ${allowed}`);
  });
}

/** Beginnings of paths, each ending where a segment does; without the slash at the end. @throws ConfigError */
export function parsePaths(input: unknown, path: string): string[] {
  return texts(input ?? [], path, 'beginnings of paths').map((given, i) => {
    if (given.startsWith('/') && PATH.test(given) && !/\/\.{1,2}(?:\/|$)/.test(given)) return given.replace(/\/$/, '');
    const allowed = 'a path from the root such as /v1, without encoded characters, "." or ".."';
    throw new ConfigError(`${path}[${i}]`, `is ${show(given)}; allowed: ${allowed}`);
  });
}

interface Placed {
  readonly hosts: readonly string[];
  readonly paths?: readonly string[] | undefined;
}

/** No request may be for two upstreams. @throws ConfigError naming both */
export function checkPlaces(upstreams: ReadonlyMap<string, Placed>): void {
  const taken = new Map<string, string>();
  for (const [name, { hosts, paths = [] }] of upstreams) {
    const all = hosts.length === 0 && paths.length === 0 ? [] : hosts.length === 0 ? [''] : hosts;
    for (const host of all) {
      for (const path of paths.length === 0 ? [''] : paths) {
        const place = `${host}${path}`;
        const other = taken.get(place);
        if (other !== undefined) {
          throw new ConfigError(`upstreams.${name}`, `has the place ${show(place || '/')}, which ${other} has already`);
        }
        taken.set(place, name);
      }
    }
  }
}
