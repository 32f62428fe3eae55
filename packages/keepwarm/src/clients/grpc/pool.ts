/**
 * The pool of connections for monitors of streams: named leases over a few connections to one target, whose opening is
 * limited, whose age is bounded, and whose streams are never cut.
 */
import type { Call } from '../../core/call.ts';
import { type Clock, systemClock, systemRandom } from '../../core/clock.ts';
import { invariant, NetError } from '../../core/error.ts';
import { originOf } from '../../core/origin.ts';
import type { Reply } from '../../core/reply.ts';
import { turnstileOf } from '../../core/turnstile.ts';
import { TlsSetup } from '../../net/tls.ts';
import type { Claim, ClaimEnd } from '../../pool/claim.ts';
import { closedError, lostError } from '../../pool/lease-errors.ts';
import { Leases, type Moved } from '../../pool/leases.ts';
import type { LeavingReason, Member } from '../../pool/member.ts';
import { Members } from '../../pool/members.ts';
import type { ConnectionLimiter, StartKind } from '../../pool/start-gate.ts';
import { Upkeep } from '../../pool/upkeep.ts';
import { settle } from '../options.ts';
import { checkTls } from '../tls-options.ts';
import { streamRateOf } from './budgets.ts';
import { Calls } from './calls.ts';
import { makeRate, settleRate } from './connection-rate.ts';
import { type GrpcCaller, GrpcKinds } from './kinds.ts';
import { checkOneByOne, type SettledGrpc, settleGrpc } from './options.ts';
import { PoolConnection, type PoolConnectionParts } from './pool-connection.ts';
import { type GrpcPoolObserver, guardedPool } from './pool-facts.ts';
import { regroup } from './pool-groups.ts';
import { HealthChecks } from './pool-health.ts';
import { GrpcLease, type LeaseParts } from './pool-lease.ts';
import { checkLease, type GrpcLeaseOptions } from './pool-lease-options.ts';
import {
  forLeases,
  forMembers,
  forUpkeep,
  type GrpcPoolNumbers,
  type GrpcPoolOptions,
  settlePool,
} from './pool-options.ts';
import { statsOf } from './pool-snapshot.ts';
import { blockOf, type GrpcPoolBlock, type GrpcPoolHealth, type GrpcPoolStats, healthOf } from './pool-stats.ts';
import { GrpcRecord } from './record.ts';
import { explained } from './starts-unknown.ts';
import { StreamStarts } from './stream-starts.ts';

/** How long `close()` waits for streams under way. */
const CLOSE_MS = 5_000;

export class GrpcPool {
  readonly target: string;
  /** @internal */ readonly numbers: GrpcPoolNumbers;
  /** @internal */ readonly rate: ConnectionLimiter | undefined;
  /** @internal */ readonly streamRate: ConnectionLimiter | undefined;
  /** @internal */ readonly members: Members;
  /** @internal */ readonly claims: Leases;
  /** @internal */ readonly upkeep: Upkeep;
  /** @internal */ readonly health: HealthChecks;
  /** @internal */ readonly held = new Map<Claim, GrpcLease>();
  /** @internal */ readonly observer: GrpcPoolObserver;
  readonly #clock: Clock;
  readonly #connections = new Map<Member, PoolConnection>();
  readonly #errors = new WeakMap<Member, Error>();
  readonly #parts: LeaseParts;
  readonly #connection: PoolConnectionParts;
  readonly #ends: (() => void)[] = [];
  #regroupAt: number;
  #state: 'open' | 'closing' | 'closed' = 'open';
  readonly #unwatch: (() => void) | undefined;
  /** @internal */ reconnects = 0;

