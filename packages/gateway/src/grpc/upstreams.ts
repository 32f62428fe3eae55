/** All upstreams that speak gRPC, started, changed and stopped together with the gateway. */
import { isDeepStrictEqual } from 'node:util';
import type { OpenTelemetry } from 'keepwarm/otel';
import type { GrpcUpstreamConfig } from '../config/grpc-upstream.ts';
import type { RequestIds } from '../data/request-ids.ts';
import type { LimitsInRedis } from '../redis/limits.ts';
import { type GrpcTold, GrpcUpstream } from './upstream.ts';

type Configs = ReadonlyMap<string, GrpcUpstreamConfig>;

export class GrpcUpstreams {
  #upstreams: readonly GrpcUpstream[];
  /** Listening, or told to. */
  #serving = false;

  readonly #stateFolder: string | undefined;
  readonly #telemetry: ((upstream: string) => OpenTelemetry) | undefined;

  readonly #limits: LimitsInRedis | undefined;
  readonly #ids: (() => RequestIds) | undefined;

  /**
   * @param telemetry makes what an upstream's doings are told through; nothing without it
   * @param limits where opened connections are counted together with other gateways
   * @param ids of calls from now on
   */
  constructor(
    configs: Configs = new Map(),
    stateFolder?: string,
    telemetry?: (upstream: string) => OpenTelemetry,
    limits?: LimitsInRedis,
    ids?: () => RequestIds,
  ) {
    this.#ids = ids;
    this.#limits = limits;
    this.#stateFolder = stateFolder;
    this.#telemetry = telemetry;
    this.#upstreams = [...configs].map(([name, config]) => this.#made(name, config));
  }

  get all(): readonly GrpcUpstream[] {
    return this.#upstreams;
  }

  /** @param listening how to say what is wrong with an address @throws what it throws */
  async start(listening: (upstream: GrpcUpstream) => Promise<unknown>): Promise<void> {
    this.#serving = true;
    for (const upstream of this.#upstreams) await listening(upstream);
  }

  /**
   * Takes over another configuration: what is as before goes on, what is not begins anew once its address is free.
   *
   * @param failed told of an upstream that cannot listen
   */
  reload(configs: Configs, drainMs: number, failed: (upstream: GrpcUpstream, error: unknown) => void): void {
    const before = new Map(this.#upstreams.map((upstream) => [upstream.name, upstream]));
    const kept = new Set<GrpcUpstream>();
    const upstreams = [...configs].map(([name, config]) => {
      const old = before.get(name);
      if (old === undefined || !isDeepStrictEqual(old.config, config)) return this.#made(name, config);
      kept.add(old);
      return old;
    });
    const left = this.#upstreams.filter((upstream) => !kept.has(upstream));
    this.#upstreams = upstreams;
    // A listener lets go of its address at once, and of its callers when they have ended.
    const gone = left.map((upstream) => upstream.close(drainMs));
    void Promise.allSettled(gone);
    if (!this.#serving) return;
    for (const upstream of upstreams) {
      if (!kept.has(upstream)) upstream.listen().catch((error: unknown) => failed(upstream, error));
    }
  }

  async close(drainMs: number): Promise<void> {
    this.#serving = false;
    await Promise.all(this.#upstreams.map((upstream) => upstream.close(drainMs)));
  }

  #made(name: string, config: GrpcUpstreamConfig): GrpcUpstream {
    return new GrpcUpstream(name, config, this.#stateFolder, this.#telemetry?.(name), this.#limits, this.#ids);
  }

  told(): readonly GrpcTold[] {
    return this.#upstreams.map((upstream) => upstream.told());
  }
}
