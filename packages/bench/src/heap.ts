/** What the child can say about its own memory. It needs `--expose-gc`. */
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './clients/client.ts';
import { burst } from './load.ts';

export interface MemoryUse {
  readonly heapBytes: number;
  readonly rssBytes: number;
}

/** Memory in use once nothing more can be collected: finalizers and freed handles need turns of the loop between. */
export async function settledMemory(): Promise<MemoryUse> {
  for (let pass = 0; pass < 4; pass++) {
    globalThis.gc?.();
    await sleep(20);
  }
  const { heapUsed, rss } = process.memoryUsage();
  return { heapBytes: heapUsed, rssBytes: rss };
}

/** One chain of calls never has more than this in flight. */
const IN_FLIGHT = 50;

/**
 * Heap bytes one call allocates, garbage included, or undefined when a collection ran meanwhile and hid some. Buffers
 * outside the heap are not counted.
 */
export async function allocatedPerCall(client: Client, calls: number): Promise<number | undefined> {
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  await settledMemory();
  observer.observe({ entryTypes: ['gc'] });
  const before = process.memoryUsage().heapUsed;
  for (let done = 0; done < calls; done += IN_FLIGHT) await burst(client, IN_FLIGHT);
  const after = process.memoryUsage().heapUsed;
  await sleep(20); // entries are delivered in a later turn
  observer.disconnect();
  return collections > 0 ? undefined : (after - before) / calls;
}
