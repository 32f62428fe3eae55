/**
 * Question: what does an idle connection cost a process that keeps a thousand of them?
 * Method: each client in a process of its own, the server in another. Some calls over 50 connections, closed again,
 * warm the code; then 1,000 calls at once open 1,000 connections, and another 1,000 reuse them. Memory is read before
 * and after, following forced collections; the server says how many connections there really are.
 * Decides: how much of a socket's life we may record, and whether idle connections may be kept generously.
 */

import { ClientProcess } from './client-process.ts';
import type { Target } from './clients/client.ts';
import { type MemoryRow, rounded } from './rows.ts';
import { type BenchServer, PATHS } from './server/server.ts';
import { median } from './statistics.ts';
import { figure, type Table } from './table.ts';
import { unlessTrial } from './trial.ts';

const CONNECTIONS = unlessTrial(1_000, 50);
const SAMPLES = unlessTrial(3, 1);
/** V8 forgets bytecode that several collections found unused: 4 MB here, more than 1,000 connections take. */
const FLAGS = ['--expose-gc', '--no-flush-bytecode'];
const CLIENTS = ['keepwarm', 'bare socket', 'node:http', 'undici.request'];

interface Sample {
  readonly connections: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
}

export async function measureMemory(scenario: string, server: BenchServer, caFile: string): Promise<MemoryRow[]> {
  const origin = scenario.endsWith('tls') ? server.tls : server.http;
  const target = { origin, path: PATHS['100B'], ca: server.ca, socketsMax: CONNECTIONS };
  const samples = new Map(CLIENTS.map((name) => [name, [] as Sample[]]));
  const failures = new Map<string, string>();
  for (let round = 0; round < SAMPLES; round++) {
    for (const [name, found] of samples) {
      if (failures.has(name)) continue;
      try {
        found.push(await sample(name, target, server, caFile));
      } catch (error) {
        failures.set(name, (error as Error).message);
      }
    }
  }
  return [...samples].map(([client, found]): MemoryRow => {
    const failure = failures.get(client);
    const middle = (pick: (each: Sample) => number): number => rounded(median(found.map(pick)));
    return {
      scenario,
      client,
      connections: middle((each) => each.connections),
      heapBytes: middle((each) => each.heapBytes),
      rssBytes: middle((each) => each.rssBytes),
      samples: found.length,
      ...(failure !== undefined && { failure }),
    };
  });
}

async function sample(client: string, target: Target, server: BenchServer, caFile: string): Promise<Sample> {
  const child = new ClientProcess({ caFile, flags: FLAGS });
  try {
    await child.ask('open', { client, target });
    for (let warm = 0; warm < 20; warm++) await burst(child, 50);
    await child.ask('close', {});
    const others = await server.connections();
    const before = await child.ask('memory', {});

    await child.ask('open', { client, target });
    for (let round = 0; round < 2; round++) await burst(child, CONNECTIONS);
    const after = await child.ask('memory', {});
    const connections = (await server.connections()) - others;
    if (connections < CONNECTIONS / 2) throw new Error(`only ${connections} of ${CONNECTIONS} connections stayed open`);
    return {
      connections,
      heapBytes: (after.heapBytes - before.heapBytes) / connections,
      rssBytes: (after.rssBytes - before.rssBytes) / connections,
    };
  } finally {
    await child.close();
  }
}

async function burst(child: ClientProcess, calls: number): Promise<void> {
  const { errors } = await child.ask('burst', { calls });
  if (errors.length > 0) throw new Error(`${errors.length} of ${calls} calls failed: ${errors[0]}`);
}

export function memoryTable(rows: readonly MemoryRow[]): Table {
  return {
    head: ['client', 'connections', 'heap KB each', 'RSS KB each', 'samples'],
    rows: rows.map(({ client, connections, heapBytes, rssBytes, samples }) => [
      client,
      ...(samples === 0
        ? ['failed', '–', '–']
        : [String(connections), figure(heapBytes / 1_024), figure(rssBytes / 1_024)]),
      String(samples),
    ]),
  };
}
