/**
 * `ConnectionPoolCore`: the client under the names of a stand-alone connection pool for any HTTP or HTTPS service, with
 * its metrics, its events and its environment variables. Connections, limits and safety are those of `createClient`. It
 * is the pool by itself: one call is one request, so retry and breaker are off unless `client` asks for them.
 */

import { type Clock, systemClock } from '../core/clock.ts';
import type { FieldsInput } from '../core/fields.ts';
import { checkKnown, checkOptions } from '../core/refusal.ts';
import type { SocketLife } from '../net/sockets.ts';
import type { BodyInput } from './call-body.ts';
import { Client } from './client.ts';
import type { ClientOptions } from './client-options.ts';
import { CORE_OPTIONS, optionsFromEnv } from './env.ts';
import { type FactListener, type FactName, Facts } from './facts.ts';
import { jsonText, roomy, within } from './one-timeout.ts';
import { OPTIONS } from './options.ts';
import { merged, translate } from './other-names.ts';
import type { FullReply } from './pending.ts';
import { type ConnectionPoolMetrics, metricsOf, OpeningRecord } from './pool-metrics.ts';
import { type EndpointWarmth, type WarmUpEndpoint, warmUpAll } from './warm-endpoints.ts';

/** Each is also an environment variable, `timeout` aside: docs/reference/environment.md. */
export interface ConnectionPoolOptions {
  /** `false` gives every call a connection of its own. Default true. */
  readonly keepAlive?: boolean | undefined;
  /** Silence before the system probes the peer, in ms. Default 30,000. */
  readonly keepAliveMsecs?: number | undefined;
  /** Connections per origin. Default 50. */
  readonly maxSockets?: number | undefined;
  /**
   * Idle connections kept per origin. Default: as many as `maxSockets`, so that a burst finds what the last one opened.
   */
  readonly maxFreeSockets?: number | undefined;
  /** Opening a connection, in ms: name lookup, TCP and TLS together. Default 10,000. */
  readonly connectionTimeout?: number | undefined;
  /** Default `lifo`: the connection used last is the surest to be alive. */
  readonly scheduling?: 'lifo' | 'fifo' | undefined;
  /** Sends small writes at once (TCP_NODELAY). Default true. */
  readonly noDelay?: boolean | undefined;
  /** Bytes of a reply's body, as it comes and after decoding. Default 64 MiB. */
  readonly responseSizeLimit?: number | undefined;
  /** An idle connection is closed when it has been unused for this long, in ms. Default 30,000. */
  readonly cleanupPeriodMs?: number | undefined;
  /** Length of a whole call in ms, body included. Default 30,000. */
  readonly timeout?: number | undefined;
  /** Whatever else `createClient` takes; the names above and the environment win over it. */
  readonly client?: ClientOptions | undefined;
}

export interface ExecuteOptions {
  /** Default `GET`. */
  readonly method?: string | undefined;
  readonly headers?: FieldsInput | undefined;
  /** Text and objects go out as `application/json` unless the headers say otherwise. */
  readonly body?: BodyInput;
  /** Length of this call in ms. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Every connection there is, and those closed last, with their lives. */
export interface RecordedSockets {
  readonly live: readonly SocketLife[];
  readonly history: readonly SocketLife[];
}

const EXECUTE = ['method', 'headers', 'body', 'timeout', 'signal'] satisfies (keyof ExecuteOptions)[];

export class ConnectionPoolCore {
  /** The client beneath, for what has no name here. */
  readonly client: Client;
  readonly #facts = new Facts();
  readonly #openings: OpeningRecord;
  readonly #clock: Clock;
  readonly #heapAtStart = process.memoryUsage().heapUsed;

  /**
   * @param env where variables are looked up; they win over `client`, and the options named here over them
   * @throws NetError `INVALID` naming the option or variable, its value and what is allowed
   */
  constructor(options: ConnectionPoolOptions = {}, env: Readonly<Record<string, string | undefined>> = process.env) {
    checkOptions('what ConnectionPoolCore was given', options);
    const { client = {}, ...named } = options;
    checkOptions('option client', client);
    this.#clock = client.clock ?? systemClock;
    if (client.observer !== undefined) this.#facts.listen(client.observer);
    this.#openings = new OpeningRecord(this.#facts);
    const settings = merged(merged(client, optionsFromEnv(env)), translate(CORE_OPTIONS, named));
    const idleMax = settings.pool?.socketsMax ?? OPTIONS.pool.socketsMax.default;
    this.client = new Client({
      ...roomy(merged({ http2: 'never', pool: { idleMax }, retry: false, breaker: false }, settings)),
      observer: this.#facts.observer,
    });
  }

  /** Any method to any http or https URL; replies of every status are returned. @throws NetError */
  execute<T = unknown>(url: string | URL, options: ExecuteOptions = {}): Promise<FullReply<T>> {
    checkKnown(options, EXECUTE, '', ' of execute');
    const { method, body, timeout, signal } = options;
    const headers = typeof body === 'string' ? jsonText(options.headers) : options.headers;
    return this.client.request(url, { method, body, headers, signal, ...within(timeout) }).full<T>();
  }

  /**
   * Opens connections ahead of the first call: TCP and TLS, and a request only to endpoints that name one. Never
   * throws.
   *
   * @param options.connections to have open to each. Default 1
   */
  warmUp(
    endpoints: WarmUpEndpoint | Iterable<WarmUpEndpoint>,
    options: { readonly connections?: number } = {},
  ): Promise<EndpointWarmth[]> {
    const single = typeof endpoints === 'string' || !(Symbol.iterator in endpoints);
    return warmUpAll(this.client, this.#clock, single ? [endpoints] : endpoints, options.connections);
  }

  getMetrics(): ConnectionPoolMetrics {
    return metricsOf(this.client.stats(), this.#openings, this.#heapAtStart);
  }

  /** Every socket's recorded life: opening, in use, idle, closed, and why. */
  getSockets(): RecordedSockets {
    const { live, history } = this.client.stats().sockets;
    return { live, history };
  }

  /** Calls `listener` with every fact of that name: docs/reference/observer.md lists them. */
  on<N extends FactName>(name: N, listener: FactListener<N>): this {
    this.#facts.on(name, listener);
    return this;
  }

  /** The next fact of that name only. */
  once<N extends FactName>(name: N, listener: FactListener<N>): this {
    const first: FactListener<N> = (fact) => {
      this.#facts.off(name, first);
      listener(fact);
    };
    return this.on(name, first);
  }

  off<N extends FactName>(name: N, listener: FactListener<N>): this {
    this.#facts.off(name, listener);
    return this;
  }

  isHealthy(): boolean {
    return this.client.isHealthy();
  }

  /** Closes idle connections, never one in use. @returns how many */
  closeIdle(): number {
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
}
