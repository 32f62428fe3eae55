/**
 * Question: what does an idle connection of gRPC cost a process that keeps hundreds of them?
 * Method: as for HTTP: each client in a process of its own, some connections opened and closed again to warm the
 * code, then 200 with a call on each; memory before and after, following forced collections. The server says how
 * many there are.
 * Decides: what a pool of connections may be told to keep.
 */
import { writeFile } from 'node:fs/promises';
import { ClientProcess } from '../client-process.ts';
import { type MemoryRow, rounded } from '../rows.ts';
import { median } from '../statistics.ts';
import { unlessTrial } from '../trial.ts';
import { type GrpcServer, startGrpc } from './server.ts';

/** Each client makes so many of itself: a connection each. */
const CONNECTIONS = unlessTrial(200, 20);
const SAMPLES = unlessTrial(3, 1);
const FLAGS = ['--expose-gc', '--no-flush-bytecode'];
const CLIENTS = ['keepwarm/grpc', 'grpc-js'] as const;

interface Sample {
  readonly connections: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
}

/** @param samples for tests, as `connections` */
export async function measureGrpcIdle(
  scenario: string,
  caFile: string,
  connections: number = CONNECTIONS,
  samples: number = SAMPLES,
): Promise<MemoryRow[]> {
  const server = await startGrpc();
  const found = new Map(CLIENTS.map((name) => [name as string, [] as Sample[]]));
  const failures = new Map<string, string>();
  try {
    await writeFile(`${caFile}.grpc`, server.ca);
    for (let round = 0; round < samples; round++) {
      for (const [name, list] of found) {
        if (failures.has(name)) continue;
        try {
          list.push(await sample(name, server, scenario.endsWith('tls'), `${caFile}.grpc`, connections));
        } catch (error) {
          failures.set(name, (error as Error).message);
        }
      }
    }
  } finally {
    await server.close();
  }
  return [...found].map(([client, list]): MemoryRow => {
    const failure = failures.get(client);
    const middle = (pick: (each: Sample) => number): number =>
      list.length === 0 ? 0 : rounded(median(list.map(pick)));
    return {
      ...{ scenario, client, samples: list.length },
      connections: middle((each) => each.connections),
      heapBytes: middle((each) => each.heapBytes),
      rssBytes: middle((each) => each.rssBytes),
      ...(failure !== undefined && { failure }),
    };
  });
}

async function sample(
  name: string,
  server: GrpcServer,
  tls: boolean,
  caFile: string,
  connections: number,
): Promise<Sample> {
  const child = new ClientProcess({ caFile, flags: FLAGS });
  const origin = tls ? server.unaryTls : server.unary;
  const target = { origin, path: '/', ca: tls ? server.ca : '', socketsMax: 1 };
  try {
    const client = `${name}, many`;
    await child.ask('open', { client, target: { ...target, socketsMax: Math.ceil(connections / 4) } });
    await burst(child);
    await child.ask('close', {});
    const before = await child.ask('memory', {});
    const others = await server.connections();
    await child.ask('open', { client, target: { ...target, socketsMax: connections } });
    await burst(child);
    const after = await child.ask('memory', {});
    const open = (await server.connections()) - others;
    if (open < connections) throw new Error(`only ${open} of ${connections} connections stayed open`);
    return {
      connections: open,
      heapBytes: (after.heapBytes - before.heapBytes) / open,
      rssBytes: (after.rssBytes - before.rssBytes) / open,
    };
  } finally {
    await child.close();
  }
}

/** A call of such a client is one on each of its connections. */
async function burst(child: ClientProcess): Promise<void> {
  const { errors } = await child.ask('burst', { calls: 1 });
  if (errors.length > 0) throw new Error(errors[0]);
}
