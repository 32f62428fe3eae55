/**
 * Question: how many small JSON calls does one core of the gateway carry, beside nginx and two Node proxies; what does
 * it add to a call's time; and what does a caller that holds its connection and says nothing cost?
 * Method: each proxy is one process on one core, one at a time. wrk and the upstream (nginx, a constant of 100 B) share
 * the other core: together they serve about three times what a Node proxy asks of them, and what they need shows in the
 * row without a proxy. Where the proxy is nginx they may be the narrow place; then CPU per call, read from the proxy's
 * process, tells more than the rate.
 *  - `gateway-100B-50`: a closed loop over 50 connections, in slices that take turns.
 *  - `gateway-half-load`: callers rest between calls, so that each proxy carries half of its own rate; latency beside
 *    that of the same calls without a proxy.
 *  - `gateway-idle-10k`: 10,000 connections with one call each, then held; what the process grew by, and whether the
 *    next call on each is answered.
 * Decides: whether the gateway's data path may stay as it is.
 */
import { hasWrk, openWrk, type Wrk } from './clients/wrk.ts';
import type { Contestant } from './contestant.ts';
import { measureIdle } from './gateway-idle.ts';
import { PROXIES, type ProxyProcess, startProxy } from './gateway-proxies.ts';
import type { SliceOrder, SliceResult } from './load.ts';
import { type CallRow, callRows, type ProxyIdleRow, type ProxyLatencyRow, rounded } from './rows.ts';
import { compare, type Outcome, type Plan, TRIAL_PLAN } from './runner.ts';
import { type BenchServer, PATHS } from './server/server.ts';
import { median } from './statistics.ts';
import { figure, type Table } from './table.ts';
import { unlessTrial } from './trial.ts';

const IN_FLIGHT = 50;
const DIRECT = 'no proxy';

/** A proxy has more code to compile than a client: its CPU per call was seen to fall for 40,000 calls. */
const FULL: Plan = {
  warmMs: 6_000,
  warmAgainMs: 300,
  leadMs: 0,
  sliceMs: 700,
  roundsMin: 5,
  roundsMax: 10,
  budgetMs: 70_000,
};
const BRIEF: Plan = { ...FULL, warmMs: 3_000, sliceMs: 500, roundsMin: 3, roundsMax: 4, budgetMs: 25_000 };

/** Connections of the half load: enough of them that rests are long beside a call. */
const PACED_CONNECTIONS = 100;
const PACED_MS = unlessTrial(2_000, 300);
const PACED_ROUNDS = unlessTrial(5, 1);

interface Lane {
  readonly name: string;
  readonly proxy: ProxyProcess | undefined;
  readonly wrk: Wrk;
}

export async function measureGateway(name: string, server: BenchServer, quick: boolean): Promise<CallRow[]> {
  return withLanes(server, async (lanes, failed) => {
    const outcomes = [...failed, ...(await compare(lanes.map(contestant), IN_FLIGHT, quick ? BRIEF : FULL))];
    const place = (outcome: Outcome): number => [...PROXIES, DIRECT].indexOf(outcome.name);
    const scenario = { name, inFlight: IN_FLIGHT, reply: '100B' } as const;
    return callRows(
      scenario,
      outcomes.sort((one, other) => place(one) - place(other)),
    );
  });
}

export async function measureHalfLoad(
  scenario: string,
  server: BenchServer,
  quick: boolean,
): Promise<ProxyLatencyRow[]> {
  return withLanes(server, async (lanes, failed) => {
    const rows: ProxyLatencyRow[] = failed.map(({ name, failure = '' }) => ({
      ...NO_LATENCY,
      scenario,
      client: name,
      failure,
    }));
    const plan = unlessTrial(quick ? BRIEF : FULL, TRIAL_PLAN);
    const found = lanes.map((lane) => ({ lane, rate: 0, slices: [] as SliceResult[], direct: [] as SliceResult[] }));
    const without = lanes.find(({ name }) => name === DIRECT)!;
    for (const each of found) {
      await each.lane.wrk.slice({ inFlight: IN_FLIGHT, sliceMs: plan.warmMs, leadMs: 0 });
      each.rate = (
        await each.lane.wrk.slice({ inFlight: IN_FLIGHT, sliceMs: plan.sliceMs * 2, leadMs: 0 })
      ).callsPerSecond;
    }
    for (let round = 0; round < (quick ? 2 : PACED_ROUNDS); round++) {
      for (const { lane, rate, slices, direct } of found) {
        if (lane === without) continue;
        const pauseMs = Math.max(1, Math.round((PACED_CONNECTIONS / (rate / 2)) * 1_000));
        slices.push(await lane.wrk.paced(PACED_CONNECTIONS, PACED_MS, pauseMs));
        direct.push(await without.wrk.paced(PACED_CONNECTIONS, PACED_MS, pauseMs));
      }
    }
    for (const { lane, rate, slices, direct } of found) {
      if (lane !== without) rows.push(latencyRow(scenario, lane.name, rate, slices, direct));
    }
    return rows;
  });
}

