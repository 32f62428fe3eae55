/** A pool of JSON-RPC nodes behind one local URL: the client, and what is known of each endpoint lately. */
import type { ClientOptions } from 'keepwarm';
import { createRpc, createSubscriptions, type RpcClient, type Subscriptions } from 'keepwarm/jsonrpc';
import type { OpenTelemetry } from 'keepwarm/otel';
import type { RpcUpstreamConfig } from '../config/rpc-upstream.ts';
import { WEBSOCKET_DEFAULTS } from '../config/websocket.ts';
import { EndpointTrails } from '../figures/endpoint-trails.ts';
import { FigureBook } from '../figures/figures.ts';
import { Callers } from '../websocket/callers.ts';
import { CallerRate } from './caller-rate.ts';
import { Tenure } from './tenure.ts';

export class RpcUpstream {
  readonly name: string;
  readonly config: RpcUpstreamConfig;
  readonly rpc: RpcClient;
  readonly book = new FigureBook();
  readonly tenure = new Tenure();
  readonly callerRate: CallerRate | undefined;
  readonly trails: EndpointTrails;
  /** Its own; it is closed with it. */
  readonly telemetry: OpenTelemetry | undefined;
  /** Those who stay, by WebSocket. */
  readonly callers: Callers;
  #subscriptions: Subscriptions | undefined;
  #closed = false;

  constructor(name: string, config: RpcUpstreamConfig, telemetry?: OpenTelemetry) {
    this.telemetry = telemetry;
    this.name = name;
    this.config = config;
    this.callerRate = config.callerRate && new CallerRate(config.callerRate);
    this.rpc = createRpc({
      ...config.rpc,
      telemetry,
      observer: this.book.observer satisfies ClientOptions['observer'],
    });
    this.callers = new Callers(config.websocket ?? WEBSOCKET_DEFAULTS);
    this.trails = new EndpointTrails(() => this.rpc.endpointStats());
  }

  /** What stands in for an origin where there are several. */
  get origin(): string {
    const { adapter, endpoints } = this.config.rpc;
    return `${adapter.name}, ${endpoints.length} ${endpoints.length === 1 ? 'endpoint' : 'endpoints'}`;
  }

  /** What all its callers subscribe to, to the last digit; made when the first one does. */
  get subscriptions(): Subscriptions {
    if (this.#subscriptions !== undefined) return this.#subscriptions;
    const { adapter, endpoints, tls, connect, dns, proxy } = this.config.rpc;
    const { callersMax, subscriptionsMax } = this.callers.config;
    this.#subscriptions = createSubscriptions({
      ...{ adapter, endpoints, tls, connect, dns, proxy },
      bigints: 'exact',
      call: (method, params, options) => this.rpc.call(method, params, options),
      share: { subscribersMax: callersMax * subscriptionsMax },
      observer: this.book.observer satisfies ClientOptions['observer'],
    });
    if (this.#closed) this.#subscriptions.close();
    return this.#subscriptions;
  }

  /** Callers that stay are told to go as soon as they have been answered; requests end by themselves. */
  drain(): void {
    this.callers.drain();
  }

  warmUp(): Promise<unknown> {
    return this.rpc.warmUp();
  }

  /** Calls under way may end for `deadlineMs`. */
  async close(deadlineMs: number): Promise<void> {
    this.#closed = true;
    this.trails.close();
    this.callers.close();
    this.#subscriptions?.close();
    await this.rpc.close({ deadlineMs });
    this.telemetry?.close();
  }
}
