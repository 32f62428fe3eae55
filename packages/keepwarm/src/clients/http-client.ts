/**
 * `HTTPClient`: the client under the names, options and reply shape of a pooled Node client, for code written against
 * those. Any URL, answers of every status as `{ status, statusText, headers, data }`: statuses are the caller's to
 * judge, and only what got no answer is repeated. Nothing is done here that `createClient` does not do: it is a table
 * of names.
 */

import { type Clock, systemClock } from '../core/clock.ts';
import type { FieldsInput } from '../core/fields.ts';
import { checkKnown, checkOptions, invalid, show, withDefaults } from '../core/refusal.ts';
import type { BodyInput } from './call-body.ts';
import { Client } from './client.ts';
import type { ClientOptions } from './client-options.ts';
import { Facts } from './facts.ts';
import { jsonText, roomy, within } from './one-timeout.ts';
import { OPTIONS } from './options.ts';
import { is, merged, type OtherNames, translate } from './other-names.ts';
import type { FullReply } from './pending.ts';
import { type RpcId, resultOf } from './rpc.ts';
import type { ClientStats } from './stats.ts';
import { type ConnectionTracker, track } from './tracker.ts';
import { type EndpointWarmth, type WarmUpEndpoint, warmUpAll } from './warm-endpoints.ts';

export interface HTTPClientOptions {
  /** Connections per origin. Default 50. */
  readonly maxSockets?: number | undefined;
  /** Idle connections kept per origin. Default 10. */
  readonly maxFreeSockets?: number | undefined;
  /** Length of a whole call in ms, body included. Default 60,000. */
  readonly timeout?: number | undefined;
  /** Silence before the system probes the peer, in ms. Default 30,000. */
  readonly keepAliveMsecs?: number | undefined;
  /** How long a connection may be unused, in ms. Default 30,000. */
  readonly freeSocketTimeout?: number | undefined;
  /** Default `fifo`: all idle connections take turns. */
  readonly scheduling?: 'fifo' | 'lifo' | undefined;
  /** Address family. Default `auto`: both, side by side. */
  readonly family?: 4 | 6 | 'auto' | undefined;
  /** Whatever else `createClient` takes; the names above win over it. */
  readonly client?: ClientOptions | undefined;
}

export const HTTP_OPTIONS = {
  maxSockets: is('pool', 'socketsMax'),
  maxFreeSockets: is('pool', 'idleMax'),
  timeout: is('call', 'deadlineMs'),
  keepAliveMsecs: is('connect', 'tcpKeepAliveMs'),
  freeSocketTimeout: is('pool', 'idleMs'),
  scheduling: is('pool', 'scheduling'),
  family: is('connect', 'family', {
    values: [
      ['auto', 0],
      [4, 4],
      [6, 6],
    ],
  }),
} as const satisfies OtherNames;

/** Where they differ from those of `createClient`. */
const HTTP_DEFAULTS = { timeout: 60_000, scheduling: 'fifo' } as const satisfies HTTPClientOptions;

export interface HTTPRequestOptions {
  /** Default `GET`. */
  readonly method?: string | undefined;
  readonly headers?: FieldsInput | undefined;
  /** Text and objects go out as `application/json` unless the headers say otherwise. */
  readonly body?: BodyInput;
  /** Length of this call in ms. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The connections of one scheme, over all origins. */
export interface AgentStats {
  /** Connections there may be per origin. */
  readonly maxSockets: number;
  readonly freeSockets: number;
  /** Connections lent to calls. */
  readonly sockets: number;
  /** Calls waiting for a connection. */
  readonly requests: number;
}

export interface HTTPClientStats {
  readonly totalRequests: number;
  /** Connections lent to calls at this moment. */
  readonly activeConnections: number;
  /** Calls that were lent a connection that had served before; counted once, when it is lent. */
  readonly poolHits: number;
  /** Calls that were lent a connection's first use. */
  readonly poolMisses: number;
  /** Mean from call to the end of the reply, in ms. */
  readonly avgLatency: number;
  readonly errors: number;
  /** `poolHits` ÷ (`poolHits` + `poolMisses`), 0…1. */
  readonly poolEfficiency: number;
  readonly httpsAgentStats: AgentStats;
  readonly httpAgentStats: AgentStats;
}

export class HTTPClient {
  /** The client beneath, for what has no name here. */
  readonly client: Client;
  readonly #facts = new Facts();
  readonly #clock: Clock;
  readonly #maxSockets: number;
  #untrack: (() => void) | undefined;
  #rpcCalls = 0;

  constructor(options: HTTPClientOptions = {}) {
    checkOptions('what HTTPClient was given', options);
    const { client = {}, ...named } = options;
    checkOptions('option client', client);
    this.#clock = client.clock ?? systemClock;
    if (client.observer !== undefined) this.#facts.listen(client.observer);
    // `maxSockets` bounds calls as well: one on each connection.
    const settings = merged(merged({ http2: 'never', ...defaults() }, client), translate(HTTP_OPTIONS, named));
    this.#maxSockets = settings.pool?.socketsMax ?? OPTIONS.pool.socketsMax.default;
    this.client = new Client({
      ...roomy(settings),
      retry: withoutStatuses(settings.retry),
      breaker: withoutStatuses(settings.breaker),
      observer: this.#facts.observer,
    });
  }