export async function measureIdleCallers(
  scenario: string,
  server: BenchServer,
  quick: boolean,
): Promise<ProxyIdleRow[]> {
  const full = { connections: quick ? 2_000 : 10_000, warmCalls: 20_000, settleMs: 3_000 };
  const plan = unlessTrial(full, { connections: 200, warmCalls: 200, settleMs: 10 });
  const rows: ProxyIdleRow[] = [];
  for (const name of PROXIES) rows.push(await measureIdle(scenario, name, server.http, plan));
  return rows;
}

async function withLanes<T>(server: BenchServer, use: (lanes: Lane[], failed: Outcome[]) => Promise<T>): Promise<T> {
  if (!hasWrk()) throw new Error('the scenarios of the gateway need wrk, which is not installed');
  const lanes: Lane[] = [];
  const failed: Outcome[] = [];
  try {
    for (const name of PROXIES) {
      try {
        const proxy = await startProxy(name, server.http);
        lanes.push({ name, proxy, wrk: await openWrk(proxy, { role: 'server' }) });
      } catch (error) {
        failed.push({ name, slices: [], failure: `could not be started: ${(error as Error).message}` });
      }
    }
    const direct = { origin: server.http, path: PATHS['100B'] };
    lanes.push({ name: DIRECT, proxy: undefined, wrk: await openWrk(direct, { role: 'server' }) });
    return await use(lanes, failed);
  } finally {
    for (const { proxy, wrk } of lanes) {
      await wrk.close();
      await proxy?.close();
    }
  }
}

/** wrk at one proxy; what is told of CPU is the proxy's. */
function contestant({ name, proxy, wrk }: Lane): Contestant {
  const slice = async (order: SliceOrder): Promise<SliceResult> => {
    const before = proxy?.cpuMicros() ?? 0;
    const result = await wrk.slice(order);
    const spent = (proxy?.cpuMicros() ?? 0) - before;
    return { ...result, cpuMicros: spent / Math.max(1, result.calls ?? 0) };
  };
  return { name, seasoned: false, slice, close: () => wrk.close() };
}

const NO_LATENCY = {
  ratePerSecond: 0,
  callsPerSecond: 0,
  p50Ms: 0,
  p99Ms: 0,
  addedP50Ms: 0,
  addedP99Ms: 0,
  errors: 0,
  samples: 0,
};

function latencyRow(
  scenario: string,
  client: string,
  rate: number,
  slices: readonly SliceResult[],
  direct: readonly SliceResult[],
): ProxyLatencyRow {
  const middle = (pick: (slice: SliceResult) => number): number => rounded(median(slices.map(pick)));
  const added = (pick: (slice: SliceResult) => number): number =>
    rounded(median(slices.map((slice, round) => pick(slice) - pick(direct[round]!))));
  return {
    scenario,
    client,
    ratePerSecond: rounded(rate),
    callsPerSecond: middle((slice) => slice.callsPerSecond),
    p50Ms: middle((slice) => slice.p50Ms),
    p99Ms: middle((slice) => slice.p99Ms),
    addedP50Ms: added((slice) => slice.p50Ms),
    addedP99Ms: added((slice) => slice.p99Ms),
    errors: slices.reduce((sum, { errors }) => sum + errors, 0),
    samples: slices.length,
  };
}

export function latencyTable(rows: readonly ProxyLatencyRow[]): Table {
  return {
    head: ['proxy', 'calls/s at most', 'calls/s', 'p50 ms', 'p99 ms', 'added p50 ms', 'added p99 ms', 'errors'],
    rows: rows.map((row) => [
      row.client,
      ...[row.ratePerSecond, row.callsPerSecond, row.p50Ms, row.p99Ms, row.addedP50Ms, row.addedP99Ms].map((value) =>
        row.samples === 0 ? '–' : figure(value),
      ),
      String(row.errors),
    ]),
  };
}
