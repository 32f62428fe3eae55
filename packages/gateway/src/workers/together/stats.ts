/** `/api/stats` of several workers. Percentiles are taken anew from all that was counted, never from percentiles. */
import { type ClientHistograms, quantilesOf } from 'keepwarm';
import {
  SERIES_SECONDS,
  type Snapshot,
  snapshot,
  socketsMaxIn,
  toJson,
  type UpstreamTold,
} from '../../admin/snapshot.ts';
import type { SectionsTold } from '../../data/sections.ts';
import { illsTogether } from '../../figures/ills.ts';
import { BUCKETS, type Summary, summaryOf } from '../../figures/rolling.ts';
import { type Figures, LATELY_SECONDS, median, type Phases } from '../../figures/tally.ts';
import { unreachableTogether } from '../../figures/unreachable.ts';
import { packed, unpackInto } from '../../history/row.ts';
import type { SharedTold } from '../../websocket/shared-subscriptions.ts';
import { tooFew } from './acts.ts';
import { nodesOf } from './endpoints.ts';
import { redisOf } from './redis.ts';
import { type AnyTogether, type CrewView, most, type Part, sum, summed, together, weighted } from './together.ts';

/** What the figures of one upstream are made from. Counts per bucket are packed as in a row of the history. */
interface CountedTold {
  /** By the second, the one under way first. */
  readonly latency: readonly Uint8Array[];
  readonly warm: Uint8Array;
  readonly cold: Uint8Array;
  readonly openings: readonly Phases[];
  readonly fresh: number;
  readonly reused: number;
  readonly histograms: ClientHistograms;
}

interface StatsPart {
  readonly snapshot: Omit<Snapshot, 'overall' | 'grpc'>;
  readonly counted: readonly CountedTold[];
  readonly memoryBytes: number;
}

const NOBODY = { size: 0, dropped: 0 };

const STATS_PATH = '/api/stats';

export const STATS_TOGETHER: AnyTogether = together<StatsPart>({
  path: STATS_PATH,
  part: (view, { query }) => {
    const { overall: _, grpc: __, ...told } = snapshot(view, NOBODY, socketsMaxIn(query));
    const now = performance.now();
    const counted = view.upstreams().map((upstream) => {
      const { latency, warm, cold, ...rest } = upstream.book.tally.counted(now);
      return {
        ...rest,
        latency: latency.map(packed),
        warm: packed(addedUp(warm)),
        cold: packed(addedUp(cold)),
        histograms: ('rpc' in upstream ? upstream.rpc : upstream.client).histograms(),
      };
    });
    return { snapshot: told, counted, memoryBytes: process.memoryUsage.rss() };
  },
  whole: (parts, home, { query }) => {
    const told = wholeOf(parts, home, socketsMaxIn(query));
    return { type: 'application/json', text: toJson(told) };
  },
});

/** Without sockets. */
export async function snapshotOf(
  ask: (path: string, query: string) => Promise<readonly Part<unknown>[]>,
  home: CrewView,
): Promise<Snapshot> {
  return wholeOf((await ask(STATS_PATH, 'sockets=0')) as readonly Part<StatsPart>[], home, 0);
}

interface UpstreamPart {
  readonly worker: number;
  readonly told: UpstreamTold;
  readonly counted: CountedTold;
}

