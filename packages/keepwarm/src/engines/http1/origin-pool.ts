/** The connections of one origin and section: pool, dialling and warm-up put together. */
import { NetError } from '../../core/error.ts';
import type { CloseReason } from '../../core/observer.ts';
import type { Origin } from '../../core/origin.ts';
import type { Dialled } from '../../net/dial.ts';
import type { CapacityUser } from '../../pool/capacity.ts';
import { ExclusivePool, type PoolOwner } from '../../pool/exclusive.ts';
import { lifeOf } from '../../pool/lifetime.ts';
import { RequestHeads } from '../../wire/request-head.ts';
import { sharedRead } from '../reading.ts';
import { Connection } from './connection.ts';
import type { Http1Engine } from './engine.ts';

export interface PoolSnapshot {
  readonly origin: string;
  readonly section: string;
  readonly opening: number;
  readonly inFlight: number;
  readonly idle: number;
  readonly waiting: number;
  readonly socketsMax: number;
  /** (in-flight + waiting) ÷ capacity; above 1 calls queue. */
  readonly saturation: number;
}

export interface WarmUpResult {
  /** Connections open when the warm-up ended. */
  readonly open: number;
  readonly failed: number;
  readonly latencyMs: number;
  /** The last failure, when there was one. */
  readonly error: NetError | undefined;
}

interface WarmUp {
  left: number;
  failed: number;
  error: NetError | undefined;
  done(): void;
}

export class OriginPool implements PoolOwner<Connection>, CapacityUser {
  readonly pool: ExclusivePool<Connection>;
  readonly heads: RequestHeads;
  readonly #engine: Http1Engine;
  readonly #origin: Origin;
  readonly #section: string;
  readonly #dials = new AbortController();
  /** Dialled by another engine, which found that the peer speaks HTTP/1.1. */
  #adopted: Dialled | undefined;
  readonly #warmUps = new Set<WarmUp>();

  constructor(engine: Http1Engine, origin: Origin, section: string) {
    const { socketsMax, waitersMax, idleMin, scheduling } = engine.options;
    this.#engine = engine;
    this.#origin = origin;
    this.#section = section;
    this.heads = new RequestHeads(origin.host);
    const options = { name: origin.key, sizeMax: socketsMax, waitersMax, idleMin, scheduling };
    this.pool = new ExclusivePool(options, this, engine.capacity);
    engine.capacity.join(this.pool, this);
  }

  open(): void {
    const { clock } = this.#engine;
    const startedAt = clock.now();
    const adopted = this.#adopted;
    this.#adopted = undefined;
    const dialling =
      adopted === undefined
        ? this.#engine.dial(this.#origin, this.#dials.signal, sharedRead)
        : Promise.resolve(adopted);
    dialling.then(
      (dialled) => this.#opened(dialled),
      (thrown: unknown) => this.#failed(NetError.from(thrown), clock.now() - startedAt),
    );
  }

  close(item: Connection, reason: CloseReason): void {
    item.close(reason);
  }

  /** Ends the pool: refuses who waits, gives up what is being dialled. */
  shut(error: NetError): void {
    this.pool.close(error);
    this.#dials.abort(error);
    this.#engine.capacity.leave(this.pool);
  }

  /** Takes over a connection that was dialled elsewhere, where there is room for it; otherwise it is closed. */
  adopt(dialled: Dialled): void {
    this.#adopted = dialled;
    this.pool.fill(this.pool.size + 1);
    if (this.#adopted === undefined) return;
    this.#adopted = undefined;
    dialled.socket.on('error', () => {}).destroy();
  }

  /** An idle connection that is not past its age, which a stalled event loop may have missed. */
  take(now: number): Connection | undefined {
    let connection = this.pool.take();
    while (connection !== undefined && now >= connection.retireAt) {
      connection.close('age');
      connection = this.pool.take();
    }
    return connection;
  }

  yieldIdle(reason: CloseReason): boolean {
    const oldest = this.pool.idle.first;
    if (oldest !== undefined) this.pool.evict(oldest, reason);
    return oldest !== undefined;
  }

  idleSince(): number {
    return this.pool.idle.first?.idleSince ?? Number.POSITIVE_INFINITY;
  }

  fed(): void {
    this.pool.fed();
  }

  async warmUp(count: number): Promise<WarmUpResult> {
    const startedAt = this.#engine.clock.now();
    const opening = this.pool.fill(count);
    const warmUp: WarmUp = { left: opening, failed: 0, error: undefined, done: () => {} };
    if (opening > 0) {
      this.#warmUps.add(warmUp);
      await new Promise<void>((resolve) => {
        warmUp.done = resolve;
      });
    }
    const { failed, error } = warmUp;
    return {
      open: this.pool.leased + this.pool.idle.size,
      failed,
      error,
      latencyMs: this.#engine.clock.now() - startedAt,
    };
  }

  snapshot(): PoolSnapshot {
    const { opening, leased, idle, waiting, options } = this.pool;
    return {
      origin: this.#origin.key,
      section: this.#section,
      opening,
      inFlight: leased,
      idle: idle.size,
      waiting,
      socketsMax: options.sizeMax,
      saturation: (leased + waiting) / options.sizeMax,
    };
  }

  #opened(dialled: Dialled): void {
    const { options, clock, random, phases, observer, lifetime } = this.#engine;
    const connection = new Connection(this.#engine, this.pool, this.#origin, this.#section, dialled, options.idleMs);
    const { address, dnsMs, tcpMs, tlsMs, tlsResumed } = dialled;
    const through = dialled.proxy === undefined ? {} : { proxy: dialled.proxy };
    Object.assign(connection, lifeOf(options, clock.now(), random));
    phases.dns.record(dnsMs);
    phases.tcp.record(tcpMs);
    if (this.#origin.secure) phases.tls.record(tlsMs);
    observer.socketOpened?.({ ...connection.fact(), address, dnsMs, tcpMs, tlsMs, tlsResumed, ...through });
    this.pool.opened(connection);
    lifetime.attend(clock.now());
    this.#settleWarmUps(undefined);
  }

  #failed(error: NetError, elapsedMs: number): void {
    const { observer, lifetime, clock } = this.#engine;
    observer.socketOpenFailed?.({ origin: this.#origin.key, section: this.#section, error, elapsedMs });
    this.pool.openFailed(error, isScarcity(error));
    if (this.pool.holdsBack) lifetime.attend(clock.now());
    this.#settleWarmUps(error);
  }

  #settleWarmUps(error: NetError | undefined): void {
    for (const warmUp of this.#warmUps) {
      if (error !== undefined) {
        warmUp.failed++;
        warmUp.error = error;
      }
      if (--warmUp.left > 0) continue;
      this.#warmUps.delete(warmUp);
      warmUp.done();
    }
  }
}

/** The system, not the peer, could not give another connection: descriptors, ports or buffers have run out. */
export function isScarcity(error: NetError): boolean {
  return /^(EMFILE|ENFILE|EADDRNOTAVAIL|ENOBUFS|ENOMEM)$/.test(error.systemCode ?? '');
}
