/** `client.stats()`: everything the client knows about itself, in one object, pulled when asked. */
import type { HistogramCounts, Quantiles } from '../algo/histogram.ts';
import type { Clock } from '../core/clock.ts';
import type { Engine } from '../engines/engine.ts';
import type { PoolSnapshot } from '../engines/http1/origin-pool.ts';
import type { DnsCache } from '../net/dns.ts';
import type { DnsStats } from '../net/dns-options.ts';
import type { SocketLife } from '../net/sockets.ts';
import type { TlsSetup } from '../net/tls.ts';
import type { CallRecord } from '../policies/observe.ts';
import type { ResilienceStats } from './resilience.ts';

export interface ClientStats {
  /** Age of the client, in ms. */
  readonly uptimeMs: number;
  readonly calls: {
    readonly total: number;
    readonly inFlight: number;
    readonly failed: number;
    /** Replies whose status was 1xx … 5xx; index 0 is unused. */
    readonly byClass: readonly number[];
    /** Failures by code of NetError. */
    readonly byCode: Readonly<Record<string, number>>;
  };
  /** From call to the end of the reply. */
  readonly latency: Quantiles;
  /** Waiting for a connection, calls that waited not at all included. */
  readonly queueWait: Quantiles;
  readonly phases: { readonly dns: Quantiles; readonly tcp: Quantiles; readonly tls: Quantiles };
  readonly reuse: {
    /** Leases of a connection that had served before ÷ all leases, 0…1; 0 before the first. */
    readonly ratio: number;
    readonly fresh: number;
    readonly reused: number;
    /** Those of both that were a place on an HTTP/2 connection. */
    readonly http2: number;
    /** Calls replayed because a reused connection turned out to be dead. */
    readonly hops: number;
  };
  /** Bodies that came in a content coding and were decoded: bytes as they came, and as they were handed on. */
  readonly compression: { readonly encodedBytes: number; readonly decodedBytes: number };
  readonly leaks: { readonly suspected: number; readonly recovered: number };
  readonly sockets: {
    readonly open: number;
    readonly closed: number;
    readonly totalMax: number;
    readonly live: readonly SocketLife[];
    /** The last ones closed, latest last. */
    readonly history: readonly SocketLife[];
  };
  readonly pools: readonly PoolSnapshot[];
  readonly dns: DnsStats;
  readonly tlsSessions: number;
  /** State of the policies that are on. */
  readonly policies: ResilienceStats;
}

/** What percentiles of `ClientStats` are made from: those of several processes have none in common, their counts do. */
export interface ClientHistograms {
  readonly latency: HistogramCounts;
  readonly queueWait: HistogramCounts;
}

export function snapshot(
  engines: Engine,
  record: CallRecord,
  dns: DnsCache,
  tls: TlsSetup,
  clock: Clock,
  policies: ResilienceStats,
): ClientStats {
  const engine = engines.http1;
  const { leasesFresh, leasesReused, leasesHttp2, hops, leaksSuspected, leaksRecovered } = engine.counters;
  const leases = leasesFresh + leasesReused;
  const lives = engine.sockets.lives();
  return {
    uptimeMs: clock.now() - engine.epoch,
    calls: {
      total: record.calls,
      inFlight: record.inFlight,
      failed: record.failures,
      byClass: [...record.byClass],
      byCode: Object.fromEntries(record.byCode),
    },
    latency: record.latency.snapshot(),
    queueWait: engine.waits.snapshot(),
    phases: {
      dns: engine.phases.dns.snapshot(),
      tcp: engine.phases.tcp.snapshot(),
      tls: engine.phases.tls.snapshot(),
    },
    reuse: {
      ratio: leases === 0 ? 0 : leasesReused / leases,
      fresh: leasesFresh,
      reused: leasesReused,
      http2: leasesHttp2,
      hops,
    },
    compression: { ...record.inflated },
    leaks: { suspected: leaksSuspected, recovered: leaksRecovered },
    sockets: {
      open: lives.live.length,
      closed: engine.sockets.closedCount,
      totalMax: engine.options.socketsTotalMax,
      live: lives.live,
      history: lives.closed,
    },
    pools: engines.pools(),
    dns: dns.stats(),
    tlsSessions: tls.sessions,
    policies,
  };
}