function wholeOf(parts: readonly Part<StatsPart>[], home: CrewView, socketsMax: number): Snapshot {
  const snapshots = parts.map(({ told }) => told.snapshot);
  const all = parts.flatMap(({ worker, told: { snapshot: each, counted } }) =>
    each.upstreams.map((told, i): UpstreamPart => ({ worker, told, counted: counted[i]! })),
  );
  const groups = [...Map.groupBy(all, ({ told }) => told.name).values()];
  const callers = home.callers();
  const upstreams = groups.map((group) => {
    const told = upstreamOf(group, socketsMax);
    const { callerRate } = told;
    if (callerRate === undefined) return told;
    return { ...told, callerRate: { ...callerRate, callers: callers.get(told.name) ?? 0 } };
  });
  const draining = home.draining();
  return {
    version: 1,
    state: draining ? 'draining' : 'ready',
    uptimeMs: performance.now() - home.startedAt,
    requests: summed(snapshots.map(({ requests }) => requests)),
    overall: overallOf(all, upstreams),
    trailSlotMs: snapshots[0]!.trailSlotMs,
    upstreams,
    readiness: draining
      ? 'draining'
      : (tooFew(home.workers()) ??
        (snapshots.find(({ readiness }) => readiness === 'ready') ?? snapshots[0]!).readiness),
    run: home.feed.run,
    lastEvent: home.feed.last,
    events: home.readers(),
    history: home.history.state,
    grpc: home.grpc.told(),
    redis: redisOf([home.redis(), ...snapshots.map(({ redis }) => redis)]),
    workers: home.workers().map((each) => {
      const part = parts.find(({ worker }) => worker === each.worker)?.told;
      const calls = part === undefined ? 0 : sum(part.snapshot.upstreams, ({ callsPerSecond }) => callsPerSecond);
      const { requests } = part?.snapshot ?? {};
      return { ...each, callsPerSecond: calls, inFlight: requests?.inFlight ?? 0, memoryBytes: part?.memoryBytes ?? 0 };
    }),
  };
}

function overallOf(all: readonly UpstreamPart[], upstreams: readonly UpstreamTold[]): Snapshot['overall'] {
  const seconds = all.map(({ counted }) => counted.latency);
  const curve = Array.from({ length: SERIES_SECONDS }, (_, i) =>
    summaryOf(unpacked(seconds.flatMap((latency) => latency[SERIES_SECONDS - i] ?? []))),
  );
  const read = (name: keyof Summary): number[] => curve.map((each) => each[name]);
  return {
    callsPerSecond: sum(upstreams, ({ callsPerSecond }) => callsPerSecond),
    latency: lately(all),
    series: { calls: read('count'), p50Ms: read('p50Ms'), p95Ms: read('p95Ms'), p99Ms: read('p99Ms') },
  };
}

/** The slot under way, and the full ones before it. */
const lately = (all: readonly UpstreamPart[]): Summary =>
  summaryOf(unpacked(all.flatMap(({ counted }) => counted.latency.slice(0, LATELY_SECONDS + 1))));

function upstreamOf(group: readonly UpstreamPart[], socketsMax: number): UpstreamTold {
  const all = group.map(({ told }) => told);
  const uptimeMs = most(all, (told) => told.uptimeMs);
  const { name, origin, endpoints } = all[0]!;
  const [fresh, reused] = [sum(all, ({ reuse }) => reuse.fresh), sum(all, ({ reuse }) => reuse.reused)];
  const { socketsMax: places, saturation: _, ...pool } = summed(all.map((told) => told.pool));
  const dns = summed(all.map((told) => told.dns));
  const questions = dns.hits + dns.staleHits + dns.negativeHits + dns.misses;
  const nodes = all.flatMap(({ jsonrpc }) => jsonrpc ?? []);
  const optional = <K extends 'callerRate' | 'upgrades' | 'websocket'>(key: K) => {
    const told = all.flatMap((each) => each[key] ?? []);
    return told.length === 0 ? {} : { [key]: summed(told as object[]) };
  };
  const subscriptions = all.flatMap((told) => told.subscriptions ?? []);
  const sections = all.flatMap((told) => told.sections ?? []);
  return {
    name,
    origin,
    uptimeMs,
    ...figuresOf(group),
    calls: {
      ...summed(all.map(({ calls }) => calls)),
      byClass: all[0]!.calls.byClass.map((_, i) => sum(all, ({ calls }) => calls.byClass[i]!)),
      byCode: byCodeOf(all),
    },
    latencySinceStart: quantilesOf(group.map(({ counted }) => counted.histograms.latency)),
    queueWait: quantilesOf(group.map(({ counted }) => counted.histograms.queueWait)),
    reuse: { ...summed(all.map(({ reuse }) => reuse)), ratio: fresh + reused === 0 ? 0 : reused / (fresh + reused) },
    compression: summed(all.map(({ compression }) => compression)),
    leaks: summed(all.map(({ leaks }) => leaks)),
    dns: {
      ...dns,
      hitRate: questions === 0 ? 0 : 1 - dns.misses / questions,
      lookupMs: weighted(
        all,
        (told) => told.dns.lookupMs,
        (told) => told.dns.lookups,
      ),
    },
    tlsSessions: sum(all, ({ tlsSessions }) => tlsSessions),
    pool: {
      ...pool,
      socketsMax: places,
      saturation: weighted(
        all,
        (told) => told.pool.saturation,
        (told) => told.pool.socketsMax,
      ),
    },
    sockets: socketsOf(group, uptimeMs, socketsMax),
    stopped: all.flatMap(({ stopped }) => stopped),
    ...optional('callerRate'),
    ...(sections.length === 0 ? {} : { sections: sectionsOf(sections) }),
    ...optional('upgrades'),
    ...optional('websocket'),
    ...(subscriptions.length === 0 ? {} : { subscriptions: subscriptionsOf(subscriptions) }),
    ...(endpoints && { endpoints }),
    ...(nodes.length === 0 ? {} : { jsonrpc: nodesOf(nodes) }),
  };
}

