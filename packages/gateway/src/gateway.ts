/** The gateway put together: upstreams, the listener for callers, the admin listener; started and stopped as one. */
import type { AddressInfo } from 'node:net';
import { AdminServer } from './admin/server.ts';
import { snapshot } from './admin/snapshot.ts';
import { type Address, isLoopback, showAddress } from './config/address.ts';
import type { GatewayConfig } from './config/config.ts';
import { ConfigError } from './config/config-error.ts';
import { type AnyUpstream, Routes } from './data/routes.ts';
import { RpcUpstream } from './data/rpc-upstream.ts';
import { DataServer } from './data/server.ts';
import { Upstream } from './data/upstream.ts';

export class Gateway {
  readonly upstreams: readonly AnyUpstream[];
  readonly data: DataServer;
  readonly admin: AdminServer;
  readonly #config: GatewayConfig;

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
    this.upstreams = [...config.upstreams].map(([name, upstream]) =>
      'rpc' in upstream ? new RpcUpstream(name, upstream) : new Upstream(name, upstream),
    );
    this.data = new DataServer(new Routes(this.upstreams), config);
    const startedAt = performance.now();
    this.admin = new AdminServer(() => snapshot(this.data, this.upstreams, startedAt));
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
      for (const upstream of this.upstreams) {
        upstream.warmUp().catch(() => undefined); // closed meanwhile: there is nothing to warm
      }
      return addresses;
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  /** Not ready any more; requests under way may end, then everything is closed. */
  async stop(drainMs: number = this.#config.drainMs): Promise<void> {
    await this.data.drain(drainMs);
    this.admin.close();
    await Promise.all(this.upstreams.map((upstream) => upstream.close()));
  }
}

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
