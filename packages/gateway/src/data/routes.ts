/**
 * Which upstream a request is for: the one whose `hosts` list the request's host, then with the path as it is;
 * otherwise the one named by the first segment of the path, then with the rest of the path.
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

export class Routes {
  readonly upstreams: readonly AnyUpstream[];
  readonly #byName = new Map<string, AnyUpstream>();
  readonly #byHost = new Map<string, AnyUpstream>();

  constructor(upstreams: readonly AnyUpstream[]) {
    this.upstreams = upstreams;
    for (const upstream of upstreams) {
      this.#byName.set(upstream.name, upstream);
      for (const host of upstream.config.hosts) this.#byHost.set(host.toLowerCase(), upstream);
    }
  }

  find({ hostname, path }: Target): Route | Problem {
    const byHost = this.#byHost.get(hostname);
    if (byHost !== undefined) return { upstream: byHost, path };
    const end = path.slice(1).search(/[/?]/);
    const name = end < 0 ? path.slice(1) : path.slice(1, end + 1);
    const upstream = this.#byName.get(name);
    if (upstream === undefined) {
      const detail = 'no upstream has this host, or the name the path begins with';
      return refusal(404, 'NOT_ROUTED', detail, { proxyError: 'destination_not_found' });
    }
    const rest = end < 0 ? '' : path.slice(end + 1);
    return { upstream, path: rest.startsWith('/') ? rest : `/${rest}` };
  }
}
