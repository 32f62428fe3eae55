/** The gateway put together: upstreams, the listener for callers, the admin listener; started and stopped as one. */
import type { AddressInfo } from 'node:net';
import type { OpenTelemetry } from 'keepwarm/otel';
import { Readers } from './admin/events.ts';
import { type LeftKey, leaveKey } from './admin/key-file.ts';
import { Keys, made as madeUp } from './admin/keys.ts';
import { gatewayMetrics } from './admin/metrics.ts';
import { Refused } from './admin/route.ts';
import { adminRoutes } from './admin/routes.ts';
import { AdminServer } from './admin/server.ts';
import type { AdminView } from './admin/view.ts';
import { TOKEN_VARIABLE } from './config/access.ts';
import { type Address, isLoopback, showAddress } from './config/address.ts';
import type { GatewayConfig } from './config/config.ts';
import { ConfigError } from './config/config-error.ts';
import type { RequestIds } from './data/request-ids.ts';
import type { AnyUpstream } from './data/routes.ts';
import type { DataServer } from './data/server.ts';
import type { CallLog } from './figures/call-log.ts';
import type { Feed } from './figures/feed.ts';
import { GrpcUpstreams } from './grpc/upstreams.ts';
import type { History } from './history/history.ts';
import { historyOf } from './history/open.ts';
import { type Log, SILENT } from './logs/log.ts';
import { summarising } from './logs/summary.ts';
import type { RedisConnection } from './redis/connection.ts';
import { idsOf, type Reloaded, Serving } from './serving.ts';

/** What a gateway is given beside its configuration, all of it by whoever runs it as a command. */
export interface GatewayPlaces {
  /** Where the admin token is left for the command line; nothing is written without it. */
  readonly runtimeFolder?: string;
  /** Where history is kept; in memory without it, unless the configuration names a file. */
  readonly stateFolder?: string;
  readonly log?: Log;
  /** Makes what an upstream's doings are told through; nothing without it. */
  readonly telemetry?: ((upstream: string) => OpenTelemetry) | undefined;
  /** Of the block `redis`, opened; whoever opened it closes it, afterwards. */
  readonly redis?: RedisConnection | undefined;
  /** What the page says about this gateway before anything else; the demo tells what there is to see. */
  readonly about?: string;
  /** Reads the configuration again, for an operator who asks for a reload. @throws ConfigError */
  readonly readConfig?: () => GatewayConfig;
}

export class Gateway {
  readonly data: DataServer;
  readonly admin: AdminServer<AdminView>;
  readonly feed: Feed;
  readonly calls: CallLog;
  readonly keys: Keys;
  readonly history: History;
  readonly grpc: GrpcUpstreams;
  readonly #serving: Serving;
  readonly #token: string;
  readonly #places: GatewayPlaces;
  readonly #log: Log;
  /** Of gRPC calls; those of others are with what serves them. */
  #ids: RequestIds;
  #key: LeftKey | undefined;
  #endSummaries = (): void => undefined;
  /** Settles when no caller is left; nothing before somebody asked for it. */
  #drained: Promise<unknown> | undefined;