function figuresOf(group: readonly UpstreamPart[]): Figures {
  const counted = group.map((each) => each.counted);
  const all = group.map(({ told }) => told);
  const openings = counted.flatMap((each) => each.openings);
  const [fresh, reused] = [sum(counted, (each) => each.fresh), sum(counted, (each) => each.reused)];
  return {
    latency: lately(group),
    callsPerSecond: sum(all, ({ callsPerSecond }) => callsPerSecond),
    warm: summaryOf(unpacked(counted.map(({ warm }) => warm))),
    cold: summaryOf(unpacked(counted.map(({ cold }) => cold))),
    opening: {
      count: openings.length,
      dnsMs: median(openings.map(({ dnsMs }) => dnsMs)),
      tcpMs: median(openings.map(({ tcpMs }) => tcpMs)),
      tlsMs: median(openings.map(({ tlsMs }) => tlsMs)),
    },
    reuseRatio: fresh + reused === 0 ? 0 : reused / (fresh + reused),
    failedLately: sum(all, ({ failedLately }) => failedLately),
    status5xxLately: sum(all, ({ status5xxLately }) => status5xxLately),
    ills: illsTogether(all.flatMap(({ ills }) => ills)),
    unreachable: unreachableTogether(all.flatMap(({ unreachable }) => unreachable)),
  };
}

/** Instants are counted from the start of the oldest: those of the others come that much later. */
function socketsOf(group: readonly UpstreamPart[], uptimeMs: number, socketsMax: number): UpstreamTold['sockets'] {
  const lives = (of: 'live' | 'history') =>
    group.flatMap(({ worker, told }) => {
      const later = uptimeMs - told.uptimeMs;
      return told.sockets[of].map((life) => ({
        ...life,
        worker,
        openedAtMs: life.openedAtMs + later,
        sinceMs: life.sinceMs + later,
      }));
    });
  return {
    open: sum(group, ({ told }) => told.sockets.open),
    closed: sum(group, ({ told }) => told.sockets.closed),
    live: lives('live').slice(0, socketsMax),
    history: lives('history').sort((a, b) => a.sinceMs - b.sinceMs),
  };
}

/** Callers of one tenant are at all workers, so most have the same sections. */
function sectionsOf(all: readonly SectionsTold[]): SectionsTold {
  const [open, listed] = [most(all, (told) => told.open), most(all, (told) => told.listed)];
  return { ...summed(all), open, listed, sectionsMax: most(all, (told) => told.sectionsMax) };
}

function subscriptionsOf(all: readonly SharedTold[]): SharedTold {
  const endpoints = [
    ...Map.groupBy(
      all.flatMap((told) => told.endpoints),
      ({ name }) => name,
    ).values(),
  ];
  return { ...summed(all), endpoints: endpoints.map(summed) };
}

function byCodeOf(all: readonly UpstreamTold[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { calls } of all) {
    for (const [code, count] of Object.entries(calls.byCode)) counts[code] = (counts[code] ?? 0) + count;
  }
  return counts;
}

function unpacked(all: readonly Uint8Array[]): Uint32Array {
  const sums = new Uint32Array(BUCKETS);
  for (const each of all) unpackInto(sums, each);
  return sums;
}

function addedUp(all: readonly Uint32Array[]): Uint32Array {
  const sums = new Uint32Array(BUCKETS);
  for (const counts of all) for (let i = 0; i < BUCKETS; i++) sums[i]! += counts[i]!;
  return sums;
}
