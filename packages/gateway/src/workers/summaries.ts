/** The line per upstream that sums it up now and then, of all workers together. */
import type { Snapshot } from '../admin/snapshot.ts';
import type { Log } from '../logs/log.ts';

/** @returns how to stop; twice is harmless */
export function summarisingTold(everyMs: number, snapshot: () => Promise<Snapshot>, log: Log): () => void {
  if (everyMs === 0) return () => undefined;
  const tell = async (): Promise<void> => {
    for (const upstream of (await snapshot()).upstreams) {
      const { name, callsPerSecond, latency, reuseRatio, failedLately, status5xxLately, sockets, pool, calls } =
        upstream;
      log.info('summary', {
        upstream: name,
        callsPerSecond,
        p50Ms: latency.p50Ms,
        p99Ms: latency.p99Ms,
        reuse: reuseRatio,
        failedLastMinute: failedLately,
        status5xxLastMinute: status5xxLately,
        sockets: sockets.open,
        idle: pool.idle,
        inFlight: pool.inFlight,
        waiting: pool.waiting,
        callsSinceStart: calls.total,
      });
    }
  };
  const timer = setInterval(() => void tell().catch(() => undefined), everyMs); // said again next time
  timer.unref();
  return () => clearInterval(timer);
}
