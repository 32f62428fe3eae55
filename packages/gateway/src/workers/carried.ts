/**
 * A configuration as it crosses to another process: what is code in it stands by its name. With it goes which version
 * of each upstream's configuration this is: whether it has changed is said at home, so that all workers say the same.
 */
import { evm, type RpcOptions, solana } from 'keepwarm/jsonrpc';
import type { GatewayConfig, UpstreamConfig } from '../config/config.ts';
import type { RpcUpstreamConfig } from '../config/rpc-upstream.ts';

const ADAPTERS: ReadonlyMap<string, RpcOptions['adapter']> = new Map([solana, evm].map((each) => [each.name, each]));

export type Versions = ReadonlyMap<string, number>;

/** Of an upstream; a section is as its upstream is. One that no reload has changed is the first. */
export const versionOf = (versions: Versions, upstream: string): number =>
  versions.get(upstream.split('/', 1)[0]!) ?? 0;

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
    if (!('rpc' in upstream)) return [name, { ...upstream, ...version }];
    const { rpc, ...rest } = upstream;
    const adapter = ADAPTERS.get(rpc.adapter);
    if (adapter === undefined) throw new Error(`no adapter ${rpc.adapter} is known here`);
    return [name, { ...rest, ...version, rpc: { ...rpc, adapter } }];
  });
  return { ...config, upstreams: new Map(each) };
}
