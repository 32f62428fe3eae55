/** Now and then a line per upstream that sums it up, for whoever reads logs and nothing else. */
import { statsOf } from '../admin/upstream-parts.ts';
import type { AnyUpstream } from '../data/routes.ts';
import type { Log } from './log.ts';

/** @returns how to stop; twice is harmless */
export function summarising(everyMs: number, upstreams: () => readonly AnyUpstream[], log: Log): () => void {
  if (everyMs === 0) return () => undefined;
  const timer = setInterval(() => {
    for (const upstream of upstreams()) log.info('summary', summaryOf(upstream));
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

export function summaryOf(upstream: AnyUpstream): object {
  const { callsPerSecond, latency, reuseRatio, failedLately, status5xxLately } = upstream.book.figures();
  const { sockets, pools, calls } = statsOf(upstream);
  const sum = (read: (pool: (typeof pools)[number]) => number): number =>
    pools.reduce((all, pool) => all + read(pool), 0);
  return {
    upstream: upstream.name,
    callsPerSecond,
    p50Ms: latency.p50Ms,
    p99Ms: latency.p99Ms,
    reuse: reuseRatio,
    failedLastMinute: failedLately,
    status5xxLastMinute: status5xxLately,
    sockets: sockets.open,
    idle: sum(({ idle }) => idle),
    inFlight: sum(({ inFlight }) => inFlight),
    waiting: sum(({ waiting }) => waiting),
    callsSinceStart: calls.total,
  };
}
