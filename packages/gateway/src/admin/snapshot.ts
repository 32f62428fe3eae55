/** What `/api/stats` answers: one object with everything the gateway knows about itself. docs/guide/gateway.md describes it. */
import type { ClientStats, SocketLife } from 'keepwarm';
import type { DataServer } from '../data/server.ts';
import type { Upstream } from '../data/upstream.ts';
import type { Figures } from '../figures/figures.ts';
import { TRAIL_SLOT_MS } from '../figures/trail.ts';

/** Sockets told per upstream; `sockets.open` says how many there are. More than the total a client has by default. */
const SOCKETS_MAX = 5_000;
/** Seconds of curves: two minutes. */
const SERIES_SECONDS = 120;

export interface SocketTold extends SocketLife {
  /** How busy it was, one digit per `trailSlotMs`, oldest first, ending now; 0 unused … 9 in use all the time. */
  readonly trail: string;
}

export interface UpstreamTold extends Figures {
  readonly name: string;
  readonly origin: string;
  /** As the library tells it: since the start. */
  readonly calls: ClientStats['calls'];
  readonly latencySinceStart: ClientStats['latency'];
  readonly queueWait: ClientStats['queueWait'];
  readonly reuse: ClientStats['reuse'];
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
  /** The last two minutes by the second, oldest first: calls ended, and their median and 99th percentile in ms. */
  readonly series: { readonly calls: number[]; readonly p50Ms: number[]; readonly p99Ms: number[] };
}

export interface Snapshot {
  /** Of this shape. */
  readonly version: 1;
  readonly state: 'ready' | 'draining';
  readonly uptimeMs: number;
  /** Requests under way, and those the gateway answered itself because they could not or must not be forwarded. */
  readonly requests: { readonly inFlight: number; readonly refused: number };
  readonly trailSlotMs: number;
  readonly upstreams: readonly UpstreamTold[];
}

const EMPTY_POOL = { opening: 0, inFlight: 0, idle: 0, waiting: 0, socketsMax: 0, saturation: 0 };

/** `startedAt` on the clock of `performance.now`. */
export function snapshot(data: DataServer, upstreams: readonly Upstream[], startedAt: number): Snapshot {
  return {
    version: 1,
    state: data.draining ? 'draining' : 'ready',
    uptimeMs: round(performance.now() - startedAt),
    requests: { inFlight: data.inFlight, refused: data.refused },
    trailSlotMs: TRAIL_SLOT_MS,
    upstreams: upstreams.map(tell),
  };
}

function tell(upstream: Upstream): UpstreamTold {
  const { name, origin, book, client } = upstream;
  const stats = client.stats();
  const { calls, latency, queueWait, reuse, leaks, dns, tlsSessions, sockets } = stats;
  // A client with one origin and no sections has one pool, made by its first call.
  const { origin: _, section: __, ...pool } = stats.pools[0] ?? { ...EMPTY_POOL, origin, section: '' };
  const withTrail = (life: SocketLife): SocketTold => ({ ...life, trail: book.trail(life.id) });
  const series = book.latency.series(performance.now(), SERIES_SECONDS);
  return {
    name,
    origin,
    ...book.figures(),
    calls,
    latencySinceStart: latency,
    queueWait,
    reuse,
    leaks,
    dns,
    tlsSessions,
    pool,
    sockets: {
      open: sockets.open,
      closed: sockets.closed,
      live: sockets.live.slice(0, SOCKETS_MAX).map(withTrail),
      history: sockets.history.map(withTrail),
    },
    series: {
      calls: series.map(({ count }) => count),
      p50Ms: series.map(({ p50Ms }) => round(p50Ms)),
      p99Ms: series.map(({ p99Ms }) => round(p99Ms)),
    },
  };
}

/** A snapshot as JSON. Numbers are rounded to µs: the rest is noise, and half of the bytes. */
export function toJson(told: Snapshot): string {
  return JSON.stringify(told, (_, value: unknown) => (typeof value === 'number' ? round(value) : value));
}

const round = (value: number): number => Math.round(value * 1_000) / 1_000;
