/** One upstream: where it is, the warm connections to it, and what is known of it. */
import { type Client, createClient } from 'keepwarm';
import { type KeepwarmAgents, keepwarmAgents } from 'keepwarm/node-http';
import type { OpenTelemetry } from 'keepwarm/otel';
import type { FleetRateLimit } from 'keepwarm/redis';
import { forwardingOptions } from '../config/client-options.ts';
import type { UpstreamConfig } from '../config/config.ts';
import { placesText } from '../config/endpoints.ts';
import { looksAtRequests, wholeLimitsOf } from '../config/rate-tables.ts';
import { UPGRADES_DEFAULTS } from '../config/upgrades.ts';
import { EndpointTrails } from '../figures/endpoint-trails.ts';
import { FigureBook } from '../figures/figures.ts';
import type { Rate } from '../figures/rates.ts';
import type { WholeLimits } from '../limits/whole-limits.ts';
import type { LimitsInRedis } from '../redis/limits.ts';
import { CallerRate } from './caller-rate.ts';
import type { Sections } from './sections.ts';
import { Tenure } from './tenure.ts';
import { Tunnels } from './tunnels.ts';

export class Upstream {
  readonly name: string;
  config: UpstreamConfig;
  /** Its tenants, served apart from each other; it serves those who have no section. */
  sections: Sections | undefined;
  readonly client: Client;
  readonly book: FigureBook;
  /** Its limits look at what is asked, and by whom. */
  readonly looks: boolean;
  readonly tenure = new Tenure();
  readonly callerRate: CallerRate | undefined;
  /** Its limits, where they are counted together with other gateways. */
  readonly shared: FleetRateLimit | undefined;
  /** Limits of all sections together, where there are some; how many of those of its client are such. */
  readonly whole: WholeLimits | undefined;
  readonly wholeCount: number;
  readonly tunnels: Tunnels;
  /** Its own; it is closed with it. */
  readonly telemetry: OpenTelemetry | undefined;
  /** Of several endpoints. */
  readonly trails: EndpointTrails | undefined;
  #agents: KeepwarmAgents | undefined;
  /** Origin as people may see it, without the base path; of several endpoints some, and how many more there are. */
  readonly origin: string;

  /**
   * @param before the one whose place it takes: what is counted goes on
   * @param limits where limits are counted together with other gateways
   * @param whole limits of the upstream that this one shares with others: its sections, or those it is a section of
   */
  constructor(
    name: string,
    config: UpstreamConfig,
    telemetry?: OpenTelemetry,
    before?: FigureBook,
    limits?: LimitsInRedis,
    whole?: WholeLimits,
  ) {
    this.book = new FigureBook(undefined, before);
    this.telemetry = telemetry;
    this.name = name;
    this.config = config;
    this.looks = looksAtRequests(config.client);
    this.callerRate = config.callerRate && new CallerRate(config.callerRate);
    this.origin = placesText(config.client);
    const { observer } = this.book;
    this.whole = whole;
    this.wholeCount = wholeLimitsOf(config.client).length;
    this.shared = limits?.ofOrigin(config, name, observer, whole?.fleet);
    const rateLimit = this.shared && { rateLimit: this.shared };
    this.client = createClient({ ...forwardingOptions(config.client), observer, telemetry, ...rateLimit });
    const read = () => this.client.policyStats().endpoints?.endpoints ?? [];
    this.trails = config.client.endpoints && new EndpointTrails(read);
    this.tunnels = new Tunnels(config.upgrades ?? UPGRADES_DEFAULTS);
    whole?.add(this);
  }

  /** Of its own; `whole` tells of those of all sections. */
  rates(): readonly Rate[] {
    if (this.shared !== undefined) return this.shared.rates();
    const rates = this.client.policyStats().rateLimit ?? [];
    return rates.slice(0, rates.length - this.wholeCount);
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
    this.trails?.close();
    return this.client.close({ deadlineMs }).finally(() => {
      this.whole?.remove(this);
      this.telemetry?.close();
    });
  }
}
