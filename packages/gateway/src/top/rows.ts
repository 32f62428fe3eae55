/** What `keepwarm top` shows of each upstream, and in which order. */
import type { Snapshot, UpstreamTold } from '../admin/snapshot.ts';

export interface Row {
  readonly name: string;
  readonly rate: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Failed calls and replies with 5xx, in the last minute. */
  readonly errors: number;
  readonly reuse: number;
  readonly open: number;
  readonly inFlight: number;
  readonly waiting: number;
  readonly saturation: number;
}

/** In the order in which the key `s` goes through them. */
export const SORTS = ['rate', 'p99Ms', 'errors', 'saturation', 'name'] as const;
export type Sort = (typeof SORTS)[number];

export function rowsOf({ upstreams }: Snapshot, sort: Sort, reversed: boolean): Row[] {
  const rows = upstreams.map(rowOf);
  const order = (a: Row, b: Row): number => (sort === 'name' ? 0 : b[sort] - a[sort]) || (a.name < b.name ? -1 : 1);
  rows.sort((a, b) => (reversed ? order(b, a) : order(a, b)));
  return rows;
}

function rowOf(upstream: UpstreamTold): Row {
  const { name, callsPerSecond, latency, failedLately, status5xxLately, reuse, reuseRatio, pool, sockets } = upstream;
  return {
    name,
    rate: callsPerSecond,
    p50Ms: latency.p50Ms,
    p95Ms: latency.p95Ms,
    p99Ms: latency.p99Ms,
    errors: failedLately + status5xxLately,
    reuse: reuseRatio === 0 ? reuse.ratio : reuseRatio,
    open: sockets.open,
    inFlight: pool.inFlight,
    waiting: pool.waiting,
    saturation: pool.saturation,
  };
}
