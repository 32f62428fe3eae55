/** What does the work: upstreams with their warm connections, and the listener for callers. No admin, no history. */
import type { AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { OpenTelemetry } from 'keepwarm/otel';
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
import { type Log, SILENT } from './logs/log.ts';
import { logFacts } from './logs/log-facts.ts';
import type { RedisConnection } from './redis/connection.ts';

export interface ServingPlaces {
  readonly log?: Log | undefined;
  /** Makes what an upstream's doings are told through; nothing without it. */
  readonly telemetry?: ((upstream: string) => OpenTelemetry) | undefined;
  /** Of the block `redis`, opened; whoever opened it closes it, afterwards. */
  readonly redis?: RedisConnection | undefined;
}

/** Upstreams by what became of them. */
export interface Reloaded {
  readonly kept: readonly string[];
  readonly begun: readonly string[];
  readonly ended: readonly string[];
}

export class Serving {
  readonly data: DataServer;
  readonly feed = new Feed();
  readonly calls = new CallLog(this.feed);
  readonly #places: ServingPlaces;
  readonly #log: Log;
  #upstreams: readonly AnyUpstream[];
  #config: GatewayConfig;
  /** Configured no more, with requests under way. */
  readonly #leaving = new Set<AnyUpstream>();

  constructor(config: GatewayConfig, places: ServingPlaces) {
    this.#config = config;
    this.#places = places;
    this.#log = places.log ?? SILENT;
    // Limits that nobody counts must not pass for limits that all count together.
    if (config.redis !== undefined && places.redis === undefined) throw new TypeError('redis has not been opened');
    this.#upstreams = [...config.upstreams].map(([name, upstream]) => this.#made(name, upstream));
    this.data = new DataServer(new Routes(this.#upstreams), config);
  }

  get upstreams(): readonly AnyUpstream[] {
    return this.#upstreams;
  }
  get config(): GatewayConfig {
    return this.#config;
  }

  /** @throws the system's error, e.g. `EADDRINUSE` */
  listen(): Promise<AddressInfo> {
    return this.data.listen(this.#config.listen.host, this.#config.listen.port);
  }

  /** Has connections opened ahead of calls; an upstream that cannot be reached stops nothing. */
  warmUp(upstreams: readonly AnyUpstream[] = this.#upstreams): void {
    for (const upstream of upstreams) upstream.warmUp().catch(closedMeanwhile);
  }

  /** What is configured as before keeps its connections. @throws ConfigError; then nothing has changed */
  reload(config: GatewayConfig): Reloaded {
    checkReload(this.#config, config);
    if (config.tls !== undefined) this.data.renew(config.tls);
    const before = new Map(this.#upstreams.map((upstream) => [upstream.name, upstream]));
    const kept = new Set<AnyUpstream>();
    const upstreams = [...config.upstreams].map(([name, upstream]) => {
      const old = before.get(name);
      if (old === undefined || !isDeepStrictEqual(old.config, upstream)) return this.#made(name, upstream, old);
      kept.add(old);
      return old;
    });
    this.#upstreams = upstreams;
    this.#config = config;
    this.data.route(new Routes(upstreams));
    const begun = upstreams.filter((upstream) => !kept.has(upstream));
    this.warmUp(begun);
    const left = [...before.values()].filter((upstream) => !kept.has(upstream));
    for (const upstream of left) this.#leave(upstream, config.drainMs);
    for (const { name } of left) if (!config.upstreams.has(name)) this.calls.forget(name);
    return { kept: namesOf([...kept]), begun: namesOf(begun), ended: namesOf(left) };
  }

  /** Once nobody is served any more. */
  async close(): Promise<void> {
    await Promise.all([...this.#upstreams, ...this.#leaving].map((upstream) => upstream.close(0)));
  }

  /** An upstream whose facts are heard by all who tell of them. @param before whose place it takes */
  #made(name: string, config: UpstreamConfig | RpcUpstreamConfig, before?: AnyUpstream): AnyUpstream {
    const telemetry = this.#places.telemetry?.(name);
    const limits = this.#places.redis?.limits;
    const upstream =
      'rpc' in config
        ? new RpcUpstream(name, config, telemetry, before?.book, limits)
        : new Upstream(name, config, telemetry, before?.book, limits);
    upstream.book.listen(feedFacts(name, this.feed));
    upstream.book.listen(this.calls.observer(name));
    upstream.book.listen(logFacts(name, this.#log, this.#config.logs));
    return upstream;
  }

  #leave(upstream: AnyUpstream, drainMs: number): void {
    this.#leaving.add(upstream);
    upstream.drain();
    const gone = upstream.tenure.over(drainMs).then(() => upstream.close(0));
    void gone.catch(closedMeanwhile).finally(() => this.#leaving.delete(upstream));
  }
}

/** What listeners, and processes, were started with. */
const FIXED = [
  ...(['listen', 'admin', 'workers', 'callersMax', 'callerIdleMs', 'callerStallMs', 'requestMs'] as const),
  ...(['access', 'history', 'logs', 'redis'] as const),
];

/** @throws ConfigError for what cannot be changed without a restart */
export function checkReload(before: GatewayConfig, config: GatewayConfig): void {
  for (const name of FIXED) {
    if (isDeepStrictEqual(config[name], before[name])) continue;
    throw new ConfigError(name, 'cannot be changed while the gateway runs; restart it');
  }
  if ((config.tls === undefined) === (before.tls === undefined)) return;
  throw new ConfigError('tls', 'cannot be switched on or off while the gateway runs; restart it');
}

const namesOf = (list: readonly AnyUpstream[]): string[] => list.map(({ name }) => name);

/** There is nothing to warm any more, or nothing to wait for. */
function closedMeanwhile(): void {}
