/**
 * Several nodes as one, under the names of the RPC connection pool this library grew from. It is `createRpc`, in other
 * words: endpoints by name with `maxRequestsPerSecond`, and how much of that is used told to a monitor.
 */

import type { EndpointState } from '../../balance/endpoint.ts';
import type { HTTPClientStats } from '../../clients/http-client.ts';
import { httpStatsOf } from '../../clients/http-client.ts';
import type { RpcAdapter } from '../../clients/jsonrpc/adapter.ts';
import { RpcClient } from '../../clients/jsonrpc/client.ts';
import type { RpcCallOptions, RpcOptions } from '../../clients/jsonrpc/options.ts';
import { check, OPTIONS } from '../../clients/options.ts';
import { checkKnown, checkOptions, refused, show } from '../../core/refusal.ts';
import { solana } from './index.ts';

export interface PoolEndpoint {
  readonly url: string | URL;
  /** Its share of the traffic, relative to the others. Default 1. */
  readonly weight?: number | undefined;
  /** In any second, exactly. Default: no limit. */
  readonly maxRequestsPerSecond?: number | undefined;
}

/** Whoever wants to know how much of each limit is used. */
export interface PerformanceMonitor {
  /** After a call: requests that count against the limit of this endpoint now, and the limit. */
  updateRateLimitMetrics(endpoint: string, requests: number, maxRequestsPerSecond: number): void;
}

export interface RpcConnectionPoolOptions extends Omit<Partial<RpcOptions>, 'endpoints' | 'pool'> {
  /** What methods mean. Default: those of Solana. */
  readonly adapter?: RpcAdapter;
  /** Requests under way at once; further ones wait. Default 100. */
  readonly maxConcurrentRequests?: number | undefined;
  /** Length of one call, in ms. Default 30,000. */
  readonly timeout?: number | undefined;
}

export interface RpcConnectionPoolStats {
  readonly activeRequests: number;
  readonly maxConcurrentRequests: number;
  readonly endpoints: readonly {
    readonly name: string;
    readonly health: 'healthy' | 'unhealthy';
    readonly state: EndpointState;
    readonly successfulRequests: number;
    readonly failedRequests: number;
    /** In ms. */
    readonly latency: number;
    /** Of `maxRequestsPerSecond`, 0…1; 0 without one. */
    readonly rateLimitUtilization: number;
  }[];
  readonly httpClient: HTTPClientStats;
}

const CONCURRENT_MAX = 100;
/** Those of the design: connections per node, and how long they are kept unused, in ms. */
const SOCKETS_MAX = 50;
const IDLE_MS = 15_000;
const TIMEOUT_MS = 30_000;
/** As the queue of a connection pool. */
const WAITERS_MAX = 10_000;

const CONCURRENT = { ...OPTIONS.pool.socketsTotalMax, default: CONCURRENT_MAX };

/** @throws NetError `INVALID` naming the endpoint and its option */
function checkEndpoint(name: string, endpoint: PoolEndpoint): void {
  checkOptions(`endpoint ${show(name)}`, endpoint);
  checkKnown(endpoint, ['url', 'weight', 'maxRequestsPerSecond'], '', ` of endpoint ${show(name)}`);
  const { maxRequestsPerSecond: limit } = endpoint;
  if (limit === undefined || (Number.isSafeInteger(limit) && limit >= 1)) return;
  throw refused(`maxRequestsPerSecond of endpoint ${show(name)}`, limit, 'a whole number from 1');
}

export class RpcConnectionPool {
  /** The client beneath, for what has no name here. */
  readonly rpc: RpcClient;
  readonly #maxConcurrentRequests: number;
  readonly #limits: ReadonlyMap<string, number>;
  #monitor: PerformanceMonitor | null;

