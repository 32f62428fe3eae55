/** What `/api/stats` answers: everything the gateway knows about itself. docs/guide/gateway.md describes it. */
import type { ClientStats, SocketLife } from 'keepwarm';
import type { AnyUpstream } from '../data/routes.ts';
import { type Summary, series, summary } from '../figures/rolling.ts';
import { type Figures, LATELY_SECONDS } from '../figures/tally.ts';
import { TRAIL_SLOT_MS } from '../figures/trail.ts';
import type { GrpcTold } from '../grpc/upstream.ts';
import type { HistoryState } from '../history/told.ts';
import type { RedisTold } from '../redis/connection.ts';
import { callersTold, type UpstreamCallersTold } from './callers-told.ts';
import type { Readers } from './events.ts';
import { count, onlyNames } from './query.ts';
import { readiness } from './readiness.ts';
import { type RpcEndpointTold, type RpcTold, rpcTold } from './rpc-told.ts';
import { endpointsOf, policiesOf } from './upstream-parts.ts';
import type { AdminView } from './view.ts';
import type { WorkerOfStats } from './worker-told.ts';

/** Seconds of curves: two minutes. */
export const SERIES_SECONDS = 120;

const ENDPOINTS_TOLD_MAX = 100;

export interface SocketTold extends SocketLife {
  /** How busy it was, one digit per `trailSlotMs`, oldest first, ending now; 0 unused … 9 in use all the time. */
  readonly trail: string;
  /** Whose it is, where there are several. */
  readonly worker?: number;
}

type Breaker = NonNullable<ReturnType<typeof policiesOf>['breaker']>['breakers'][number];

export interface UpstreamTold extends Figures, UpstreamCallersTold {
  readonly name: string;
  readonly origin: string;
  /** As the library tells it: since the start. */
  readonly calls: ClientStats['calls'];
  readonly latencySinceStart: ClientStats['latency'];
  readonly queueWait: ClientStats['queueWait'];
  readonly reuse: ClientStats['reuse'];
  readonly compression: ClientStats['compression'];
  readonly leaks: ClientStats['leaks'];
  readonly dns: ClientStats['dns'];
  readonly tlsSessions: number;
  readonly pool: {
    readonly opening: number;
    readonly inFlight: number;
    readonly idle: number;
    readonly waiting: number;
    readonly socketsMax: number;
    readonly saturation: number;
  };
  readonly sockets: {
    readonly open: number;
    readonly closed: number;
    readonly live: readonly SocketTold[];
    /** The last ones closed, latest last. */
    readonly history: readonly SocketTold[];
  };
  /** Breakers that keep calls back now. */
  readonly stopped: readonly Breaker[];
  /** Age of the client, in ms; the instants of its sockets are counted from its creation. */
  readonly uptimeMs: number;
  /** Of one with several endpoints that are no JSON-RPC nodes, at most `ENDPOINTS_TOLD_MAX` of them. */
  readonly endpoints?: readonly Pick<RpcEndpointTold, 'name' | 'origin' | 'state'>[];
  /** Of a pool of JSON-RPC nodes: its endpoints. */
  readonly jsonrpc?: RpcTold;
}

export interface Snapshot {
  /** Of this shape. */
  readonly version: 1;
  readonly state: 'ready' | 'draining';
  /** What the page says about this gateway before anything else. */
  readonly about?: string;
  readonly uptimeMs: number;
  /** Requests under way, and those the gateway answered itself because they could not or must not be forwarded. */
  readonly requests: { readonly inFlight: number; readonly refused: number };
  /** All upstreams together. */
  readonly overall: {
    readonly callsPerSecond: number;
    /** Caller's request to end of reply, last 10 s. */
    readonly latency: Summary;
    /** The last two minutes by the second, oldest first: calls ended, their percentiles in ms. */
    readonly series: Readonly<Record<'calls' | 'p50Ms' | 'p95Ms' | 'p99Ms', number[]>>;
  };
  readonly trailSlotMs: number;
  readonly upstreams: readonly UpstreamTold[];
  /** Whether callers should be sent here, and why not. */
  readonly readiness: string;
  /** Of this run, and the number of its last event. */
  readonly run: string;
  readonly lastEvent: string;
  readonly events: { readonly readers: number; readonly readersDropped: number };
  readonly history: HistoryState;
  /** Upstreams that speak gRPC. */
  readonly grpc: readonly GrpcTold[];
  /** What counts limits together with other gateways. */
  readonly redis?: RedisTold | undefined;
  /** Where several processes do the work. */
  readonly workers?: readonly WorkerOfStats[];
}

