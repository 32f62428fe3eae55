/** A pool of JSON-RPC nodes behind one local URL: the client, and what is known of each endpoint lately. */
import type { ClientOptions } from 'keepwarm';
import { createRpc, type RpcClient } from 'keepwarm/jsonrpc';
import type { OpenTelemetry } from 'keepwarm/otel';
import type { RpcUpstreamConfig } from '../config/rpc-upstream.ts';
import { WEBSOCKET_DEFAULTS } from '../config/websocket.ts';
import { EndpointTrails } from '../figures/endpoint-trails.ts';
import { FigureBook } from '../figures/figures.ts';
import type { LimitsInRedis } from '../redis/limits.ts';
import { Callers } from '../websocket/callers.ts';
import { SharedSubscriptions } from '../websocket/shared-subscriptions.ts';
import { CallerRate } from './caller-rate.ts';
import { Tenure } from './tenure.ts';

export const nodesOf = ({ adapter, endpoints }: RpcUpstreamConfig['rpc']): string =>
  `${adapter.name}, ${endpoints.length} ${endpoints.length === 1 ? 'endpoint' : 'endpoints'}`;

export class RpcUpstream {
  readonly name: string;
  readonly config: RpcUpstreamConfig;
  readonly rpc: RpcClient;
  readonly book: FigureBook;
  readonly tenure = new Tenure();
  readonly callerRate: CallerRate | undefined;
  readonly trails: EndpointTrails;
  /** Its own; it is closed with it. */
  readonly telemetry: OpenTelemetry | undefined;
  /** Those who stay, by WebSocket. */
  readonly callers: Callers;
  readonly subscriptions: SharedSubscriptions;

  /**
   * @param before the one whose place it takes: what is counted goes on
   * @param limits where limits are counted together with other gateways
   */
  constructor(
    name: string,
    config: RpcUpstreamConfig,
    telemetry?: OpenTelemetry,
    before?: FigureBook,
    limits?: LimitsInRedis,
  ) {
    this.book = new FigureBook(undefined, before);
    this.telemetry = telemetry;
    this.name = name;
    this.config = config;
    this.callerRate = config.callerRate && new CallerRate(config.callerRate);
    this.rpc = createRpc({
      ...config.rpc,
      limiter: limits?.ofEndpoints(name),
      telemetry,
      observer: this.book.observer satisfies ClientOptions['observer'],
    });
    this.callers = new Callers(config.websocket ?? WEBSOCKET_DEFAULTS);
    const { callersMax, subscriptionsMax } = this.callers.config;
    const subscribersMax = callersMax * subscriptionsMax;
    this.subscriptions = new SharedSubscriptions(config.rpc, this.rpc, subscribersMax, this.book.observer);
    this.trails = new EndpointTrails(() => this.rpc.endpointStats());
  }

  /** What stands in for an origin where there are several. */
  get origin(): string {
    return nodesOf(this.config.rpc);
  }

  /** An operator's word, for calls and for subscriptions: nothing new goes there; what is under way stays. */
  cordon(endpoint: string): void {
    this.rpc.cordon(endpoint);
    this.subscriptions.cordon(endpoint, true);
  }
  uncordon(endpoint: string): void {
    this.rpc.uncordon(endpoint);
    this.subscriptions.cordon(endpoint, false);
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
    this.trails.close();
    this.callers.close();
    this.subscriptions.close();
    await this.rpc.close({ deadlineMs });
    this.telemetry?.close();
  }
}