  /** @throws ConfigError, before anything is opened */
  constructor(config: GatewayConfig, places: GatewayPlaces = {}) {
    this.#token = tokenFor(config);
    this.#places = places;
    this.#log = places.log ?? SILENT;
    this.keys = new Keys(this.#token);
    this.#ids = idsOf(config, this.#log);
    this.#serving = new Serving(config, places);
    const { data, feed, calls } = this.#serving;
    [this.data, this.feed, this.calls] = [data, feed, calls];
    places.redis?.tellTo(feed);
    const upstreams = () => this.upstreams;
    const keeping = { upstreams, feed, log: this.#log };
    this.history = historyOf(config.history, config.admin, places.stateFolder, keeping);
    this.grpc = new GrpcUpstreams(
      config.grpc,
      places.stateFolder,
      places.telemetry,
      places.redis?.limits,
      () => this.#ids,
    );
    const view = {
      grpc: this.grpc,
      startedAt: performance.now(),
      data,
      upstreams,
      names: () => this.upstreams.map(({ name }) => name),
      metrics: gatewayMetrics(
        data,
        upstreams,
        () => this.grpc.all,
        () => places.redis?.told(),
      ),
      keys: this.keys,
      feed,
      calls,
      history: this.history,
      reload: () => this.#reloadAsked(),
      drain: (deadlineMs: number) => {
        this.#drain(deadlineMs);
        return data.inFlight;
      },
      draining: () => data.draining,
      config: () => this.#serving.config,
      redis: () => places.redis?.told(),
      ...(places.about === undefined ? {} : { about: places.about }),
    };
    const failed = (error: unknown): void => this.#log.error('the admin listener failed', { error });
    this.admin = new AdminServer<AdminView>(view, adminRoutes(new Readers()), failed);
  }

  /**
   * Listens, and has connections opened ahead of the first call; an upstream that cannot be reached stops nothing.
   *
   * @throws ListenError when an address cannot be had; then nothing is left open
   */
  async start(): Promise<{ readonly data: AddressInfo; readonly admin: AddressInfo }> {
    const { listen, admin, logs, history } = this.#serving.config;
    try {
      const addresses = {
        data: await listening('--listen', listen, () => this.#serving.listen()),
        admin: await listening('--admin', admin, () => this.admin.listen(admin.host, admin.port)),
      };
      await this.grpc.start((each) =>
        listening(`upstreams.${each.name}.listen`, each.config.listen, () => each.listen()),
      );
      this.#endSummaries = summarising(logs?.summaryMs ?? 0, () => this.upstreams, this.#log);
      const at = { host: admin.host, port: addresses.admin.port };
      this.#key = leaveKey(this.#places.runtimeFolder, at, this.#token, this.#log);
      if (this.#places.stateFolder !== undefined || history?.path !== undefined) void this.history.start();
      this.#serving.warmUp();
      return addresses;
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  get upstreams(): readonly AnyUpstream[] {
    return this.#serving.upstreams;
  }

  /**
   * Takes over another configuration while it serves. An upstream that is configured as before keeps its connections; a
   * changed one begins anew; one that is gone, or changed, ends what it has under way for `drainMs`.
   *
   * @throws ConfigError for what cannot be changed without a restart; then nothing has
   */
  reload(config: GatewayConfig): Reloaded {
    const reloaded = this.#serving.reload(config);
    this.#ids = idsOf(config, this.#log);
    this.grpc.reload(config.grpc ?? new Map(), config.drainMs, ({ name }, error) => {
      this.#log.warn('an upstream cannot listen', { name, reason: String(error) });
    });
    this.feed.tell('reloaded', undefined, reloaded);
    this.#log.info('reloaded', reloaded);
    return reloaded;
  }

  /** Not ready any more; requests under way may end, then everything is closed. */
  async stop(drainMs: number = this.#serving.config.drainMs): Promise<void> {
    await this.#drainedWithin(drainMs);
    this.#endSummaries();
    this.#key?.remove();
    this.#key = undefined;
    await this.history.close();
    this.admin.close();
    await this.#serving.close();
  }

  #reloadAsked(): Reloaded {
    return this.reload(readAgain(this.#places));
  }

  #drain(deadlineMs: number): void {
    if (!this.data.draining) {
      this.feed.tell('draining', undefined, { deadlineMs, inFlight: this.data.inFlight });
      this.#log.info('draining', { deadlineMs, inFlight: this.data.inFlight });
    }
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
}

/** The token of a gateway's admin listener. @throws ConfigError where other machines could reach it without one */
export function tokenFor({ admin, access }: GatewayConfig): string {
  if (!isLoopback(admin.host) && access?.token === undefined) {
    const token = `access.token, access.tokenFile or ${TOKEN_VARIABLE}`;
    throw new ConfigError(
      'admin',
      `is ${showAddress(admin)}; allowed: an address of this machine only, or any with ${token}`,
    );
  }
  return access?.token ?? madeUp();
}

/** What is configured now. @throws ConfigError; Refused where there is nothing to read */
export function readAgain({ readConfig }: GatewayPlaces): GatewayConfig {
  if (readConfig === undefined) {
    throw new Refused(409, 'CONFIG', 'this gateway was started without a file to read again');
  }
  return readConfig();
}

/** An address that cannot be listened on, and how to choose another. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code: string | undefined;
  readonly flag: string;

  constructor(flag: string, address: Address, cause: Error & { readonly code?: string | undefined }) {
    const where = showAddress(address);
    const taken = cause.code === 'EADDRINUSE';
    const what = taken ? `${where} is taken by another program` : `cannot listen on ${where}: ${cause.message}`;
    super(`${what}; choose another address with ${flag} HOST:PORT`, { cause });
    this.code = cause.code;
    this.flag = flag;
  }
}

export async function listening<T>(flag: string, address: Address, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (error) {
    throw new ListenError(flag, address, error as Error);
  }
}
