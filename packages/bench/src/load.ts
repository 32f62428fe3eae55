/** The closed loop: so many calls in flight, each awaited, checked and at once followed by another. In the child. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './clients/client.ts';
import { CALL_ID } from './server/replies.ts';
import { percentile } from './statistics.ts';

export interface SliceOrder {
  readonly inFlight: number;
  /** Runs unmeasured before every slice: caches refill, and a client whose connections were closed reopens them. */
  readonly leadMs: number;
  readonly sliceMs: number;
}

export interface SliceResult {
  /** How many were counted, where that is known by itself: a slice of wrk ends up to 100 ms late. */
  readonly calls?: number;
  readonly callsPerSecond: number;
  /** CPU time of the client's process, user and system, per call, in µs. */
  readonly cpuMicros: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Calls that failed or whose reply was wrong, the lead included. */
  readonly errors: number;
  readonly firstError?: string | undefined;
  /** Share of the calls whose reply said that their TLS session was resumed. */
  readonly resumedShare: number;
}

/** Latencies kept of one slice, 1 MiB; beyond it (over 400,000 calls/s at 300 ms) the oldest are overwritten. */
const LATENCIES_MAX = 131_072;
const latenciesMs = new Float64Array(LATENCIES_MAX);

/** The lead ends when every loop has had its first reply, or at the latest after this long. */
const LEAD_MS_MAX = 400;

export async function slice(client: Client, order: SliceOrder): Promise<SliceResult> {
  let running = true;
  let calls = 0;
  let errors = 0;
  let resumed = 0;
  let firstError: string | undefined;
  const loop = async (): Promise<void> => {
    while (running) {
      const startMs = performance.now();
      try {
        const { id, result } = await client.call();
        if (id !== CALL_ID) throw new Error(`the reply has id ${id} instead of ${CALL_ID}`);
        if (wasResumed(result)) resumed++;
        latenciesMs[calls++ % LATENCIES_MAX] = performance.now() - startMs;
      } catch (error) {
        errors++;
        firstError ??= String(error);
        await nextTurn(); // a client that refuses at once must not starve the timer that ends the slice
      }
    }
  };
  const loops = Array.from({ length: order.inFlight }, loop);
  const leadEndMs = performance.now() + LEAD_MS_MAX;
  await sleep(order.leadMs);
  while (calls < order.inFlight && performance.now() < leadEndMs) await sleep(2);

  calls = 0;
  resumed = 0;
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await sleep(order.sliceMs);
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  const counted = calls;
  const countedResumed = resumed;
  const latencies = latenciesMs.slice(0, Math.min(counted, LATENCIES_MAX));

  running = false;
  await Promise.all(loops);
  return {
    callsPerSecond: (counted / elapsedMs) * 1_000,
    cpuMicros: counted === 0 ? 0 : (user + system) / counted,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    errors,
    firstError,
    resumedShare: counted === 0 ? 0 : countedResumed / counted,
  };
}

const wasResumed = (result: unknown): boolean =>
  typeof result === 'object' && result !== null && 'resumed' in result && result.resumed === 'r';

/** One call for each of `count`, all at once; how long each took, in ms, and what failed. */
export async function burst(client: Client, count: number): Promise<{ latenciesMs: number[]; errors: string[] }> {
  const took: number[] = [];
  const errors: string[] = [];
  const one = async (): Promise<void> => {
    const startMs = performance.now();
    try {
      const { id } = await client.call();
      if (id !== CALL_ID) throw new Error(`the reply has id ${id} instead of ${CALL_ID}`);
      took.push(performance.now() - startMs);
    } catch (error) {
      errors.push(String(error));
    }
  };
  await Promise.all(Array.from({ length: count }, one));
  return { latenciesMs: took, errors };
}
