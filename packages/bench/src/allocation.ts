/**
 * Question: how much garbage does one warm call leave behind?
 * Method: a young generation so large that nothing is collected while 2,000 calls run, 50 at a time, after the code is
 * warm; heap after minus heap before. A sample in which a collection ran is thrown away. What the loop around the call
 * allocates (a few hundred bytes) is in every figure; buffers outside the heap are in none.
 * Decides: whether a closure, a header object or a stream per call is worth removing.
 */
import { ClientProcess } from './client-process.ts';
import { CALLERS } from './clients/index.ts';
import { type AllocationRow, rounded } from './rows.ts';
import { type BenchServer, PATHS } from './server/server.ts';
import { median } from './statistics.ts';
import { figure, type Table } from './table.ts';
import { unlessTrial } from './trial.ts';

const CALLS = unlessTrial(2_000, 100);
const SAMPLES = unlessTrial(5, 3);
const WARM_MS = unlessTrial(1_000, 10);
/** 2,000 calls of the most wasteful peer leave some 200 MB; V8 wants the sizes of half-spaces, in MB. */
const FLAGS = ['--expose-gc', '--min-semi-space-size=512', '--max-semi-space-size=512'];

/** In a trial few of them: each is tried where calls are measured. */
const ALLOCATORS = unlessTrial([...CALLERS, 'bare socket'], ['keepwarm', 'bare socket']);

export async function measureAllocation(server: BenchServer, caFile: string): Promise<AllocationRow[]> {
  const rows: AllocationRow[] = [];
  for (const client of ALLOCATORS) rows.push(await measureOne(client, server, caFile));
  return rows;
}

async function measureOne(client: string, server: BenchServer, caFile: string): Promise<AllocationRow> {
  const target = { origin: server.http, path: PATHS['100B'], ca: server.ca, socketsMax: 50 };
  const child = new ClientProcess({ caFile, flags: FLAGS });
  const found: number[] = [];
  try {
    await child.ask('open', { client, target });
    await child.ask('slice', { inFlight: 50, leadMs: 0, sliceMs: WARM_MS });
    for (let round = 0; round < SAMPLES; round++) {
      const bytes = await child.ask('allocated', { calls: CALLS });
      if (bytes !== undefined) found.push(bytes);
    }
    if (found.length === 0) throw new Error('a collection ran in every sample');
    return { scenario: 'allocation', client, heapBytes: rounded(median(found)), samples: found.length };
  } catch (error) {
    return { scenario: 'allocation', client, heapBytes: 0, samples: found.length, failure: (error as Error).message };
  } finally {
    await child.close();
  }
}

export function allocationTable(rows: readonly AllocationRow[]): Table {
  return {
    head: ['client', 'heap bytes per call', 'samples'],
    rows: rows.map(({ client, heapBytes, samples, failure }) => [
      client,
      failure === undefined ? figure(heapBytes) : 'failed',
      String(samples),
    ]),
  };
}
