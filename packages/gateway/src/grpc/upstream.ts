/** One upstream that speaks gRPC: its listener, the connections to it, and what its callers share. */
import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createGrpcPool, type GrpcCaller, type GrpcLease, type GrpcPool, type GrpcPoolOptions } from 'keepwarm/grpc';
import { Multiplexer, openWith, SUBSCRIBE_PATH } from 'keepwarm/multiplexer';
import type { OpenTelemetry } from 'keepwarm/otel';
import type { RedisConnectionRate } from 'keepwarm/redis';
import { showAddress } from '../config/address.ts';
import type { GrpcUpstreamConfig } from '../config/grpc-upstream.ts';
import { RequestIds, spanAttributes } from '../data/request-ids.ts';
import { type LimitsInRedis, startsOf } from '../redis/limits.ts';
import type { GrpcCall } from './call.ts';
import { forward } from './forwarding.ts';
import { GrpcListener } from './listener.ts';
import { subscribe } from './subscription.ts';

export class GrpcUpstream {
  readonly name: string;
  readonly config: GrpcUpstreamConfig;
  readonly pool: GrpcPool;
  readonly multiplexer: Multiplexer | undefined;
  /** Its own; it is closed with it. */
  readonly #telemetry: OpenTelemetry | undefined;
  /** Counted elsewhere: its own, and closed with it. */
  readonly #starts: RedisConnectionRate | undefined;
  readonly #listener: GrpcListener;
  readonly #leases = new Map<string, Promise<GrpcLease>>();
  #subscriptions = 0;

  /**
   * @param stateFolder where it is kept when connections were opened, so that a restart goes on counting
   * @param limits where that is counted together with other gateways; then nothing is kept in a file
   * @param ids of its calls
   */
  constructor(
    name: string,
    config: GrpcUpstreamConfig,
    stateFolder?: string,
    telemetry?: OpenTelemetry,
    limits?: LimitsInRedis,
    ids: () => RequestIds = () => new RequestIds(),
  ) {
    this.name = name;
    this.config = config;
    this.#telemetry = telemetry;
    const figures = limits && startsOf(config.pool);
    this.#starts = figures && limits?.ofConnections(name, figures);
    const options = this.#starts && { ...config.pool, connectionRate: this.#starts };
    this.pool = createGrpcPool({ ...(options ?? remembering(config, name, stateFolder)), telemetry });
    const open = openWith(() => this.#caller('multiplexer'), config.messageBytesMax);
    this.multiplexer = config.kind === 'geyser' ? new Multiplexer({ open }, config.multiplexer) : undefined;
    this.#listener = new GrpcListener(config, { name, ids }, (call) => this.#handle(call));
  }

  /** Without the path, which may be a key. */
  get target(): string {
    return new URL(this.pool.target).origin;
  }

  get address(): AddressInfo | undefined {
    return this.#listener.address;
  }

  /**
   * Whether callers can be served, as far as is known: it listens, and has a connection or no reason to think that it
   * gets none. While somebody waits for one, the pool goes on trying; when nobody does, only a call would find out.
   */
  get usable(): boolean {
    if (this.address === undefined) return false;
    const { connections, leases, failuresInARow, backoffMs } = this.pool.stats();
    if (connections.ready > 0 || (failuresInARow === 0 && backoffMs === 0)) return true;
    return connections.opening + leases.held + leases.waiting === 0 && backoffMs === 0;
  }

  /** @throws the system's error, e.g. `EADDRINUSE` */
  listen(): Promise<AddressInfo> {
    return this.#listener.listen();
  }

  /** Everything that is known of it now, for people: nothing in it is a secret. */
  told() {
    const { name, config, target, multiplexer, address } = this;
    return {
      name,
      kind: config.kind,
      target,
      /** Where callers find it; nothing while it does not listen. */
      address: address && showAddress({ host: address.address, port: address.port }),
      callers: this.#listener.stats(),
      pool: this.pool.stats(),
      multiplexer: multiplexer?.stats(),
    };
  }

  /** Takes no calls any more, lets those under way end for so long, then ends them. Twice is harmless. */
  async close(drainMs: number): Promise<void> {
    await this.#listener.close(drainMs);
    this.multiplexer?.close();
    await this.pool.close({ deadlineMs: 0 });
    this.#starts?.close();
    this.#telemetry?.close();
  }

  #handle(call: GrpcCall): void {
    const { multiplexer } = this;
    const { headers, path: operation } = call;
    const attributes = spanAttributes(call.requestId);
    const serving = this.#telemetry?.serve({ method: 'POST', headers, operation, attributes });
    if (serving !== undefined) call.signal.addEventListener('abort', () => serving.ended(call.status));
    if (multiplexer !== undefined && call.path === SUBSCRIBE_PATH) {
      return subscribe(call, multiplexer, nameOf(call, ++this.#subscriptions));
    }
    forward(call, () => this.#caller('calls'), this.config.messageBytesMax, serving).catch(() => {
      call.stream.destroy(); // it could not even be told that it failed
    });
  }

  /** Over a lease that is kept for as long as the pool lets us, and asked for again after that. */
  async #caller(name: string): Promise<GrpcCaller> {
    let lease = this.#leases.get(name);
    if (lease === undefined) {
      const asked = this.pool.lease(name);
      this.#leases.set(name, (lease = asked));
      const forget = (): void => {
        if (this.#leases.get(name) === asked) this.#leases.delete(name);
      };
      asked.then((given) => given.lost.then(forget), forget);
    }
    return (await lease).client;
  }
}

/** A file for each listener: two gateways must not count in the same one. */
function remembering({ pool, listen }: GrpcUpstreamConfig, name: string, folder: string | undefined): GrpcPoolOptions {
  const { connectionRate } = pool;
  if (folder === undefined || listen.port === 0) return pool;
  if (typeof connectionRate !== 'object' || 'admits' in connectionRate || connectionRate.path !== undefined)
    return pool;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return { ...pool, connectionRate: { ...connectionRate, path: join(folder, `grpc-starts-${name}-${listen.port}`) } };
}

/** As the caller calls itself, so that an operator knows which it is. */
function nameOf({ headers }: GrpcCall, number: number): string {
  const said = headers['x-monitor'];
  return typeof said === 'string' && said !== '' ? said.slice(0, 64) : `monitor ${number}`;
}

export type GrpcTold = ReturnType<GrpcUpstream['told']>;
