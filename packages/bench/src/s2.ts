/**
 * Question: in a minute of uneven load, does any operation after the warm-up still pay for a connection?
 * Method: 5,390 operations in 60 s, in bursts of 5 to 100 at once, two bursts a second, against a Node server of each
 * client's own, which counts the connections it accepts. Before that, two bursts of 100 as the warm-up. All clients run
 * through the same minute, their bursts a fraction of a second apart.
 * Decides: whether the pool keeps what it opened: 99.9 % of the operations on connections already open, and no leak.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientProcess } from './client-process.ts';
import { rounded, type S2Row } from './rows.ts';
import { type Accepted, type NodeServer, startNode } from './server/node-server.ts';
import { PATHS } from './server/server.ts';
import { percentile } from './statistics.ts';
import { figure, type Table } from './table.ts';
import { unlessTrial } from './trial.ts';

export const OPERATIONS = unlessTrial(5_390, 170);
export const SECONDS = unlessTrial(60, 1.5);
const BURST_EVERY_MS = 500;
const BURST_MAX = 100;
/** Sizes of the bursts, over and over; 45 on average, so that 120 of them make 5,400, and the last is cut. */
const PATTERN = [100, 20, 50, 5, 80, 15, 60, 30];
const CLIENTS = ['keepwarm', 'undici.request', 'node:http', 'global fetch'];
const SOCKETS_MAX = 50;

/** The sizes of all bursts, in order. */
export function bursts(operations: number): number[] {
  const sizes: number[] = [];
  for (let left = operations; left > 0; left -= sizes.at(-1) ?? left) {
    sizes.push(Math.min(left, PATTERN[sizes.length % PATTERN.length]));
  }
  return sizes;
}

export async function measureS2(caFile: string): Promise<S2Row[]> {
  return Promise.all(
    CLIENTS.map(async (client, index): Promise<S2Row> => {
      const offsetMs = (index * BURST_EVERY_MS) / CLIENTS.length;
      try {
        return await measureOne(client, offsetMs, caFile);
      } catch (error) {
        return { ...EMPTY, client, failure: (error as Error).message };
      }
    }),
  );
}

const EMPTY: Omit<S2Row, 'client'> = {
  scenario: 's2',
  operations: 0,
  seconds: SECONDS,
  connectionsWarmUp: 0,
  connectionsAfter: 0,
  reuseShare: 0,
  leaked: undefined,
  p50Ms: 0,
  p99Ms: 0,
  errors: 0,
};

async function measureOne(client: string, offsetMs: number, caFile: string): Promise<S2Row> {
  const server = await startNode();
  const child = new ClientProcess({ caFile });
  try {
    const target = { origin: server.http, path: PATHS['100B'], ca: server.ca, socketsMax: SOCKETS_MAX };
    await child.ask('open', { client, target });
    for (let warm = 0; warm < 2; warm++) await child.ask('burst', { calls: BURST_MAX });
    return await run(client, child, server, offsetMs);
  } finally {
    await child.close();
    await server.close();
  }
}

async function run(client: string, child: ClientProcess, server: NodeServer, offsetMs: number): Promise<S2Row> {
  const warm: Accepted = await server.accepted();
  const latenciesMs: number[] = [];
  let errors = 0;
  const startMs = performance.now() + offsetMs;
  for (const [index, calls] of bursts(OPERATIONS).entries()) {
    await sleep(Math.max(0, startMs + index * BURST_EVERY_MS - performance.now()));
    const done = await child.ask('burst', { calls });
    latenciesMs.push(...done.latenciesMs);
    errors += done.errors.length;
  }
  const after: Accepted = await server.accepted();
  const fresh = after.connections - warm.connections;
  return {
    ...EMPTY,
    client,
    operations: after.requests - warm.requests,
    connectionsWarmUp: warm.connections,
    connectionsAfter: fresh,
    reuseShare: rounded(1 - fresh / OPERATIONS),
    leaked: await child.ask('leaked', {}),
    p50Ms: rounded(percentile(latenciesMs, 0.5)),
    p99Ms: rounded(percentile(latenciesMs, 0.99)),
    errors,
  };
}

export function s2Table(rows: readonly S2Row[]): Table {
  return {
    head: ['client', 'operations', 'connections: warm-up', 'after', 'reuse', 'leaked', 'p50 ms', 'p99 ms', 'errors'],
    rows: rows.map((row) => [
      row.client,
      row.failure === undefined ? String(row.operations) : 'failed',
      String(row.connectionsWarmUp),
      String(row.connectionsAfter),
      `${(row.reuseShare * 100).toFixed(2)} %`,
      row.leaked === undefined ? '–' : String(row.leaked),
      figure(row.p50Ms),
      figure(row.p99Ms),
      String(row.errors),
    ]),
  };
}
