/** Snapshots of clients, arbitrary ones and one to begin with. */
import fc from 'fast-check';
import type { FleetSnapshot } from '../../src/adapters/redis/redis-rate-limit.ts';
import { BOUNDS_MS, Histogram, type Quantiles } from '../../src/algo/histogram.ts';
import type { EndpointSnapshot } from '../../src/balance/endpoint.ts';
import type { GrpcStats } from '../../src/clients/grpc/record.ts';
import type { RpcStats } from '../../src/clients/jsonrpc/stats.ts';
import type { ClientStats } from '../../src/clients/stats.ts';
import { CODES } from '../../src/core/error.ts';
import type { SocketLife } from '../../src/net/sockets.ts';

type Pool = ClientStats['pools'][number];

export function quantilesOf(...ms: readonly number[]): Quantiles {
  const histogram = new Histogram();
  for (const each of ms) histogram.record(each);
  return histogram.snapshot();
}

export const NOTHING = quantilesOf();

export function someStats(over: Partial<ClientStats> = {}): ClientStats {
  return {
    uptimeMs: 1_500,
    calls: { total: 0, inFlight: 0, failed: 0, byClass: [0, 0, 0, 0, 0, 0], byCode: {} },
    latency: NOTHING,
    queueWait: NOTHING,
    phases: { dns: NOTHING, tcp: NOTHING, tls: NOTHING },
    reuse: { ratio: 0, fresh: 0, reused: 0, http2: 0, hops: 0 },
    compression: { encodedBytes: 0, decodedBytes: 0 },
    leaks: { suspected: 0, recovered: 0 },
    sockets: { open: 0, closed: 0, totalMax: 100, live: [], history: [] },
    pools: [],
    dns: {
      ...{ names: 0, hits: 0, staleHits: 0, negativeHits: 0, misses: 0 },
      ...{ lookups: 0, errors: 0, hitRate: 0, inFlight: 0, lookupMs: 0 },
    },
    tlsSessions: 0,
    policies: {},
    ...over,
  };
}

export function anEndpoint(name: string, over: Partial<EndpointSnapshot> = {}): EndpointSnapshot {
  return {
    ...{ name, origin: 'https://a.test', priority: 0, state: 'healthy', weight: 1, load: 0, latencyMs: 0, inFlight: 0 },
    ...{ successes: 0, failures: 0, busy: 0, ejections: 0, ejectedUntilMs: undefined, pausedUntilMs: undefined },
    ...over,
  };
}

/** An HTTP/2 connection, of which only this much is looked at. */
export const aSession = (origin: string, streams: number, rttMs?: number): SocketLife => ({
  ...{ id: 1, origin, section: '', address: '127.0.0.1:1', state: 'in use', openedAtMs: 0, dnsMs: 0, tcpMs: 0 },
  ...{ tlsMs: 0, tlsResumed: false, leases: 1, bytesIn: 0, bytesOut: 0, sinceMs: 0, closeReason: undefined },
  ...{ protocol: 'h2', streams, rttMs },
});

const nearRate = { name: 'cu', limit: 10, windowMs: 2_000, keys: 1, used: 4, remaining: 6, resetMs: 500, nextMs: 0 };
const freshness = { name: 'near', state: 'lagging', height: 90, lag: 10, lagMs: 400 } as const;
const near = {
  ...anEndpoint('near'),
  rateLimit: [{ ...nearRate, waiting: 2, pausedMs: 0, granted: 40, refused: 1 }],
  batch: { sizeMax: 100, refused: 3 },
  freshness,
  differed: { lacked: 4, disagreed: 2 },
};
export const rpcStats: RpcStats = {
  ...{ panic: false, head: 100, endpoints: [near], coalesced: 5, cache: { entries: 1, hits: 2, kept: 3 } },
  batching: { batches: 7, batched: 70, resent: 1 },
  empty: { asked: 8, found: 6 },
  splitting: { split: 2, parts: 9 },
  agreement: { agreed: 30, disagreed: 3, more: 4 },
  http: someStats({ policies: { endpoints: { panic: true, endpoints: [near] } } }),
};

export const grpcStats: GrpcStats = {
  calls: { total: 5, inFlight: 1, byStatus: { OK: 3, UNAVAILABLE: 1 } },
  messages: { sent: 6, received: 9, unreadable: 0 },
  http: someStats(),
};

