/** `network-diagnostics`: the state of the network in one answer, with a grade and the reasons for it. */
import type { BreakersTold } from '../admin/endpoints.ts';
import type { Snapshot, UpstreamTold } from '../admin/snapshot.ts';
import { OUT as TAKES_NO_CALLS } from '../admin/trouble.ts';
import { type Grade, type Graded, gradeOf } from './grade.ts';
import { list, number, oneOf, orNull, record, type Shape, text, told } from './shape.ts';
import { type Input, READS, type Tool, ToolError, wordOf } from './tool.ts';

/** Rates are of the last ten seconds: sooner than this nothing much has changed. */
const REFRESH_MS = 5_000;
/** What takes no calls, or only one that finds out whether it may take more. */
const OUT: ReadonlySet<string> = new Set([...TAKES_NO_CALLS, 'probing']);

const SHARE = 'a share, 0 to 1; null where nothing is known yet';

const GRADE: Readonly<Record<string, Shape>> = {
  grade: orNull(oneOf(['A', 'B', 'C', 'D', 'F'], 'null when there were no calls to grade')),
  score: orNull(number('0 to 100')),
  reasons: list(
    record({
      what: text('what cost points'),
      value: number(),
      good: number('from where on it costs none'),
      points: number('taken off 100'),
      words: text('what it means and what to do'),
    }),
    'the worst first; empty when all is well',
  ),
};

export const DIAGNOSTICS: Tool = {
  name: 'network-diagnostics',
  title: 'Network diagnostics',
  description:
    'How the connections of the gateway are doing now: connection pools, latency, calls per second, ' +
    'keep-alive reuse, ' +
    'share of HTTP/2, compression, hits of the DNS cache, and a performance grade from A to F with the ' +
    'reason for each ' +
    'point that is missing. Begin here when something is slow or fails; ask again after refreshMs at the soonest.',
  input: record({ upstream: text('one upstream by its name; all of them when left out') }, ['upstream']),
  output: record({
    ...GRADE,
    state: text('ready or draining, and for whom'),
    refreshMs: number('ask again after so long at the soonest'),
    uptimeMs: number(),
    upstreams: list(
      record(
        {
          name: text(),
          origin: text('without path; of several endpoints the first, and how many more there are'),
          ...GRADE,
          callsPerSecond: number('last 10 s'),
          latency: told('of the last 10 s: count, meanMs, p50Ms, p95Ms, p99Ms'),
          pool: told('opening, inFlight, idle, waiting, socketsMax, saturation'),
          keepAliveReuse: orNull(number(`calls of the last minute that found a connection which had served: ${SHARE}`)),
          http2Share: orNull(number(`calls over HTTP/2, since the start: ${SHARE}`)),
          compressionRatio: orNull(
            number('decoded ÷ received bytes; null where bodies are passed through as they are'),
          ),
          dnsHitRate: orNull(number(`look-ups that did not wait: ${SHARE}`)),
          failedLately: number('failed calls of the last minute'),
          status5xxLately: number('replies with 5xx of the last minute'),
          calls: told('since the start: total, inFlight, failed, byClass, byCode'),
          endpoints: orNull(told('how many there are, and how many are out')),
        },
        [],
      ),
    ),
    grpc: list(told('an upstream that speaks gRPC: name, target, connections, leases, streams')),
  }),
  annotations: READS,
  run: async ({ admin }, input, signal) => {
    const [stats, { breakers }] = await Promise.all([admin.stats(0, signal), admin.breakers({}, signal)]);
    return diagnose(stats, breakers, input);
  },
  meta: (answer) => ({
    'keepwarm/refresh-interval': REFRESH_MS,
    'keepwarm/performance-grade': 'grade' in answer ? answer.grade : null,
  }),
};

