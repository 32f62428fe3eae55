/** The metrics of ConnectionPoolCore: the client's own figures under the names of that design. */
import type { Facts } from './facts.ts';
import type { ClientStats } from './stats.ts';

export interface ConnectionPoolMetrics {
  readonly totalRequests: number;
  /** Calls that ended without a reply. */
  readonly failedRequests: number;
  /** Those of them that ran out of time, in one step or in all. */
  readonly timedOutRequests: number;
  /** Connections opened so far. */
  readonly totalConnections: number;
  readonly activeConnections: number;
  readonly idleConnections: number;
  readonly waitingRequests: number;
  /** Calls lent a connection's first use. */
  readonly newConnections: number;
  /** Calls lent a connection that had served before. */
  readonly reusedConnections: number;
  /** Connections that could not be opened. */
  readonly failedConnections: number;
  /** Those of them that took longer than `connectionTimeout`. */
  readonly timedOutConnections: number;
  /** `reusedConnections` as a share of both, such as `98.65%`. */
  readonly socketReusePercentage: string;
  /** Mean of opening a connection, in ms: name lookup, TCP and TLS. */
  readonly averageConnectionTime: number;
  /** Mean of what a call waited for a connection that was reused, in ms. */
  readonly averageReuseTime: number;
  /** Connections lent for longer than `leak.afterMs` and not back yet. */
  readonly socketLeaks: number;
  readonly memory: {
    /** Of the whole process. */
    readonly heapUsedBytes: number;
    /** Since this pool was made, other code's doing included. */
    readonly heapGrowthBytes: number;
  };
  readonly endpoints: ClientStats['pools'];
}

/** What no snapshot tells: sums over openings, and waits of reused connections alone. */
export class OpeningRecord {
  openingMs = 0;
  failed = 0;
  timedOut = 0;
  reuseWaitMs = 0;

  constructor(facts: Facts) {
    facts.on('socketOpened', ({ dnsMs, tcpMs, tlsMs }) => void (this.openingMs += dnsMs + tcpMs + tlsMs));
    facts.on('socketOpenFailed', ({ error }) => {
      this.failed++;
      if (error.code === 'TIMEOUT') this.timedOut++;
    });
    facts.on('leased', ({ fresh, waitMs }) => {
      if (!fresh) this.reuseWaitMs += waitMs;
    });
  }
}

export function metricsOf(stats: ClientStats, openings: OpeningRecord, heapAtStart: number): ConnectionPoolMetrics {
  const { calls, reuse, pools, leaks, sockets } = stats;
  const opened = sockets.open + sockets.closed;
  const { heapUsed } = process.memoryUsage();
  return {
    totalRequests: calls.total,
    failedRequests: calls.failed,
    timedOutRequests: (calls.byCode['TIMEOUT'] ?? 0) + (calls.byCode['DEADLINE'] ?? 0),
    totalConnections: opened,
    activeConnections: pools.reduce((sum, pool) => sum + pool.inFlight, 0),
    idleConnections: pools.reduce((sum, pool) => sum + pool.idle, 0),
    waitingRequests: pools.reduce((sum, pool) => sum + pool.waiting, 0),
    newConnections: reuse.fresh,
    reusedConnections: reuse.reused,
    failedConnections: openings.failed,
    timedOutConnections: openings.timedOut,
    socketReusePercentage: `${(reuse.ratio * 100).toFixed(2)}%`,
    averageConnectionTime: mean(openings.openingMs, opened),
    averageReuseTime: mean(openings.reuseWaitMs, reuse.reused),
    socketLeaks: leaks.suspected - leaks.recovered,
    memory: { heapUsedBytes: heapUsed, heapGrowthBytes: heapUsed - heapAtStart },
    endpoints: pools,
  };
}

function mean(sum: number, count: number): number {
  return count === 0 ? 0 : sum / count;
}
