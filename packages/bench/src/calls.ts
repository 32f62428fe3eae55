/**
 * Question: how many small JSON calls does one core of a Node process get through with each client, and at what CPU?
 * Method: a server pinned to one core; each client in its own process on another core, one at a time, closed loop with
 * so many calls in flight, in short slices that take turns; the same call, connections and trusted authority for all;
 * every reply parsed and checked.
 * Decides: whether our own engine earns its place, and whether a change to its hot path may stay.
 */
import type { Target } from './clients/client.ts';
import { WRK } from './clients/index.ts';
import { hasWrk, openWrk } from './clients/wrk.ts';
import type { Contestant } from './contestant.ts';
import { type CallRow, callRows, REFERENCES, type Reference } from './rows.ts';
import { compare, type Outcome } from './runner.ts';
import type { CallScenario } from './scenarios.ts';
import { type BenchServer, PATHS } from './server/server.ts';
import type { Stable } from './stable.ts';
import { type Spread, withinNoise } from './statistics.ts';
import { figure, type Table } from './table.ts';

/** Fewer calls in flight than this do not make a pool smaller: it is the usual limit per origin. */
const SOCKETS_MIN = 50;

export async function measureCalls(scenario: CallScenario, server: BenchServer, stable: Stable): Promise<CallRow[]> {
  const target: Target = {
    origin: server[scenario.origin],
    path: PATHS[scenario.reply],
    ca: server.ca,
    socketsMax: Math.max(SOCKETS_MIN, scenario.inFlight),
    bodyBytes: scenario.bodyBytes,
  };
  const failed: Outcome[] = [];
  const opened = await Promise.all(
    scenario.clients.map(async (name): Promise<Contestant | undefined> => {
      try {
        return await stable.open(name, target);
      } catch (error) {
        failed.push({ name, slices: [], failure: `could not be opened: ${(error as Error).message}` });
        return undefined;
      }
    }),
  );
  const contestants = opened.filter((each) => each !== undefined);
  if (scenario.wrk && hasWrk()) contestants.push(await openWrk(target));
  try {
    const outcomes = [...failed, ...(await compare(contestants, scenario.inFlight, scenario.plan))];
    const place = ({ name }: Outcome): number => [...scenario.clients, WRK].indexOf(name);
    return callRows(
      scenario,
      outcomes.sort((one, other) => place(one) - place(other)),
    );
  } finally {
    await Promise.all(contestants.map((each) => each.close()));
  }
}

export function callTable(rows: readonly CallRow[]): Table {
  const references = REFERENCES.filter((name) => rows.some(({ ratios }) => ratios[name] !== undefined));
  const resumed = rows.some(({ resumedShare }) => resumedShare !== undefined);
  return {
    head: [
      'client',
      'calls/s',
      'slowest–fastest slice',
      'CPU µs/call',
      'p50 ms',
      'p99 ms',
      ...references.map((name) => `× ${name}`),
      ...(resumed ? ['resumed'] : []),
      'errors',
    ],
    rows: rows.map((row) => [
      row.client,
      row.slices === 0 ? 'failed' : figure(row.callsPerSecond),
      row.slices === 0 ? '–' : `${figure(row.callsPerSecondMin)}–${figure(row.callsPerSecondMax)}`,
      ...[row.cpuMicros, row.p50Ms, row.p99Ms].map((value) => (row.slices === 0 ? '–' : figure(value))),
      ...references.map((name) => ratioCell(row, name)),
      ...(resumed ? [`${Math.round((row.resumedShare ?? 0) * 100)} %`] : []),
      String(row.errors),
    ]),
  };
}

function ratioCell({ client, ratios }: CallRow, reference: Reference): string {
  const ratio = ratios[reference];
  if (client === reference) return '1';
  return ratio === undefined ? '–' : ratioFigure(ratio);
}

/** `~` marks a difference smaller than the noise: the slices disagree about who is faster. */
export const ratioFigure = (ratio: Spread): string => `${withinNoise(ratio) ? '~' : ''}${ratio.median.toFixed(2)}`;