/** Of what `/api/stats` and `/api/breakers` tell. @throws ToolError when there is no such upstream */
function diagnose(stats: Snapshot, breakers: BreakersTold['breakers'], input: Input) {
  const name = wordOf(input, 'upstream');
  const of = <T extends { readonly name: string }>(all: readonly T[]): readonly T[] =>
    name === undefined ? all : all.filter((each) => each.name === name);
  const [upstreams, grpc] = [of(stats.upstreams), of(stats.grpc)];
  if (name !== undefined && upstreams.length + grpc.length === 0) {
    const names = [...stats.upstreams, ...stats.grpc].map((each) => each.name).join(', ');
    throw new ToolError(`there is no upstream ${JSON.stringify(name.slice(0, 64))}; there are: ${names}`);
  }
  const graded = upstreams.map((upstream) => gradedOf(upstream, breakers));
  return {
    ...overall(graded),
    state: `${stats.state}: ${stats.readiness}`,
    refreshMs: REFRESH_MS,
    uptimeMs: stats.uptimeMs,
    upstreams: upstreams.map((upstream, i) => ({ ...toldOf(upstream), ...gradeOf(graded[i]!) })),
    grpc: grpc.map(grpcTold),
  };
}

/** The worst upstream gives the grade: an average would hide it. Its reasons are told for it. */
function overall(graded: readonly Graded[]): Grade {
  const grades = graded.map(gradeOf).filter(({ score }) => score !== null);
  const worst = grades.toSorted((a, b) => (a.score ?? 0) - (b.score ?? 0))[0];
  return worst ?? { grade: null, score: null, reasons: [] };
}

function gradedOf(upstream: UpstreamTold, breakers: BreakersTold['breakers']): Graded {
  const { latency, latencySinceStart, reuse, reuseRatio, failedLately, status5xxLately, pool, dns, leaks } = upstream;
  const endpoints = (upstream.jsonrpc ?? upstream).endpoints ?? [];
  const minute = Math.max(upstream.callsPerSecond * 60, failedLately + status5xxLately);
  return {
    calls: latencySinceStart.count + failedLately,
    leases: reuse.fresh + reuse.reused,
    reuseRatio: reuseRatio === 0 ? reuse.ratio : reuseRatio,
    failedShare: minute === 0 ? 0 : (failedLately + status5xxLately) / minute,
    p50Ms: latency.p50Ms,
    p95Ms: latency.p95Ms,
    saturation: pool.saturation,
    waiting: pool.waiting,
    dnsHitRate: hitRate(dns),
    dnsMisses: dns.misses,
    endpoints: endpoints.length,
    endpointsOut: endpoints.filter(({ state }) => OUT.has(state)).length,
    breakersOpen: breakers.filter((each) => each.upstream === upstream.name && each.state === 'open').length,
    leaks: leaks.suspected - leaks.recovered,
  };
}

function toldOf(upstream: UpstreamTold) {
  const { name, origin, callsPerSecond, latency, pool, reuse, reuseRatio, compression, dns, calls } = upstream;
  const { failedLately, status5xxLately } = upstream;
  const leases = reuse.fresh + reuse.reused;
  const { endpoints } = upstream.jsonrpc ?? upstream;
  return {
    ...{ name, origin, callsPerSecond, latency, pool, failedLately, status5xxLately, calls },
    keepAliveReuse: leases === 0 ? null : reuseRatio === 0 ? reuse.ratio : reuseRatio,
    http2Share: leases === 0 ? null : reuse.http2 / leases,
    compressionRatio: compression.encodedBytes === 0 ? null : compression.decodedBytes / compression.encodedBytes,
    dnsHitRate: hitRate(dns),
    endpoints:
      endpoints === undefined
        ? null
        : { total: endpoints.length, out: endpoints.filter(({ state }) => OUT.has(state)).map((each) => each.name) },
  };
}

/** Addresses are no questions: where only those are used there is no rate. */
function hitRate({ hits, staleHits, misses }: UpstreamTold['dns']): number | null {
  const questions = hits + staleHits + misses;
  return questions === 0 ? null : (hits + staleHits) / questions;
}

function grpcTold({ name, kind, target, pool }: Snapshot['grpc'][number]) {
  const { connections, leases, streams, messagesPerSecond, connectionRate } = pool;
  const { total, ready, opening, draining, max } = connections;
  return {
    ...{ name, kind, target, messagesPerSecond, streams },
    connections: { total, ready, opening, draining, max },
    leases: { held: leases.held, waiting: leases.waiting },
    connectionRate: connectionRate ?? null,
  };
}
