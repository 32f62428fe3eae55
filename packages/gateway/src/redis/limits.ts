/**
 * Which limits of a configuration Redis counts, and under which names: `UPSTREAM/ENDPOINT` for those of JSON-RPC
 * endpoints, `UPSTREAM` for those of an origin and for connections opened to a gRPC upstream, `UPSTREAM/SECTION` for
 * those of a section and `UPSTREAM/*` for those of all sections together. The names stay when anything else of the
 * configuration changes, so that gateways with an old file and a new one count together.
 */
import { type Call, NetError, type Observer, type Policy } from 'keepwarm';
import type { GrpcPoolOptions } from 'keepwarm/grpc';
import { createRpc, type EndpointLimiter } from 'keepwarm/jsonrpc';
import {
  type FleetOptions,
  type FleetRateLimit,
  type RedisClient,
  type RedisConnectionRate,
  redisConnectionRate,
  redisEndpointLimits,
  redisRateLimit,
} from 'keepwarm/redis';
import type { GatewayConfig, UpstreamConfig } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import { rateLimitOf } from '../config/rate-tables.ts';
import type { RedisConfig } from '../config/redis.ts';
import { allOf } from '../config/sections.ts';

type Figures = Exclude<Extract<GrpcPoolOptions['connectionRate'], object>, { readonly start: unknown }>;

/** Limits that are counted in one Redis. */
export class LimitsInRedis {
  readonly #config: RedisConfig;
  readonly #client: RedisClient;
  readonly #workers: number;

  /** @param workers processes of each gateway: among them its share is divided again */
  constructor(config: RedisConfig, client: RedisClient, workers: number) {
    this.#config = config;
    this.#client = client;
    this.#workers = workers;
  }

  /** @throws NetError `INVALID`, when the client of the endpoints is made */
  ofEndpoints(upstream: string): EndpointLimiter {
    return redisEndpointLimits({ ...this.#fleet, name: upstream });
  }

  /** Takes the place of the option; the client closes it with itself. @throws NetError `INVALID` */
  ofOrigin(
    config: UpstreamConfig,
    upstream: string,
    observer: Observer = {},
    whole?: FleetRateLimit,
  ): FleetRateLimit | undefined {
    const limits = rateLimitOf(config.client, (limit) => limit.whole !== true);
    const own = limits && redisRateLimit({ ...this.#fleet, ...limits, name: upstream }, { observer });
    return whole === undefined ? own : within(own, whole);
  }

  /** Of an upstream over all its sections. Whoever makes it closes it. @throws NetError `INVALID` */
  ofWhole(config: UpstreamConfig, upstream: string, observer: Observer = {}): FleetRateLimit | undefined {
    const limits = rateLimitOf(config.client, (limit) => limit.whole === true);
    // No section has this name, and no upstream.
    return limits && redisRateLimit({ ...this.#fleet, ...limits, name: `${upstream}/*` }, { observer });
  }

  /** Whoever makes it closes it. @throws NetError `INVALID` */
  ofConnections(upstream: string, { path: _, ...figures }: Figures): RedisConnectionRate {
    const { prefix, redisMs, onLoss, share } = this.#config;
    const lost = onLoss === 'local' ? { onLoss: 'share', processes: share } : { onLoss };
    const loss = lost as { readonly onLoss: 'closed' | 'share'; readonly processes?: number };
    return redisConnectionRate({ ...figures, ...loss, name: upstream, client: this.#client, prefix, redisMs });
  }

  get #fleet(): Omit<FleetOptions, 'name' | 'limits'> {
    const { prefix, redisMs, onLoss, share } = this.#config;
    return { client: this.#client, prefix, redisMs, onLoss, share: onLoss === 'local' ? share * this.#workers : 1 };
  }
}

/** A call has a place in its section's own limits before it waits for one in those of all. */
function within(own: FleetRateLimit | undefined, whole: FleetRateLimit): FleetRateLimit {
  const policy: Policy = (next) => (own === undefined ? whole(next) : own(whole(next)));
  return Object.assign(policy, {
    mayStart: (call: Call, now?: number) => (own?.mayStart(call, now) ?? true) && whole.mayStart(call, now),
    rates: () => own?.rates() ?? [],
    snapshot: () => own?.snapshot() ?? { ...whole.snapshot(), limits: [], waiting: 0 },
    close: () => own?.close(),
  });
}

const never = (): Promise<never> => new Promise(() => undefined);
const NOBODY: RedisClient = { evalsha: never, eval: never };

/** Has the library look at every limit that would be counted in Redis; none is asked. @throws ConfigError */
export function checkLimitsInRedis({ redis, workers = 1, upstreams, grpc = new Map() }: GatewayConfig): void {
  if (redis === undefined) return;
  const limits = new LimitsInRedis(redis, NOBODY, workers);
  for (const [name, upstream] of upstreams) {
    checked(name, () => {
      if ('rpc' in upstream) {
        void createRpc({ ...upstream.rpc, limiter: limits.ofEndpoints(name) }).close({ deadlineMs: 0 });
      } else {
        limits.ofWhole(upstream, name)?.close();
        for (const each of allOf(upstream)) limits.ofOrigin(each, name)?.close();
      }
    });
  }
  for (const [name, { pool }] of grpc) {
    const figures = startsOf(pool);
    if (figures === undefined) continue;
    if (figures.path !== undefined) {
      throw new ConfigError(`upstreams.${name}.connectionRate.path`, 'is not used with redis, which remembers');
    }
    checked(name, () => limits.ofConnections(name, figures).close());
  }
}

/** The figures of a limit on opening connections; nothing where there is none. */
export function startsOf({ connectionRate }: GrpcPoolOptions): Figures | undefined {
  if (typeof connectionRate !== 'object' || 'start' in connectionRate) return undefined;
  return connectionRate;
}

function checked(name: string, made: () => void): void {
  try {
    made();
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    throw new ConfigError(`upstreams.${name}`, `cannot be counted in Redis: ${error.message}`);
  }
}
