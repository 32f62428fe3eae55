/**
 * Which upstream a request is for. Of those that list hosts or paths, the one that fits most closely, then with the
 * path as it is: a host by its name before one by `*.`, the longer of those before the shorter, and those before any
 * host; among one host's, the longest path. Otherwise the one named by the first segment of the path, then with the
 * rest of it.
 */
import { type Problem, refusal } from './problem.ts';
import type { RpcUpstream } from './rpc-upstream.ts';
import type { Target } from './target.ts';
import type { Upstream } from './upstream.ts';

export type AnyUpstream = Upstream | RpcUpstream;

export interface Route {
  readonly upstream: AnyUpstream;
  /** Path and query for the upstream, below its base path. */
  readonly path: string;
}

/** Upstreams of one host by where their paths begin, the longest first; '' is where all do. */
type Places = { readonly prefix: string; readonly upstream: AnyUpstream }[];

/** The host of those that list paths only. */
const ANY = '';

export class Routes {
  readonly upstreams: readonly AnyUpstream[];
  readonly #byName = new Map<string, AnyUpstream>();
  readonly #byHost = new Map<string, Places>();
  readonly #wild: boolean;

  constructor(upstreams: readonly AnyUpstream[]) {
    this.upstreams = upstreams;
    for (const upstream of upstreams) {
      this.#byName.set(upstream.name, upstream);
      const { hosts, paths = [] } = upstream.config;
      const all = hosts.length === 0 && paths.length > 0 ? [ANY] : hosts;
      for (const host of all) {
        for (const prefix of paths.length === 0 ? [''] : paths) this.#place(host.toLowerCase(), prefix, upstream);
      }
    }
    for (const places of this.#byHost.values()) places.sort((a, b) => b.prefix.length - a.prefix.length);
    this.#wild = [...this.#byHost.keys()].some((host) => host.startsWith('*.'));
  }

  find({ hostname, path }: Target): Route | Problem {
    const placed = this.#placed(hostname, path);
    if (placed !== undefined) return { upstream: placed, path };
    const end = path.slice(1).search(/[/?]/);
    const name = end < 0 ? path.slice(1) : path.slice(1, end + 1);
    const upstream = this.#byName.get(name);
    if (upstream === undefined) {
      const detail = 'no upstream has this host or path, or the name the path begins with';
      return refusal(404, 'NOT_ROUTED', detail, { proxyError: 'destination_not_found' });
    }
    const rest = end < 0 ? '' : path.slice(end + 1);
    return { upstream, path: rest.startsWith('/') ? rest : `/${rest}` };
  }

  #place(host: string, prefix: string, upstream: AnyUpstream): void {
    const places = this.#byHost.get(host);
    if (places === undefined) this.#byHost.set(host, [{ prefix, upstream }]);
    else places.push({ prefix, upstream });
  }

  #placed(hostname: string, path: string): AnyUpstream | undefined {
    if (this.#byHost.size === 0) return undefined;
    const exact = below(this.#byHost.get(hostname), path);
    if (exact !== undefined) return exact;
    if (this.#wild) {
      for (let dot = hostname.indexOf('.'); dot >= 0; dot = hostname.indexOf('.', dot + 1)) {
        const wild = below(this.#byHost.get(`*${hostname.slice(dot)}`), path);
        if (wild !== undefined) return wild;
      }
    }
    return below(this.#byHost.get(ANY), path);
  }
}

function below(places: Places | undefined, path: string): AnyUpstream | undefined {
  return places?.find(({ prefix }) => path.startsWith(prefix) && isBoundary(path, prefix.length))?.upstream;
}

/** A path begins with another where a segment ends: `/v1` is no beginning of `/v10`. */
const isBoundary = (path: string, at: number): boolean => at === path.length || path[at] === '/' || path[at] === '?';
