/** What does the work: upstreams with their warm connections, and the listener for callers. No admin, no history. */
import type { AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { OpenTelemetry } from 'keepwarm/otel';
import type { GatewayConfig, UpstreamConfig } from './config/config.ts';
import { ConfigError } from './config/config-error.ts';
import { wholeLimitsOf } from './config/rate-tables.ts';
import type { RpcUpstreamConfig } from './config/rpc-upstream.ts';
import { RequestIds } from './data/request-ids.ts';
import { type AnyUpstream, Routes } from './data/routes.ts';
import { RpcUpstream } from './data/rpc-upstream.ts';
import { Sections } from './data/sections.ts';
import { DataServer } from './data/server.ts';
import { Upstream } from './data/upstream.ts';
import { CallLog } from './figures/call-log.ts';
import { Feed } from './figures/feed.ts';
import { feedFacts } from './figures/feed-facts.ts';
import { WholeLimits } from './limits/whole-limits.ts';
import { type Log, SILENT } from './logs/log.ts';
import { logAnswers, logFacts } from './logs/log-facts.ts';
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
    this.#upstreams = [...config.upstreams].map(([name, upstream]) => this.#whole(name, upstream));
    this.data = new DataServer(new Routes(this.#upstreams), config, idsOf(config, this.#log));
  }

  /** Those there are now, each with its sections behind it. */
  get upstreams(): readonly AnyUpstream[] {
    return this.#upstreams.flatMap((upstream) => [upstream, ...(sectionsOf(upstream)?.all ?? [])]);
  }
  /** Those there are as long as the configuration is this one. */
  get lasting(): readonly AnyUpstream[] {
    return this.#upstreams.flatMap((upstream) => [upstream, ...(sectionsOf(upstream)?.listed ?? [])]);
  }
  get config(): GatewayConfig {
    return this.#config;
  }

  /** @throws the system's error, e.g. `EADDRINUSE` */
  listen(): Promise<AddressInfo> {
    return this.data.listen(this.#config.listen.host, this.#config.listen.port);
  }

  /** Has connections opened ahead of calls; an upstream that cannot be reached stops nothing. */
  warmUp(upstreams: readonly AnyUpstream[] = this.lasting): void {
    for (const upstream of upstreams) upstream.warmUp().catch(closedMeanwhile);
  }

  /** What is configured as before keeps its connections. @throws ConfigError; then nothing has changed */
  reload(config: GatewayConfig): Reloaded {
    checkReload(this.#config, config);
    if (config.tls !== undefined) this.data.renew(config.tls);
    const before = new Map(this.#upstreams.map((upstream) => [upstream.name, upstream]));
    const all = new Set(this.upstreams);
    const upstreams = [...config.upstreams].map(([name, upstream]) => this.#taken(name, upstream, before.get(name)));
    this.#upstreams = upstreams;
    this.#config = config;
    this.data.route(new Routes(upstreams), idsOf(config, this.#log));
    const now = this.upstreams;
    const begun = now.filter((upstream) => !all.has(upstream));
    this.warmUp(begun);
    const left = [...all].filter((upstream) => !now.includes(upstream));
    for (const upstream of left) this.#leave(upstream, config.drainMs);
    for (const { name } of left) if (now.every((each) => each.name !== name)) this.calls.forget(name);
    return { kept: namesOf(now.filter((each) => all.has(each))), begun: namesOf(begun), ended: namesOf(left) };
  }

  /** Once nobody is served any more. */
  async close(): Promise<void> {
    for (const upstream of this.#upstreams) sectionsOf(upstream)?.close();
    await Promise.all([...this.upstreams, ...this.#leaving].map((upstream) => upstream.close(0)));
  }

  /** What serves an upstream from now on: what did before, where it is configured as before. */
  #taken(name: string, config: UpstreamConfig | RpcUpstreamConfig, old: AnyUpstream | undefined): AnyUpstream {
    if (old === undefined || 'rpc' in old || 'rpc' in config) {
      return old !== undefined && isDeepStrictEqual(old.config, config) ? old : this.#whole(name, config, old);
    }
    if (isDeepStrictEqual(old.config, config)) return old;
    const [{ sections: _, ...before }, { sections: __, ...after }] = [old.config, config];
    if (!isDeepStrictEqual(before, after)) return this.#whole(name, config, old);
    // Its sections alone have changed: who has none does not notice.
    old.config = config;
    this.#divide(old, old.sections);
    return old;
  }

  /** With its sections. @param before whose place it takes */
  #whole(name: string, config: UpstreamConfig | RpcUpstreamConfig, before?: AnyUpstream): AnyUpstream {
    if ('rpc' in config) return this.#made(name, config, before);
    const whole = this.#wholeLimits(name, config, before);
    const upstream = this.#made(name, config, before, whole) as Upstream;
    whole?.tellTo(upstream.book.observer);
    this.#divide(upstream, before && sectionsOf(before));
    return upstream;
  }

  /** Limits over all sections go on as long as they are the same, whatever becomes of those. */
  #wholeLimits(name: string, config: UpstreamConfig, before: AnyUpstream | undefined): WholeLimits | undefined {
    const limits = wholeLimitsOf(config.client);
    if (limits.length === 0) return undefined;
    const known = before instanceof Upstream ? before.whole : undefined;
    const same = known !== undefined && isDeepStrictEqual(limits, wholeLimitsOf((before as Upstream).config.client));
    return same
      ? known
      : new WholeLimits(limits, (observer) => this.#places.redis?.limits.ofWhole(config, name, observer));
  }

  #divide(upstream: Upstream, before?: Sections): void {
    const { sections } = upstream.config;
    before?.close();
    upstream.sections = undefined;
    if (sections === undefined) return;
    const parts = {
      common: upstream,
      make: (name: string, config: UpstreamConfig, old?: Upstream) =>
        this.#made(`${upstream.name}/${name}`, config, old, upstream.whole) as Upstream,
      letGo: (section: Upstream) => {
        this.#leave(section, 0);
        this.calls.forget(section.name);
      },
    };
    upstream.sections = new Sections(sections, parts, before);
  }

  /** An upstream whose facts are heard by all who tell of them. @param before whose place it takes */
  #made(
    name: string,
    config: UpstreamConfig | RpcUpstreamConfig,
    before?: AnyUpstream,
    whole?: WholeLimits,
  ): AnyUpstream {
    const telemetry = this.#places.telemetry?.(name);
    const limits = this.#places.redis?.limits;
    const upstream =
      'rpc' in config
        ? new RpcUpstream(name, config, telemetry, before?.book, limits)
        : new Upstream(name, config, telemetry, before?.book, limits, whole);
    upstream.book.listen(feedFacts(name, this.feed));
    upstream.book.listen(this.calls.observer(name));
    upstream.book.listen(logFacts(name, this.#log, this.#config.logs));
    return upstream;
  }

  #leave(upstream: AnyUpstream, drainMs: number): void {
    this.#leaving.add(upstream);
    sectionsOf(upstream)?.close();
    upstream.drain();
    const gone = upstream.tenure.over(drainMs).then(() => upstream.close(0));
    void gone.catch(closedMeanwhile).finally(() => this.#leaving.delete(upstream));
  }
}

/** By which requests are followed, and how what the gateway answers by itself is told. */
export const idsOf = ({ requestIds, logs }: GatewayConfig, log: Log): RequestIds =>
  new RequestIds(requestIds, logAnswers(log, logs));

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

const sectionsOf = (upstream: AnyUpstream): Sections | undefined =>
  upstream instanceof Upstream ? upstream.sections : undefined;

const namesOf = (list: readonly AnyUpstream[]): string[] => list.map(({ name }) => name);

/** There is nothing to warm any more, or nothing to wait for. */
function closedMeanwhile(): void {}