  /** @throws NetError `INVALID` naming the option that is not acceptable */
  constructor(
    endpoints: Readonly<Record<string, PoolEndpoint>>,
    performanceMonitor: PerformanceMonitor | null = null,
    options: RpcConnectionPoolOptions = {},
  ) {
    checkOptions('option endpoints', endpoints);
    checkOptions('what RpcConnectionPool was given', options);
    const { maxConcurrentRequests = CONCURRENT_MAX, timeout = TIMEOUT_MS, adapter = solana, ...rest } = options;
    check('option maxConcurrentRequests', maxConcurrentRequests, CONCURRENT);
    check('option timeout', timeout, OPTIONS.call.deadlineMs);
    const named = Object.entries(endpoints);
    for (const [name, endpoint] of named) checkEndpoint(name, endpoint);
    this.#maxConcurrentRequests = maxConcurrentRequests;
    this.#limits = new Map(
      named.flatMap(([name, { maxRequestsPerSecond: limit }]) => (limit === undefined ? [] : [[name, limit] as const])),
    );
    this.#monitor = performanceMonitor;
    this.rpc = new RpcClient({
      deadlineMs: timeout,
      // Over HTTP/2 one connection carries many: a cap on connections is none on calls.
      concurrency: {
        ...{ algorithm: 'fixed', limit: maxConcurrentRequests, key: () => 'all endpoints' },
        ...{ waitMs: timeout, waitersMax: WAITERS_MAX },
      },
      ...rest,
      adapter,
      endpoints: named.map(([name, { url, weight, maxRequestsPerSecond: limit }]) => ({
        url,
        name,
        weight,
        rateLimit: limit === undefined ? undefined : { limit, windowMs: 1_000 },
      })),
      pool: {
        socketsMax: Math.min(SOCKETS_MAX, maxConcurrentRequests),
        socketsTotalMax: maxConcurrentRequests,
        idleMs: IDLE_MS,
      },
    });
  }

  /** @throws as `call` of `createRpc` */
  async call<T = unknown>(method: string, params?: unknown, options?: RpcCallOptions): Promise<T> {
    try {
      return await this.rpc.call<T>(method, params, options);
    } finally {
      if (this.#monitor !== null) this.#tell(this.#monitor);
    }
  }

  /** From now on this one is told, instead of whoever was before; `null` for nobody. */
  setPerformanceMonitor(monitor: PerformanceMonitor | null): void {
    this.#monitor = monitor;
  }

  /** Opens a connection to each endpoint: TCP and TLS, no request. Never throws. */
  async warmUpConnections(): Promise<void> {
    await this.rpc.warmUp();
  }

  getStats(): RpcConnectionPoolStats {
    const { endpoints, http } = this.rpc.stats();
    return {
      activeRequests: http.calls.inFlight,
      maxConcurrentRequests: this.#maxConcurrentRequests,
      endpoints: endpoints.map(({ name, state, successes, failures, latencyMs, rateLimit: [limit] }) => ({
        name,
        health: isWell(state) ? 'healthy' : 'unhealthy',
        state,
        successfulRequests: successes,
        failedRequests: failures,
        latency: latencyMs,
        rateLimitUtilization: limit === undefined ? 0 : limit.used / limit.limit,
      })),
      httpClient: httpStatsOf(http, SOCKETS_MAX),
    };
  }

  /** An endpoint takes calls, there is room for one, and most calls so far have been answered. */
  isHealthy(): boolean {
    const { endpoints, activeRequests } = this.getStats();
    const { calls } = this.rpc.stats().http;
    const answers = calls.failed <= calls.total / 2;
    return endpoints.some(({ state }) => isWell(state)) && activeRequests < this.#maxConcurrentRequests && answers;
  }

  /** Lets calls under way finish, then closes everything. Twice is harmless. */
  cleanup(): Promise<void> {
    return this.rpc.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cleanup();
  }

  #tell(monitor: PerformanceMonitor): void {
    if (this.#limits.size === 0) return;
    for (const { name, rateLimit } of this.rpc.stats().endpoints) {
      const limit = this.#limits.get(name);
      if (limit !== undefined) monitor.updateRateLimitMetrics(name, rateLimit[0]?.used ?? 0, limit);
    }
  }
}

const isWell = (state: EndpointState): boolean => state === 'healthy' || state === 'slow-start';
