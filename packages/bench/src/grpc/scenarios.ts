/**
 * Question: what do gRPC calls and streams cost a core of a Node process, with us, with grpc-js, with Connect, and
 * with the native client of Yellowstone; what does one more monitor of a stream cost; and what an idle connection?
 * Method: a server with its answers ready, pinned to one core; each client in a process of its own on another, one
 * at a time, in short slices that take turns. Calls: GetSlot, its answer checked. Updates: accounts of one size
 * and statuses of slots, decoded; a subscription for each slice.
 * Decides: whether an engine of our own earns its place, and whether monitors should share a stream.
 */
import { type CallRow, callRows, rounded } from '../rows.ts';
import { compare, type Outcome, type Plan } from '../runner.ts';
import type { Stable } from '../stable.ts';
import { figure, type Table } from '../table.ts';
import { type GrpcServer, type SizeName, startGrpc } from './server.ts';

export type GrpcKind = 'grpc-unary' | 'grpc-updates' | 'grpc-fanout';

export interface GrpcScenario {
  readonly kind: GrpcKind;
  readonly name: string;
  readonly inFlight: number;
  readonly size?: SizeName;
}

const FULL: Plan = {
  ...{ warmMs: 1_500, warmAgainMs: 500, leadMs: 100, sliceMs: 500 },
  ...{ roundsMin: 3, roundsMax: 10, budgetMs: 30_000 },
};
const BRIEF: Plan = { ...FULL, warmMs: 800, sliceMs: 250, roundsMax: 4, budgetMs: 8_000 };

const UNARY_CLIENTS = ['keepwarm/grpc', 'connect over keepwarm', 'grpc-js', 'connect-node', 'yellowstone native'];
const UPDATE_CLIENTS = [
  ...['keepwarm/grpc bytes', 'keepwarm/grpc', 'keepwarm/yellowstone'],
  ...['grpc-js', 'connect-node', 'yellowstone native'],
];
const ONE = ['1 monitor, bytes', '1 monitor, decoded'] as const;
const MANY = ['50 monitors, bytes', '50 monitors, decoded'] as const;
const MONITORS = 50;

export const GRPC_SCENARIOS: readonly GrpcScenario[] = [
  { kind: 'grpc-unary', name: 'grpc-unary-1', inFlight: 1 },
  { kind: 'grpc-unary', name: 'grpc-unary-64', inFlight: 64 },
  { kind: 'grpc-updates', name: 'grpc-updates-1KB', inFlight: 1, size: '1KB' },
  { kind: 'grpc-updates', name: 'grpc-updates-16KB', inFlight: 1, size: '16KB' },
  { kind: 'grpc-updates', name: 'grpc-updates-1MB', inFlight: 1, size: '1MB' },
  { kind: 'grpc-fanout', name: 'grpc-fanout-50', inFlight: 1, size: '1KB' },
];

/** @param plan for tests */
export async function measureGrpc(
  scenario: GrpcScenario,
  stable: Stable,
  quick: boolean,
  plan: Plan = quick ? BRIEF : FULL,
): Promise<CallRow[]> {
  const server = await startGrpc();
  try {
    const clients = { 'grpc-unary': UNARY_CLIENTS, 'grpc-updates': UPDATE_CLIENTS, 'grpc-fanout': [...ONE, ...MANY] };
    return await measured(scenario, clients[scenario.kind], server, stable, plan);
  } finally {
    await server.close();
  }
}

async function measured(
  { name, kind, inFlight, size = '1KB' }: GrpcScenario,
  clients: readonly string[],
  server: GrpcServer,
  stable: Stable,
  plan: Plan,
): Promise<CallRow[]> {
  const origin = kind === 'grpc-unary' ? server.unary : server[size];
  const target = { origin, path: '/', ca: '', socketsMax: 1 };
  const failed: Outcome[] = [];
  const contestants = [];
  try {
    for (const client of clients) {
      try {
        contestants.push(await stable.open(client, target, kind === 'grpc-unary' ? 'slice' : 'updates'));
      } catch (error) {
        failed.push({ name: client, slices: [], failure: `could not be opened: ${(error as Error).message}` });
      }
    }
    const outcomes = [...failed, ...(await compare(contestants, inFlight, plan))];
    outcomes.sort((one, other) => clients.indexOf(one.name) - clients.indexOf(other.name));
    return callRows({ name, inFlight, reply: '100B' }, outcomes);
  } finally {
    await Promise.all(contestants.map((each) => each.close()));
  }
}

/**
 * CPU of one more delivery of the same update, in µs: what 50 monitors take of an update beyond what one takes, for
 * each of the 49. @returns nothing where one of the two was not measured
 */
export function extraMicros(rows: readonly CallRow[], what: 'bytes' | 'decoded'): number | undefined {
  const cpu = (client: string) => rows.find((row) => row.client === client && row.slices > 0)?.cpuMicros;
  const [one, many] = [cpu(`1 monitor, ${what}`), cpu(`${MONITORS} monitors, ${what}`)];
  if (one === undefined || many === undefined) return undefined;
  return rounded((many * MONITORS - one) / (MONITORS - 1));
}

export function fanoutTable(rows: readonly CallRow[]): Table {
  return {
    head: ['monitors', 'deliveries/s', 'slowest–fastest slice', 'CPU µs/delivery', 'CPU µs/extra delivery'],
    rows: rows.map((row) => [
      row.client,
      row.slices === 0 ? 'failed' : figure(row.callsPerSecond),
      row.slices === 0 ? '–' : `${figure(row.callsPerSecondMin)}–${figure(row.callsPerSecondMax)}`,
      row.slices === 0 ? '–' : figure(row.cpuMicros),
      row.client.startsWith(`${MONITORS} `)
        ? figure(extraMicros(rows, row.client.endsWith('bytes') ? 'bytes' : 'decoded') ?? Number.NaN)
        : '',
    ]),
  };
}