  /** @throws NetError `INVALID` naming the option that is not acceptable */
  constructor(options: GrpcPoolOptions) {
    const { numbers, client } = settlePool(options);
    const settled = settleGrpc(client);
    this.numbers = numbers;
    this.target = settled.target;
    this.#clock = options.clock ?? systemClock;
    this.observer = options.poolObserver === undefined ? {} : guardedPool(options.poolObserver);
    const { connectionRate = {}, streamRate = false } = options;
    if (connectionRate !== false) checkOneByOne(options.connect?.attemptDelayMs);
    const origin = originOf(new URL(settled.target));
    this.rate = connectionRate === false ? undefined : makeRate(settleRate(connectionRate, origin.key), this.#clock);
    this.streamRate = streamRate === false ? undefined : streamRateOf(streamRate, origin.key, this.#clock);
    this.#connection = this.#connectionParts(settled, options);
    const random = options.random ?? systemRandom;
    this.members = new Members(forMembers(numbers), this.#membersOwner(), this.#clock, random);
    this.claims = new Leases(forLeases(numbers), this.members, this.#leasesOwner(), this.#clock);
    const door = { home: origin, limits: settle('limits', settled.client.limits) };
    const calls = new Calls(door, this.#clock, settled);
    this.#parts = {
      ...{ target: this.target, calls, clock: this.#clock, leases: this.claims, waitMs: numbers.waitMs },
      streamStarts: this.streamRate && new StreamStarts(this.streamRate, this.#clock, numbers.waitMs),
      sendOn: (member, call) => this.#sendOn(member, call),
      suspect: (member) => this.health.suspect(member),
    };
    const { probe, healthService: service = '' } = options;
    const callerOf = (member: Member): GrpcCaller =>
      new GrpcKinds({
        ...{ target: this.target, calls, clock: this.#clock, record: new GrpcRecord() },
        send: (call) => this.#sendOn(member, call),
      });
    this.health = new HealthChecks({ members: this.members, clock: this.#clock, numbers, probe, service, callerOf });
    this.#regroupAt = this.#clock.now() + numbers.regroupMs;
    this.upkeep = new Upkeep(forUpkeep(numbers), this.claims, this.#clock, (now) => this.#tick(now));
    this.#unwatch = options.telemetry?.watch(this);
    this.upkeep.fill();
  }

  /**
   * A lease, once there is a connection for it.
   *
   * @param name who holds it, for statistics; one at a time has it
   * @throws NetError `INVALID`, or, with nothing sent, `SATURATED` (too many wait), `ABORTED`, `TIMEOUT` (limit
   *         waitMs), `CLOSED`
   */
  lease(name: string, options: GrpcLeaseOptions = {}): Promise<GrpcLease> {
    return this.#lease(name, options).catch((error: unknown) => turnstileOf(this.#clock).refuse(error));
  }

  async #lease(name: string, options: GrpcLeaseOptions): Promise<GrpcLease> {
    const { exclusive = false, group = 'default', signal, waitMs = this.numbers.waitMs } = options;
    checkLease(name, options);
    if (this.#state !== 'open') throw closedError();
    const since = this.#clock.now();
    const claim = await explained(this.claims.claim({ name, exclusive, group }, { signal, waitMs }), this.rate);
    const lease = new GrpcLease(claim, this.#parts);
    // It may have been lost in the turn in which it was granted.
    if (claim.ended !== undefined) throw lostError(claim, claim.ended);
    this.held.set(claim, lease);
    this.observer.leaseGranted?.({ lease: name, waitedMs: this.#clock.now() - since });
    return lease;
  }

  /** One snapshot, plain JSON: connections, leases, streams, rates of messages, the limit on opening connections. */
  stats(): GrpcPoolStats {
    return statsOf(this, this.#clock.now());
  }

  /** Whether leases have what they need. */
  isHealthy(): boolean {
    return this.healthReport().httpStatus === 200;
  }

  /** For `GET /api/grpc-pool/health`. */
  healthReport(): GrpcPoolHealth {
    return healthOf(this.stats());
  }

  /** For the block `grpcPool` of `GET /api/dashboard/metrics`. */
  dashboardBlock(): GrpcPoolBlock {
    return blockOf(this.stats());
  }

  /** Gives no more leases, lets streams finish for `deadlineMs`, then closes everything. Twice is harmless. */
  async close({ deadlineMs = CLOSE_MS }: { readonly deadlineMs?: number } = {}): Promise<void> {
    if (this.#state === 'open') this.#state = 'closing';
    if (this.#live > 0 && deadlineMs > 0 && this.#state !== 'closed') {
      this.#clock.hold();
      await new Promise<void>((resolve) => {
        const timer = this.#clock.after(deadlineMs, resolve);
        this.#ends.push(() => {
          timer.cancel();
          resolve();
        });
      });
      this.#clock.release();
    }
    this.destroy();
  }

  /** Closes everything now: leases are lost, and what is live on them ends with UNAVAILABLE or CANCELLED. */
  destroy(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#unwatch?.();
    this.upkeep.close();
    this.claims.close();
    this.members.close();
    this.rate?.close();
    this.streamRate?.close();
    for (const end of this.#ends.splice(0)) end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #live(): number {
    let live = 0;
    for (const claim of this.claims.claims) live += claim.live;
    return live;
  }

  #connectionParts(settled: SettledGrpc, { observer, tls }: GrpcPoolOptions): PoolConnectionParts {
    checkTls('tls', tls);
    const { connectMs } = this.numbers;
    return {
      // One session, as old and as idle as the pool lets it be; nothing is repeated on it, since it is one connection.
      options: {
        ...settled.client,
        connect: { attemptDelayMs: Number.POSITIVE_INFINITY, connectMs, ...settled.client.connect },
        pool: { socketsMax: 1, idleMin: 0, idleMax: 1, ageMs: INF, idleMs: INF, waitersMax: 65_535 },
        ...{ retry: false, breaker: false },
      },
      ...{ rate: this.rate, clock: this.#clock, connectMs, observer, tls: new TlsSetup(tls ?? {}) },
    };
  }

  #sendOn(member: Member, call: Call): Promise<Reply> {
    const connection = this.#connections.get(member);
    if (connection !== undefined) return connection.send(call);
    return Promise.reject(new NetError('RESET', 'the connection has ended', { reach: 'unsent', phase: 'queue' }));
  }

  #tick(now: number): void {
    for (const lease of this.held.values()) lease.measure(now);
    this.health.tick(now);
    if (now < this.#regroupAt) return;
    this.#regroupAt = now + this.numbers.regroupMs;
    regroup(this);
  }

  #membersOwner(): ConstructorParameters<typeof Members>[1] {
    return {
      open: (member, kind) => this.#open(member, kind),
      close: (member, reason) => this.#close(member, reason),
      left: (member) => this.#left(member),
      changed: () => this.claims.settle(),
    };
  }

  #open(member: Member, kind: StartKind): void {
    const connection = new PoolConnection(kind, this.#connection, {
      ready: (streamsMax) => {
        if (kind === 'reconnect') this.reconnects++;
        this.members.becameReady(member, streamsMax);
        this.observer.connectionOpened?.({ connection: member.id });
      },
      allows: (streamsMax) => this.members.allows(member, streamsMax),
      leaving: () => this.members.drain(member, 'peer'),
      ended: (error) => {
        if (error !== undefined) this.#errors.set(member, error);
        this.members.gone(member, error);
      },
    });
    this.#connections.set(member, connection);
    connection.open();
  }

  #close(member: Member, reason: LeavingReason): void {
    const connection = this.#connections.get(member);
    invariant(connection !== undefined, 'a connection of a pool was closed twice');
    this.#connections.delete(member);
    connection.close();
    this.observer.connectionClosed?.({ connection: member.id, reason, error: this.#errors.get(member) });
  }

  #left(member: Member): void {
    if (member.state === 'draining') {
      this.observer.connectionDraining?.({ connection: member.id, reason: member.reason!, error: undefined });
    }
    this.claims.left(member);
  }

  #leasesOwner(): ConstructorParameters<typeof Leases>[2] {
    return {
      // Whether growth would be let through at once.
      mayStart: () => this.rate === undefined || this.rate.admits('growth'),
      lost: (claim, reason) => this.#lost(claim, reason),
      moved: (claim, moved) => this.#moved(claim, moved),
      ended: () => {
        if (this.#state === 'closing' && this.#live === 0) for (const end of this.#ends.splice(0)) end();
      },
    };
  }

  #lost(claim: Claim, reason: ClaimEnd): void {
    const lease = this.held.get(claim);
    this.held.delete(claim);
    const fact = { lease: claim.name, reason };
    lease?.tellLost(fact, lostError(claim, reason));
    this.observer.leaseLost?.(fact);
  }

  #moved(claim: Claim, { member, makeFirst }: Moved): void {
    const fact = { lease: claim.name, connection: member.id, makeFirst };
    this.observer.leaseMoved?.(fact);
    this.held.get(claim)?.tellMoved(fact);
  }
}

const INF = Number.POSITIVE_INFINITY;

/** A pool of gRPC connections with named leases. See docs/reference/grpc.md for every option and its default. */
export function createGrpcPool(options: GrpcPoolOptions): GrpcPool {
  return new GrpcPool(options);
}
