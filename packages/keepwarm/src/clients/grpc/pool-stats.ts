/**
 * What a pool knows of itself, as plain JSON: for `stats()`, and for whoever serves it (`GET /api/grpc-pool/stats`,
 * `GET /api/grpc-pool/health`, the block `grpcPool` of `GET /api/dashboard/metrics`).
 */
import type { Member } from '../../pool/member.ts';
import type { ConnectionRateSnapshot } from '../../pool/start-gate.ts';
import type { GrpcConnectionEnd, GrpcLeaseEnd } from './pool-facts.ts';
import { unknownStarts } from './starts-unknown.ts';

export interface GrpcConnectionStats {
  readonly id: number;
  readonly state: Member['state'];
  /** Leases that used it last or have streams on it. */
  readonly leases: readonly string[];
  readonly streams: number;
  readonly streamsMax: number;
  /** Since it was opened, or since its opening was begun, in ms. */
  readonly ageMs: number;
  readonly healthFailures: number;
  /** Why it drains. */
  readonly reason?: GrpcConnectionEnd | undefined;
}

export interface GrpcLeaseStats {
  readonly name: string;
  readonly exclusive: boolean;
  readonly group: string;
  readonly state: 'waiting' | 'held';
  /** Numbers of the connections its live streams are on. */
  readonly connections: readonly number[];
  readonly streams: number;
  readonly messages: number;
  readonly messagesPerSecond: number;
  /** Since it was used last, in ms; 0 while it has a live stream. */
  readonly idleMs: number;
  /** Calls and streams, those under way included. */
  readonly calls: number;
}

export interface GrpcPoolStats {
  readonly target: string;
  readonly connections: {
    readonly total: number;
    readonly ready: number;
    readonly opening: number;
    readonly draining: number;
    readonly max: number;
    readonly list: readonly GrpcConnectionStats[];
  };
  readonly leases: {
    readonly held: number;
    readonly waiting: number;
    readonly list: readonly GrpcLeaseStats[];
    /** Those that ended, by reason. */
    readonly ended: Readonly<Partial<Record<GrpcLeaseEnd, number>>>;
  };
  readonly streams: { readonly live: number; readonly waiting: number };
  readonly messagesPerSecond: number;
  /** Of the limit on opening connections; nothing where there is none. */
  readonly connectionRate?: ConnectionRateSnapshot | undefined;
  /** Of the limit on opening streams; nothing where there is none. */
  readonly streamRate?: ConnectionRateSnapshot | undefined;
  readonly opened: number;
  readonly failed: number;
  /** Connections opened in place of others that were lost. */
  readonly reconnects: number;
  readonly revived: number;
  readonly rotations: number;
  /** Connections that ended, by reason. */
  readonly ended: Readonly<Partial<Record<GrpcConnectionEnd, number>>>;
  readonly health: { readonly on: boolean; readonly checked: number; readonly failed: number };
  /** Failures to connect since one succeeded. */
  readonly failuresInARow: number;
  /** What is left of the wait after failures to connect, in ms. */
  readonly backoffMs: number;
}

/** For `GET /api/grpc-pool/health`: 200 for `healthy` and `idle`, 503 for `degraded`. */
export interface GrpcPoolHealth {
  readonly status: 'healthy' | 'idle' | 'degraded';
  readonly httpStatus: 200 | 503;
  /** Connections that take streams. */
  readonly connections: number;
  /** Connections that may be opened at once; nothing where there is no limit. */
  readonly rateLimit: number | undefined;
  readonly leases: number;
  /** Why it is degraded. */
  readonly reasons: readonly string[];
}

/** For the block `grpcPool` of `GET /api/dashboard/metrics`. */
export interface GrpcPoolBlock {
  readonly connections: number;
  readonly healthy: number;
  readonly rateLimit: number | undefined;
  /** Live streams of each lease, by name. */
  readonly monitors: Readonly<Record<string, number>>;
  readonly messagesPerSecond: number;
}

/** Connections that may be opened at once. */
export function startsLeft(rate: ConnectionRateSnapshot | undefined): number | undefined {
  if (rate === undefined) return undefined;
  return rate.pausedMs > 0 ? 0 : Math.max(rate.limit - rate.used, 0);
}

export function healthOf(stats: GrpcPoolStats): GrpcPoolHealth {
  const { connections, leases, streams } = stats;
  const rateLimit = startsLeft(stats.connectionRate);
  const reasons: string[] = [];
  if (leases.held + leases.waiting > 0 && connections.ready === 0) reasons.push('no connection takes streams');
  if (leases.waiting > 0) reasons.push(`${leases.waiting} leases wait for a connection`);
  if (streams.waiting > 0) reasons.push(`${streams.waiting} streams wait for a place`);
  if (stats.failuresInARow > 0 && connections.ready === 0) {
    reasons.push(`${stats.failuresInARow} attempts to connect in a row have failed`);
  }
  const pausedMs = stats.connectionRate?.pausedMs ?? 0;
  if (pausedMs > 0) reasons.push(`the provider had too much: nothing is opened for ${Math.ceil(pausedMs)} ms`);
  const unknown = unknownStarts(stats.connectionRate);
  if (unknown !== undefined && leases.waiting > 0) reasons.push(unknown);
  const unopened = stats.streamRate?.waiting ?? 0;
  if (unopened > 0) reasons.push(`${unopened} streams wait until they may be opened (limit streamRate)`);
  const degraded = reasons.length > 0;
  const idle = connections.ready === 0 && !degraded;
  return {
    status: degraded ? 'degraded' : idle ? 'idle' : 'healthy',
    httpStatus: degraded ? 503 : 200,
    connections: connections.ready,
    rateLimit,
    leases: leases.held,
    reasons,
  };
}

export function blockOf(stats: GrpcPoolStats): GrpcPoolBlock {
  return {
    connections: stats.connections.total,
    healthy: stats.connections.ready,
    rateLimit: startsLeft(stats.connectionRate),
    monitors: Object.fromEntries(stats.leases.list.map(({ name, streams }) => [name, streams])),
    messagesPerSecond: stats.messagesPerSecond,
  };
}
