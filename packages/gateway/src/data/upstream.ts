/** One upstream: where it is, the warm connections to it, and what is known of it. */
import { type Client, type ClientOptions, createClient } from 'keepwarm';
import { type KeepwarmAgents, keepwarmAgents } from 'keepwarm/node-http';
import type { OpenTelemetry } from 'keepwarm/otel';
import type { UpstreamConfig } from '../config/config.ts';
import { UPGRADES_DEFAULTS } from '../config/upgrades.ts';
import { FigureBook } from '../figures/figures.ts';
import { CallerRate } from './caller-rate.ts';
import { Tenure } from './tenure.ts';
import { Tunnels } from './tunnels.ts';

export class Upstream {
  readonly name: string;
  readonly config: UpstreamConfig;
  readonly client: Client;
  readonly book: FigureBook;
  readonly tenure = new Tenure();
  readonly callerRate: CallerRate | undefined;
  readonly tunnels: Tunnels;
  /** Its own; it is closed with it. */
  readonly telemetry: OpenTelemetry | undefined;
  #agents: KeepwarmAgents | undefined;
  /** Origin as people may see it, without the base path. */
  readonly origin: string;

  /** @param before the one whose place it takes: what is counted goes on */
  constructor(name: string, config: UpstreamConfig, telemetry?: OpenTelemetry, before?: FigureBook) {
    this.book = new FigureBook(undefined, before);
    this.telemetry = telemetry;
    this.name = name;
    this.config = config;
    this.callerRate = config.callerRate && new CallerRate(config.callerRate);
    this.origin = new URL(config.client.origin).origin;
    this.client = createClient({ ...clientOptions(config, this.book), telemetry });
    this.tunnels = new Tunnels(config.upgrades ?? UPGRADES_DEFAULTS);
  }

  warmUp(): Promise<unknown> {
    return this.client.warmUp();
  }

  /** For requests that Node's own client makes, over connections of the same pools. */
  get agents(): KeepwarmAgents {
    this.#agents ??= keepwarmAgents(this.client);
    return this.#agents;
  }

  /** Whoever is there ends by itself. */
  drain(): void {}

  /** Calls under way may end for `deadlineMs`; upgraded connections end at once. */
  close(deadlineMs: number): Promise<void> {
    this.tunnels.close();
    return this.client.close({ deadlineMs }).finally(() => this.telemetry?.close());
  }
}

/**
 * Bodies are passed on as they come: not decoded, and without a limit of size, since nothing is kept of them. What
 * fails is passed on as well: callers repeat for themselves, and two layers that do so three times send nine requests.
 * Replies are for callers to judge: one of any status is a sign of life, and opens no breaker unasked.
 */
function clientOptions({ client }: UpstreamConfig, book: FigureBook): ClientOptions {
  const { breaker = {} } = client;
  return {
    retry: false,
    ...client,
    breaker: breaker === false ? false : { statuses: [], ...(breaker === true ? {} : breaker) },
    decompress: false,
    defaultHeaders: false,
    pool: { idleMin: 1, ...client.pool },
    limits: { bodyBytesMax: Number.POSITIVE_INFINITY, ...client.limits },
    observer: book.observer,
  };
}
