/** Connections opened before the first order, and the two lines that say so. */
import type { Client } from '../../clients/client.ts';
import type { Settings } from '../../clients/options.ts';
import type { Clock } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';

/** Takes a line of the log. */
export type Log = (line: string) => void;

export interface Warmth {
  /** From the start to the last connection, in ms. */
  readonly latencyMs: number;
  /** Connections open when it ended. */
  readonly open: number;
  /** Why there are fewer than there should be. */
  readonly error: NetError | undefined;
}

/** The figures of the exchange adapter this library grew from. */
const POOL_MAX_IDLE = 2;
const POOL_IDLE_MS = 60_000;
const TCP_KEEPALIVE_MS = 30_000;
/** Ours: proxies that close after the idle limit start counting when we do; this is for the way and for timers. */
const AGE_MARGIN_MS = 5_000;
export const CONNECT_MS = 10_000;
export const REQUEST_MS = 10_000;

/**
 * How a client for orders keeps its connections, with what the caller wants over it. The idle minimum outlasts the
 * idle limit, so it is their age that is limited, to a little less: each is replaced before a peer that closes after a
 * minute of silence would close it under an order, and its successor stands before it goes.
 */
export function orderPool(given: {
  readonly pool?: Partial<Settings<'pool'>> | undefined;
  readonly connect?: Partial<Settings<'connect'>> | undefined;
}) {
  const idleMs = given.pool?.idleMs ?? POOL_IDLE_MS;
  return {
    pool: {
      idleMin: POOL_MAX_IDLE,
      idleMax: POOL_MAX_IDLE,
      idleMs: POOL_IDLE_MS,
      ageMs: idleMs - Math.min(AGE_MARGIN_MS, idleMs / 10),
      ...given.pool,
    },
    connect: { tcpKeepAliveMs: TCP_KEEPALIVE_MS, connectMs: CONNECT_MS, ...given.connect },
  };
}

export function configured(name: string, { pool, connect }: ReturnType<typeof orderPool>): string {
  const seconds = (ms: number | undefined): string => `${(ms ?? 0) / 1000}s`;
  const figures = `pool_max_idle=${pool.idleMax}, pool_idle_timeout=${seconds(pool.idleMs)}`;
  return `[INIT] ${name} HTTP client configured: ${figures}, tcp_keepalive=${seconds(connect.tcpKeepAliveMs)}`;
}

/** Never fails: an exchange that cannot be reached yet can be by the first order. */
export async function warmUp(
  client: Client,
  { name, log, clock, sections }: { name: string; log: Log; clock: Clock; sections: readonly string[] },
): Promise<Warmth> {
  const startedAt = clock.now();
  try {
    const all = await Promise.all(sections.map((section) => client.warmUp({ section })));
    const latencyMs = clock.now() - startedAt;
    const open = all.reduce((sum, each) => sum + each.open, 0);
    const error = all.find((each) => each.error !== undefined)?.error;
    if (error === undefined) log(`[INIT] ${name} HTTP connection pool warmed up (latency=${Math.round(latencyMs)}ms)`);
    else log(`[INIT] ${name} HTTP connection pool not warmed up: ${error.code}`);
    return { latencyMs, open, error };
  } catch (thrown) {
    const error = NetError.from(thrown);
    log(`[INIT] ${name} HTTP connection pool not warmed up: ${error.code}`);
    return { latencyMs: clock.now() - startedAt, open: 0, error };
  }
}
