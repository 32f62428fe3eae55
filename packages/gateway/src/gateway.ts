/** The gateway put together: upstreams, the listener for callers, the admin listener; started and stopped as one. */
import type { AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { OpenTelemetry } from 'keepwarm/otel';
import { writeKey } from './admin/key-file.ts';
import { Keys, made as madeUp } from './admin/keys.ts';
import { gatewayMetrics } from './admin/metrics.ts';
import { Refused } from './admin/route.ts';
import { AdminServer } from './admin/server.ts';
import { TOKEN_VARIABLE } from './config/access.ts';
import { type Address, isLoopback, showAddress } from './config/address.ts';
import type { GatewayConfig, UpstreamConfig } from './config/config.ts';
import { ConfigError } from './config/config-error.ts';
import type { RpcUpstreamConfig } from './config/rpc-upstream.ts';
import { type AnyUpstream, Routes } from './data/routes.ts';
import { RpcUpstream } from './data/rpc-upstream.ts';
import { DataServer } from './data/server.ts';
import { Upstream } from './data/upstream.ts';
import { CallLog } from './figures/call-log.ts';
import { Feed } from './figures/feed.ts';
import { feedFacts } from './figures/feed-facts.ts';
import { GrpcUpstreams } from './grpc/upstreams.ts';
import type { History } from './history/history.ts';
import { historyOf } from './history/open.ts';
import { type Log, SILENT } from './logs/log.ts';
import { logFacts } from './logs/log-facts.ts';
import { summarising } from './logs/summary.ts';

/** What a gateway is given beside its configuration, all of it by whoever runs it as a command. */
export interface GatewayPlaces {
  /** Where the admin token is left for the command line; nothing is written without it. */
  readonly runtimeFolder?: string;
  /** Where history is kept; in memory without it, unless the configuration names a file. */
  readonly stateFolder?: string;
  readonly log?: Log;
  /** Makes what an upstream's doings are told through; nothing without it. */
  readonly telemetry?: ((upstream: string) => OpenTelemetry) | undefined;
  /** Reads the configuration again, for an operator who asks for a reload. @throws ConfigError */
  readonly readConfig?: () => GatewayConfig;
}

export class Gateway {
  #upstreams: readonly AnyUpstream[];
  readonly data: DataServer;
  readonly admin: AdminServer;
  readonly feed = new Feed();
  readonly calls = new CallLog(this.feed);
  readonly keys: Keys;
  readonly history: History;
  readonly grpc: GrpcUpstreams;
  readonly #token: string;
  readonly #places: GatewayPlaces;
  readonly #log: Log;
  #config: GatewayConfig;
  #keyFile: { remove(): void } | undefined;
  #endSummaries = (): void => undefined;
  /** Settles when no caller is left; nothing before somebody asked for it. */
  #drained: Promise<unknown> | undefined;
  /** Configured no more, with requests under way. */
  readonly #leaving = new Set<AnyUpstream>();

  /** @throws ConfigError, before anything is opened */
  constructor(config: GatewayConfig, places: GatewayPlaces = {}) {
    if (!isLoopback(config.admin.host) && config.access?.token === undefined) {
      const where = showAddress(config.admin);
      const token = `access.token, access.tokenFile or ${TOKEN_VARIABLE}`;
      throw new ConfigError('admin', `is ${where}; allowed: an address of this machine only, or any with ${token}`);
    }
    this.#config = config;
    this.#places = places;
    this.#log = places.log ?? SILENT;
    this.#token = config.access?.token ?? madeUp();
    this.keys = new Keys(this.#token);
    this.#upstreams = [...config.upstreams].map(([name, upstream]) => this.#made(name, upstream));
    this.data = new DataServer(new Routes(this.upstreams), config);
    const upstreams = () => this.upstreams;
    const keeping = { upstreams, feed: this.feed, log: this.#log };
    this.history = historyOf(config.history, config.admin, places.stateFolder, keeping);
    this.grpc = new GrpcUpstreams(config.grpc, places.stateFolder);
    const view = {
      grpc: this.grpc,
      startedAt: performance.now(),
      data: this.data,
      upstreams,
      metrics: gatewayMetrics(this.data, upstreams, () => this.grpc.all),
      keys: this.keys,
      feed: this.feed,
      calls: this.calls,
      history: this.history,
      reload: () => this.#reloadAsked(),
      drain: (deadlineMs?: number) => this.#drain(deadlineMs),
      config: () => this.#config,
    };
    this.admin = new AdminServer(view, (error) => this.#log.error('the admin listener failed', { error }));
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
      await this.grpc.start((each) =>
        listening(`upstreams.${each.name}.listen`, each.config.listen, () => each.listen()),
      );
      this.#endSummaries = summarising(this.#config.logs?.summaryMs ?? 0, () => this.upstreams, this.#log);
      this.#leaveKey({ host: admin.host, port: addresses.admin.port });
      if (this.#places.stateFolder !== undefined || this.#config.history?.path !== undefined) void this.history.start();
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
    if ((config.tls === undefined) !== (this.#config.tls === undefined)) {
      throw new ConfigError('tls', 'cannot be switched on or off while the gateway runs; restart it');
    }
    if (config.tls !== undefined) this.data.renew(config.tls);
    const before = new Map(this.#upstreams.map((upstream) => [upstream.name, upstream]));
    const kept = new Set<AnyUpstream>();
    const upstreams = [...config.upstreams].map(([name, upstream]) => {
      const old = before.get(name);
      if (old === undefined || !isDeepStrictEqual(old.config, upstream)) return this.#made(name, upstream);
      kept.add(old);
      return old;
    });
    this.#upstreams = upstreams;
    this.#config = config;
    this.data.route(new Routes(upstreams));
    this.grpc.reload(config.grpc ?? new Map(), config.drainMs, ({ name }, error) => {
      this.#log.warn('an upstream cannot listen', { name, reason: String(error) });
    });
    for (const upstream of upstreams) if (!kept.has(upstream)) upstream.warmUp().catch(closedMeanwhile);
    const left = [...before.values()].filter((upstream) => !kept.has(upstream));
    for (const upstream of left) this.#leave(upstream, config.drainMs);
    for (const { name } of left) if (!config.upstreams.has(name)) this.calls.forget(name);
    const names = (list: readonly AnyUpstream[]): string[] => list.map(({ name }) => name);
    const reloaded = {
      kept: names([...kept]),
      begun: names(upstreams.filter((upstream) => !kept.has(upstream))),
      ended: names(left),
    };
    this.feed.tell('reloaded', undefined, reloaded);
    this.#log.info('reloaded', reloaded);
    return reloaded;
  }

  /** Not ready any more; requests under way may end, then everything is closed. */
  async stop(drainMs: number = this.#config.drainMs): Promise<void> {
    await this.#drainedWithin(drainMs);
    this.#endSummaries();
    this.#keyFile?.remove();
    this.#keyFile = undefined;
    await this.history.close();
    this.admin.close();
    await Promise.all([...this.upstreams, ...this.#leaving].map((upstream) => upstream.close(0)));
  }

  /** An upstream whose facts are heard by all who tell of them. */
  #made(name: string, config: UpstreamConfig | RpcUpstreamConfig): AnyUpstream {
    const telemetry = this.#places.telemetry?.(name);
    const upstream = 'rpc' in config ? new RpcUpstream(name, config, telemetry) : new Upstream(name, config, telemetry);
    upstream.book.listen(feedFacts(name, this.feed));
    upstream.book.listen(this.calls.observer(name));
    upstream.book.listen(logFacts(name, this.#log, this.#config.logs));
    return upstream;
  }

  /** A gateway nobody can act on is one that serves: what is wrong is said, and it goes on. */
  #leaveKey(admin: Address): void {
    const { runtimeFolder } = this.#places;
    if (runtimeFolder === undefined) return;
    try {
      this.#keyFile = writeKey(runtimeFolder, admin, this.#token);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.warn('no token is left for the command line: its actions need --token', { reason });
    }
  }

  #reloadAsked(): Reloaded {
    const { readConfig } = this.#places;
    if (readConfig === undefined)
      throw new Refused(409, 'CONFIG', 'this gateway was started without a file to read again');
    return this.reload(readConfig());
  }

  #drain(deadlineMs: number = this.#config.drainMs): void {
    this.#tellDraining(deadlineMs);
    this.#drained ??= Promise.all([this.data.drain(deadlineMs), this.grpc.close(deadlineMs)]);
  }

  /** Also one that drains already, by an operator's word, has no longer than this from now on. */
  async #drainedWithin(drainMs: number): Promise<void> {
    this.#drain(drainMs);
    const giveUp = setTimeout(() => {
      this.data.closeAll();
      void this.grpc.close(0);
    }, drainMs);
    await this.#drained;
    clearTimeout(giveUp);
  }

  #tellDraining(deadlineMs: number): void {
    if (this.data.draining) return;
    this.feed.tell('draining', undefined, { deadlineMs, inFlight: this.data.inFlight });
    this.#log.info('draining', { deadlineMs, inFlight: this.data.inFlight });
  }

  #leave(upstream: AnyUpstream, drainMs: number): void {
    this.#leaving.add(upstream);
    upstream.drain();
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
const FIXED = [
  ...(['listen', 'admin', 'callersMax', 'callerIdleMs', 'callerStallMs', 'requestMs'] as const),
  ...(['access', 'history', 'logs'] as const),
];

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
