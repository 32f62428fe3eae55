/**
 * A configuration as it crosses to another process: what is code in it stands by its name. With it goes which version
 * of each upstream's configuration this is: whether it has changed is said at home, so that all workers say the same.
 * A section that is listed has its own: it keeps its limit, and what workers count of it, when another one changes.
 */
import { isDeepStrictEqual } from 'node:util';
import { evm, type RpcOptions, solana } from 'keepwarm/jsonrpc';
import type { GatewayConfig, UpstreamConfig } from '../config/config.ts';
import { wholeLimitsOf } from '../config/rate-tables.ts';
import type { RpcUpstreamConfig } from '../config/rpc-upstream.ts';

const ADAPTERS: ReadonlyMap<string, RpcOptions['adapter']> = new Map([solana, evm].map((each) => [each.name, each]));

export type Versions = ReadonlyMap<string, number>;

/** Under which its limits over all sections have a version of their own: no name of a section. */
export const wholeName = (upstream: string): string => `${upstream}/*`;

/** Of an upstream, or of a section that is listed. One that no reload has changed is the first. */
export const versionOf = (versions: Versions, name: string): number => versions.get(name) ?? 0;

/** Those that follow when one configuration takes the place of another. */
export function versionsAfter(versions: Versions, before: GatewayConfig, after: GatewayConfig): Versions {
  const [was, is] = [partsOf(before), partsOf(after)];
  const next = new Map(versions);
  for (const name of new Set([...was.keys(), ...is.keys()])) {
    if (!isDeepStrictEqual(was.get(name), is.get(name))) next.set(name, versionOf(versions, name) + 1);
  }
  return next;
}

/** What is kept or begun anew for itself, by name. */
function partsOf({ upstreams }: GatewayConfig): ReadonlyMap<string, unknown> {
  const parts = new Map<string, unknown>();
  for (const [name, upstream] of upstreams) {
    if ('rpc' in upstream) parts.set(name, upstream);
    else {
      const { sections, ...own } = upstream;
      parts.set(name, own);
      parts.set(wholeName(name), wholeLimitsOf(own.client));
      for (const [section, config] of sections?.named ?? []) parts.set(`${name}/${section}`, config);
    }
  }
  return parts;
}

type CarriedRpc = Omit<RpcUpstreamConfig, 'rpc'> & {
  readonly rpc: Omit<RpcOptions, 'adapter'> & { readonly adapter: string };
};

export interface CarriedConfig {
  readonly config: Omit<GatewayConfig, 'upstreams'>;
  readonly upstreams: ReadonlyMap<string, UpstreamConfig | CarriedRpc>;
  readonly versions: Versions;
}

export function carried({ upstreams, ...config }: GatewayConfig, versions: Versions): CarriedConfig {
  const each = [...upstreams].map(([name, upstream]): [string, UpstreamConfig | CarriedRpc] => {
    if (!('rpc' in upstream)) return [name, upstream];
    const { rpc, ...rest } = upstream;
    return [name, { ...rest, rpc: { ...rpc, adapter: rpc.adapter.name } }];
  });
  return { config, upstreams: new Map(each), versions };
}

export function arrived({ config, upstreams, versions }: CarriedConfig): GatewayConfig {
  const each = [...upstreams].map(([name, upstream]): [string, UpstreamConfig | RpcUpstreamConfig] => {
    const version = { version: versions.get(name) };
    if (!('rpc' in upstream)) {
      const { sections } = upstream;
      if (sections === undefined) return [name, { ...upstream, ...version }];
      const named = [...sections.named].map(
        ([section, own]) => [section, { ...own, version: versions.get(`${name}/${section}`) }] as const,
      );
      return [name, { ...upstream, ...version, sections: { ...sections, named: new Map(named) } }];
    }
    const { rpc, ...rest } = upstream;
    const adapter = ADAPTERS.get(rpc.adapter);
    if (adapter === undefined) throw new Error(`no adapter ${rpc.adapter} is known here`);
    return [name, { ...rest, ...version, rpc: { ...rpc, adapter } }];
  });
  return { ...config, upstreams: new Map(each) };
}