/** As asked for. @throws Refused */
export function socketsMaxIn(query: URLSearchParams): number {
  onlyNames(query, ['sockets']);
  return count(query, 'sockets', 0, 5_000, 5_000);
}

/** @param socketsMax told per upstream; `sockets.open` says how many there are */
export function snapshot(view: AdminView, readers: Pick<Readers, 'size' | 'dropped'>, socketsMax: number): Snapshot {
  const { data, startedAt, feed, history } = view;
  const upstreams = view.upstreams();
  const now = performance.now();
  const told = upstreams.map((upstream) => tell(upstream, socketsMax));
  return {
    version: 1,
    state: data.draining ? 'draining' : 'ready',
    ...(view.about === undefined ? {} : { about: view.about }),
    uptimeMs: now - startedAt,
    requests: { inFlight: data.inFlight, refused: data.refused },
    overall: overall(upstreams, told, now),
    trailSlotMs: TRAIL_SLOT_MS,
    upstreams: told,
    readiness: readiness(view).text,
    run: feed.run,
    lastEvent: feed.last,
    events: { readers: readers.size, readersDropped: readers.dropped },
    history: history.state,
    grpc: view.grpc.told(),
    redis: view.redis(),
  };
}

function overall(upstreams: readonly AnyUpstream[], told: readonly UpstreamTold[], now: number): Snapshot['overall'] {
  const rollings = upstreams.map(({ book }) => book.latency);
  const curve = series(rollings, now, SERIES_SECONDS);
  return {
    callsPerSecond: told.reduce((sum, { callsPerSecond }) => sum + callsPerSecond, 0),
    latency: summary(rollings, now, LATELY_SECONDS),
    series: {
      calls: curve.map(({ count }) => count),
      p50Ms: curve.map(({ p50Ms }) => p50Ms),
      p95Ms: curve.map(({ p95Ms }) => p95Ms),
      p99Ms: curve.map(({ p99Ms }) => p99Ms),
    },
  };
}

function tell(upstream: AnyUpstream, socketsMax: number): UpstreamTold {
  const { name, origin, book } = upstream;
  const rpc = 'rpc' in upstream ? upstream.rpc.stats() : undefined;
  const stats = 'rpc' in upstream ? rpc!.http : upstream.client.stats();
  const { uptimeMs, calls, latency, queueWait, reuse, compression, leaks, dns, tlsSessions, sockets } = stats;
  const withTrail = (life: SocketLife): SocketTold => ({ ...life, trail: book.trail(life.id) });
  return {
    name,
    origin,
    uptimeMs,
    ...book.figures(),
    calls,
    latencySinceStart: latency,
    queueWait,
    reuse,
    compression,
    leaks,
    dns,
    tlsSessions,
    pool: together(stats.pools),
    sockets: {
      open: sockets.open,
      closed: sockets.closed,
      live: sockets.live.slice(0, socketsMax).map(withTrail),
      history: socketsMax === 0 ? [] : sockets.history.map(withTrail),
    },
    stopped: (policiesOf(upstream).breaker?.breakers ?? []).filter(({ state }) => state !== 'closed'),
    ...callersTold(upstream),
    ...endpointsTold(upstream),
    ...('rpc' in upstream ? { jsonrpc: rpcTold(upstream, rpc!) } : {}),
  };
}

function endpointsTold(upstream: AnyUpstream): Pick<UpstreamTold, 'endpoints'> {
  if ('rpc' in upstream || upstream.trails === undefined) return {};
  const told = endpointsOf(upstream).slice(0, ENDPOINTS_TOLD_MAX);
  return { endpoints: told.map(({ name, origin, state }) => ({ name, origin, state })) };
}

/** A client of one origin has one pool, made by its first call; one of several endpoints has one for each. */
function together(pools: ClientStats['pools']): UpstreamTold['pool'] {
  const sum = (read: (pool: ClientStats['pools'][number]) => number): number =>
    pools.reduce((all, pool) => all + read(pool), 0);
  const socketsMax = sum((pool) => pool.socketsMax);
  return {
    opening: sum((pool) => pool.opening),
    inFlight: sum((pool) => pool.inFlight),
    idle: sum((pool) => pool.idle),
    waiting: sum((pool) => pool.waiting),
    socketsMax,
    saturation: socketsMax === 0 ? 0 : sum((pool) => pool.saturation * pool.socketsMax) / socketsMax,
  };
}

/** A snapshot as JSON. Numbers are rounded to µs: the rest is noise, and half of the bytes. */
export function toJson(told: Snapshot): string {
  return JSON.stringify(told, (_, value: unknown) => (typeof value === 'number' ? round(value) : value));
}

const round = (value: number): number => Math.round(value * 1_000) / 1_000;