  request(url: string | URL, options: HTTPRequestOptions = {}): Promise<FullReply> {
    checkKnown(options, REQUEST, '', ' of a request');
    const { method, body, timeout, signal } = options;
    const headers = typeof body === 'string' ? jsonText(options.headers) : options.headers;
    return this.client.request(url, { method, body, headers, signal, ...within(timeout) }).full();
  }

  get(url: string | URL, headers?: FieldsInput): Promise<FullReply> {
    return this.request(url, { headers });
  }
  head(url: string | URL, headers?: FieldsInput): Promise<FullReply> {
    return this.request(url, { method: 'HEAD', headers });
  }
  delete(url: string | URL, headers?: FieldsInput): Promise<FullReply> {
    return this.request(url, { method: 'DELETE', headers });
  }
  post(url: string | URL, body?: BodyInput, headers?: FieldsInput): Promise<FullReply> {
    return this.request(url, { method: 'POST', body, headers });
  }
  put(url: string | URL, body?: BodyInput, headers?: FieldsInput): Promise<FullReply> {
    return this.request(url, { method: 'PUT', body, headers });
  }
  patch(url: string | URL, body?: BodyInput, headers?: FieldsInput): Promise<FullReply> {
    return this.request(url, { method: 'PATCH', body, headers });
  }

  /**
   * A JSON-RPC call; ids count up from 1 unless one is given.
   *
   * @throws RpcError for the peer's own error; NetError for everything else
   */
  async rpcCall(
    url: string | URL,
    method: string,
    params?: unknown,
    id: RpcId | null = null,
    headers?: FieldsInput,
  ): Promise<unknown> {
    const call = { jsonrpc: '2.0', id: id ?? ++this.#rpcCalls, method, params };
    return resultOf(await this.client.post(url, call, { headers }), call.id);
  }

  /**
   * Opens a connection to each endpoint: TCP and TLS, and a request only to those that name one. Never throws: what
   * went wrong stands in the result.
   */
  warmUp(endpoints: Iterable<WarmUpEndpoint>): Promise<EndpointWarmth[]> {
    return warmUpAll(this.client, this.#clock, endpoints, undefined);
  }

  /** Closes idle connections, never one in use. @returns how many */
  closeIdleConnections(): number {
    return this.client.closeIdle();
  }

  /** Takes no more calls, lets those under way finish, then closes everything. */
  close(options?: { readonly deadlineMs?: number }): Promise<void> {
    return this.client.close(options);
  }

  /** Closes everything now. */
  destroy(): void {
    this.client.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  isHealthy(): boolean {
    return this.client.isHealthy();
  }

  getStats(): HTTPClientStats {
    return httpStatsOf(this.client.stats(), this.#maxSockets);
  }

  /** Tells `tracker` about every connection from now on, instead of whoever was told before; `null` for nobody. */
  setConnectionTracker(tracker: ConnectionTracker | null): void {
    if (tracker !== null && typeof tracker?.trackConnection !== 'function') {
      throw invalid(`a tracker is ${show(tracker)}; allowed: an object with trackConnection(), or null`);
    }
    this.#untrack?.();
    this.#untrack = tracker === null ? undefined : track(this.#facts, tracker, this.#clock);
  }
}

const REQUEST = ['method', 'headers', 'body', 'timeout', 'signal'] satisfies (keyof HTTPRequestOptions)[];

function defaults(): ClientOptions {
  return { headers: { accept: 'application/json' }, ...translate(HTTP_OPTIONS, HTTP_DEFAULTS) };
}

/** Callers get answers of every status to judge for themselves: none is repeated, none opens a breaker unasked. */
function withoutStatuses<T extends object>(option: boolean | T | undefined) {
  return option === true ? { statuses: [] } : withDefaults<object | boolean | undefined>({ statuses: [] }, option);
}

/** What a client knows of itself, under these names. */
export function httpStatsOf({ calls, latency, reuse, pools }: ClientStats, maxSockets: number): HTTPClientStats {
  return {
    totalRequests: calls.total,
    activeConnections: pools.reduce((sum, pool) => sum + pool.inFlight, 0),
    poolHits: reuse.reused,
    poolMisses: reuse.fresh,
    avgLatency: latency.meanMs,
    errors: calls.failed,
    poolEfficiency: reuse.ratio,
    httpsAgentStats: agentStats(pools, 'https:', maxSockets),
    httpAgentStats: agentStats(pools, 'http:', maxSockets),
  };
}

function agentStats(pools: ClientStats['pools'], scheme: string, maxSockets: number): AgentStats {
  let [freeSockets, sockets, requests] = [0, 0, 0];
  for (const pool of pools) {
    if (!pool.origin.startsWith(scheme)) continue;
    freeSockets += pool.idle;
    sockets += pool.inFlight;
    requests += pool.waiting;
  }
  return { maxSockets, freeSockets, sockets, requests };
}
