/**
 * Question: what does a burst of 50 small calls take over a link with a round trip of 40 ms, on one HTTP/2 session, and
 * on HTTP/1.1 with few connections or one per call?
 * Method: TLS through a proxy in this process that keeps every byte for 20 ms each way, the TCP handshake included. A
 * burst through a new client is the cold one, the bursts after it are warm; their time runs from the first call to the
 * last reply. New clients in every round, each in a process of its own whose code an unmeasured round has compiled.
 * Decides: what the guide says of multiplexing.
 */
import { startDistance } from 'keepwarm/testing';
import { ClientProcess } from './client-process.ts';
import { type DelayRow, rounded } from './rows.ts';
import { type BenchServer, PATHS } from './server/server.ts';
import { median } from './statistics.ts';
import { figure, type Table } from './table.ts';
import { unlessTrial } from './trial.ts';

export const ROUND_TRIP_MS = 40;
export const CALLS = 50;
const ROUNDS = unlessTrial(4, 1);
const WARM_BURSTS = 2;

/** Whom is asked, and how many connections it may hold. */
const LANES: readonly (readonly [client: string, connections: number])[] = [
  ['keepwarm h2', 1],
  ['keepwarm h1', 4],
  ['keepwarm h1', 50],
  ['node:http2 by hand', 1],
  ['undici h2', 1],
];

interface Lane {
  readonly connections: number;
  readonly coldMs: number[];
  readonly warmMs: number[];
  errors: number;
}

export async function measureDelay(scenario: string, server: BenchServer, caFile: string): Promise<DelayRow[]> {
  const rows: DelayRow[] = [];
  for (const [client, connections] of LANES) {
    const lane: Lane = { connections, coldMs: [], warmMs: [], errors: 0 };
    const about = { scenario, client: `${client}, ${connections}`, calls: CALLS };
    let failure: string | undefined;
    try {
      await measureOne(client, lane, server, caFile);
    } catch (error) {
      failure = (error as Error).message;
    }
    const middle = (times: readonly number[]): number => (times.length === 0 ? 0 : rounded(median(times)));
    const [coldMs, warmMs] = [middle(lane.coldMs), middle(lane.warmMs)];
    const figures = { connections, coldMs, warmMs, errors: lane.errors, samples: lane.coldMs.length };
    rows.push({ ...about, ...figures, ...(failure !== undefined && { failure }) });
  }
  return rows;
}

async function measureOne(client: string, lane: Lane, server: BenchServer, caFile: string): Promise<void> {
  const distance = await startDistance({ port: Number(new URL(server.h2).port), oneWayMs: ROUND_TRIP_MS / 2 });
  const child = new ClientProcess({ caFile });
  try {
    const origin = `https://127.0.0.1:${distance.port}`;
    const target = { origin, path: PATHS['100B'], ca: server.ca, socketsMax: lane.connections };
    for (let round = 0; round <= ROUNDS; round++) {
      const opened = distance.connections;
      await child.ask('open', { client, target });
      for (let burst = 0; burst <= WARM_BURSTS; burst++) {
        const { latenciesMs, errors } = await child.ask('burst', { calls: CALLS });
        lane.errors += errors.length;
        if (round > 0) (burst === 0 ? lane.coldMs : lane.warmMs).push(Math.max(0, ...latenciesMs));
      }
      await child.ask('close', {});
      const took = distance.connections - opened;
      if (took > lane.connections)
        throw new Error(`it opened ${took} connections, where ${lane.connections} were allowed`);
    }
  } finally {
    await child.close();
    distance.close();
  }
}

export function delayTable(rows: readonly DelayRow[]): Table {
  return {
    head: ['client, connections', 'cold burst ms', 'warm burst ms', 'round trips: cold', 'warm', 'errors'],
    rows: rows.map((row) => [
      row.client,
      ...(row.samples === 0
        ? ['failed', '–', '–', '–']
        : [row.coldMs, row.warmMs, row.coldMs / ROUND_TRIP_MS, row.warmMs / ROUND_TRIP_MS].map(figure)),
      String(row.errors),
    ]),
  };
}
