/** The gateway put together: upstreams, the listener for callers, the admin listener; started and stopped as one. */
import type { AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { gatewayMetrics } from './admin/metrics.ts';
import { AdminServer } from './admin/server.ts';
import { snapshot } from './admin/snapshot.ts';
import { type Address, isLoopback, showAddress } from './config/address.ts';
import type { GatewayConfig, UpstreamConfig } from './config/config.ts';
import { ConfigError } from './config/config-error.ts';
import type { RpcUpstreamConfig } from './config/rpc-upstream.ts';
import { type AnyUpstream, Routes } from './data/routes.ts';
import { RpcUpstream } from './data/rpc-upstream.ts';
import { DataServer } from './data/server.ts';
import { Upstream } from './data/upstream.ts';

export class Gateway {
  #upstreams: readonly AnyUpstream[];
  readonly data: DataServer;
  readonly admin: AdminServer;
  #config: GatewayConfig;
  /** Configured no more, with requests under way. */
  readonly #leaving = new Set<AnyUpstream>();

  /** @throws ConfigError, before anything is opened */
  constructor(config: GatewayConfig) {
    if (!isLoopback(config.admin.host)) {
      const where = showAddress(config.admin);
      throw new ConfigError(
        'admin',
        `is ${where}; allowed: an address of this machine only, as the page asks for no password`,
      );
    }
    this.#config = config;
    this.#upstreams = [...config.upstreams].map(([name, upstream]) => made(name, upstream));
    this.data = new DataServer(new Routes(this.upstreams), config);
    const startedAt = performance.now();
    const metrics = gatewayMetrics(this.data, () => this.upstreams);
    this.admin = new AdminServer(() => snapshot(this.data, this.upstreams, startedAt), metrics);
  }

  /**
   * Listens, and has connections opened ahead of the first call; an upstream that cannot be reached stops nothing.
   *
   * @throws ListenError when an address cannot be had; then nothing is left open
   */
  async start(): Promise<{ readonly data: AddressInfo; readonly admin: AddressInfo }> {
    const { listen, admin } = this.#config;
    try {
      const addresses = {
        data: await listening('--listen', listen, () => this.data.listen(listen.host, listen.port)),
        admin: await listening('--admin', admin, () => this.admin.listen(admin.host, admin.port)),
      };
      for (const upstream of this.upstreams) upstream.warmUp().catch(closedMeanwhile);
      return addresses;
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  get upstreams(): readonly AnyUpstream[] {
    return this.#upstreams;
  }

  /**
   * Takes over another configuration while it serves. An upstream that is configured as before keeps its connections; a
   * changed one begins anew; one that is gone, or changed, ends what it has under way for `drainMs`.
   *
   * @throws ConfigError for what cannot be changed without a restart; then nothing has
   */
  reload(config: GatewayConfig): Reloaded {
    for (const name of FIXED) {
      if (isDeepStrictEqual(config[name], this.#config[name])) continue;
      throw new ConfigError(name, 'cannot be changed while the gateway runs; restart it');
    }
    const before = new Map(this.#upstreams.map((upstream) => [upstream.name, upstream]));
    const kept = new Set<AnyUpstream>();
    const upstreams = [...config.upstreams].map(([name, upstream]) => {
      const old = before.get(name);
      if (old === undefined || !isDeepStrictEqual(old.config, upstream)) return made(name, upstream);
      kept.add(old);
      return old;
    });
    this.#upstreams = upstreams;
    this.#config = config;
    this.data.route(new Routes(upstreams));
    for (const upstream of upstreams) if (!kept.has(upstream)) upstream.warmUp().catch(closedMeanwhile);
    const left = [...before.values()].filter((upstream) => !kept.has(upstream));
    for (const upstream of left) this.#leave(upstream, config.drainMs);
    const names = (list: readonly AnyUpstream[]): string[] => list.map(({ name }) => name);
    return {
      kept: names([...kept]),
      begun: names(upstreams.filter((upstream) => !kept.has(upstream))),
      ended: names(left),
    };
  }

  /** Not ready any more; requests under way may end, then everything is closed. */
  async stop(drainMs: number = this.#config.drainMs): Promise<void> {
    await this.data.drain(drainMs);
    this.admin.close();
    await Promise.all([...this.upstreams, ...this.#leaving].map((upstream) => upstream.close(0)));
  }

  #leave(upstream: AnyUpstream, drainMs: number): void {
    this.#leaving.add(upstream);
    const gone = upstream.tenure.over(drainMs).then(() => upstream.close(0));
    void gone.catch(closedMeanwhile).finally(() => this.#leaving.delete(upstream));
  }
}

/** Upstreams by what became of them. */
export interface Reloaded {
  readonly kept: readonly string[];
  readonly begun: readonly string[];
  readonly ended: readonly string[];
}

/** What listeners were opened with. */
const FIXED = ['listen', 'admin', 'callersMax', 'callerIdleMs', 'callerStallMs', 'requestMs'] as const;

function made(name: string, config: UpstreamConfig | RpcUpstreamConfig): AnyUpstream {
  return 'rpc' in config ? new RpcUpstream(name, config) : new Upstream(name, config);
}

/** There is nothing to warm any more, or nothing to wait for. */
function closedMeanwhile(): void {}

/** An address that cannot be listened on, and how to choose another. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code: string | undefined;
  readonly flag: string;

  constructor(flag: string, address: Address, cause: Error & { readonly code?: string }) {
    const where = showAddress(address);
    const taken = cause.code === 'EADDRINUSE';
    const what = taken ? `${where} is taken by another program` : `cannot listen on ${where}: ${cause.message}`;
    super(`${what}; choose another address with ${flag} HOST:PORT`, { cause });
    this.code = cause.code;
    this.flag = flag;
  }
}

async function listening<T>(flag: string, address: Address, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (error) {
    throw new ListenError(flag, address, error as Error);
  }
}