const limit = {
  name: 'calls',
  limit: 60,
  windowMs: 60_000,
  keys: 1,
  own: 12,
  pausedMs: 0,
  granted: 99,
  refused: 2,
};
const redis = { state: 'local', lostMs: 10, asks: 50, losses: 3, lastError: 'redis://:hunter2@host' };
/** With a secret in the one place where somebody else's words stand. */
export const fleetLimit: FleetSnapshot = { limits: [limit], waiting: 4, redis: { ...redis, state: 'local' } };

/** Text that breaks what is not escaped: quotes, backslashes, line ends, halves of surrogate pairs, long, empty. */
export const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({
    unit: fc.constantFrom('"', '\\', '\n', '\r', ',', '}', '{', '=', 'n', ' ', '#', '\ud800', '\u2028', '\0'),
  }),
  fc.constantFrom('other', '__proto__', 'constructor', '# EOF', '\\n', '\\', 'x'.repeat(300), 'ü😀'),
);

const count = fc.nat();
const gauge = fc.double({ min: 0, noNaN: true, max: 1e15 });
const quantiles = fc
  .array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 30 })
  .map((ms) => quantilesOf(...ms));

const pool: fc.Arbitrary<Pool> = fc.record({
  ...{ origin: hostile, section: hostile, opening: count, inFlight: count, idle: count, waiting: count },
  ...{ socketsMax: fc.oneof(count, fc.constant(Number.POSITIVE_INFINITY)), saturation: gauge },
});
const breaker = fc.record({
  key: hostile,
  state: fc.constantFrom('closed', 'open', 'half-open'),
  ...{
    consecutive: count,
    failures: count,
    samples: count,
    probeMs: gauge,
    troubledMs: gauge,
    opened: count,
    refused: count,
  },
});
const rate = fc.record({
  ...{ name: hostile, limit: count, windowMs: gauge, keys: count, used: count, remaining: count, resetMs: gauge },
  ...{ nextMs: gauge, waiting: count, pausedMs: gauge, granted: count, refused: count },
});
const endpoint = fc
  .record({ name: hostile, latencyMs: gauge, load: gauge, successes: count, failures: count, inFlight: count })
  .map(({ name, ...over }) => anEndpoint(name, over));

export const anyStats: fc.Arbitrary<ClientStats> = fc
  .record({
    uptimeMs: gauge,
    calls: fc.record({
      ...{ total: count, inFlight: count, failed: count },
      byClass: fc.array(count, { minLength: 6, maxLength: 6 }),
      byCode: fc.dictionary(fc.constantFrom(...Object.keys(CODES)), count),
    }),
    latency: quantiles,
    queueWait: quantiles,
    reuse: fc.record({ ratio: gauge, fresh: count, reused: count, http2: count, hops: count }),
    pools: fc.array(pool, { maxLength: 8 }),
    policies: fc.record(
      {
        breaker: fc.record({ breakers: fc.array(breaker, { maxLength: 8 }), unguarded: count }),
        rateLimit: fc.array(rate, { maxLength: 4 }),
        endpoints: fc.record({ panic: fc.boolean(), endpoints: fc.array(endpoint, { maxLength: 8 }) }),
      },
      { requiredKeys: [] },
    ),
  })
  .map(someStats);

/** What `stats()` may say some time after `before`: no count is less. */
export function later(before: ClientStats, more: ClientStats): ClientStats {
  const added = (a: Quantiles, b: Quantiles): Quantiles => ({
    ...a,
    count: a.count + b.count,
    sumMs: a.sumMs + b.sumMs,
    buckets: BOUNDS_MS.map((_, i) => a.buckets[i]! + b.buckets[i]!),
  });
  const { calls, reuse } = before;
  const codes = new Set([...Object.keys(calls.byCode), ...Object.keys(more.calls.byCode)]);
  return {
    ...more,
    calls: {
      ...more.calls,
      total: calls.total + more.calls.total,
      byClass: calls.byClass.map((each, i) => each + more.calls.byClass[i]!),
      byCode: Object.fromEntries([...codes].map((c) => [c, (calls.byCode[c] ?? 0) + (more.calls.byCode[c] ?? 0)])),
    },
    latency: added(before.latency, more.latency),
    queueWait: added(before.queueWait, more.queueWait),
    reuse: {
      ...reuse,
      fresh: reuse.fresh + more.reuse.fresh,
      reused: reuse.reused + more.reuse.reused,
      http2: reuse.http2 + more.reuse.http2,
      hops: reuse.hops + more.reuse.hops,
    },
    policies: {},
  };
}
