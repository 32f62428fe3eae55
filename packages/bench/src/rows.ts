/** What a run found out, as `--json` writes it: one row for each scenario and client. */
import { type Outcome, ratesOf } from './runner.ts';
import type { CallScenario } from './scenarios.ts';
import { median, pairedRatio, type Spread } from './statistics.ts';

/** In the scenarios of HTTP/2 and of drop-ins: the peer by hand, and of each drop-in what it stands in for. */
const OVER_H2 = ['node:http2 by hand', 'undici h2', 'undici.fetch h2', 'undici.fetch h1', 'node:https'] as const;

/** In the scenarios of the gateway. */
const OF_PROXIES = ['nginx proxy', 'http-proxy', '@fastify/http-proxy'] as const;

/** In the scenarios of gRPC. */
const OF_GRPC = ['grpc-js', 'connect-node', 'yellowstone native'] as const;

/** Whom the others are compared with, where they take part. */
export const REFERENCES = [
  'undici.request',
  'undici.request(url)',
  'undici.dispatch',
  'global fetch',
  'wrk',
  'undici by hand',
  'keepwarm bare',
  ...OVER_H2,
  ...OF_PROXIES,
  ...OF_GRPC,
] as const;
export type Reference = (typeof REFERENCES)[number];

interface RowBase {
  readonly scenario: string;
  readonly client: string;
  /** Why the client was not measured, or not to the end. Its figures are 0 or cover the slices before. */
  readonly failure?: string;
  /** The row comes from a trial: its figures mean nothing. */
  readonly trial?: true;
}

export interface CallRow extends RowBase {
  readonly inFlight: number;
  /** Median over the slices; Min and Max are the slowest and the fastest slice. */
  readonly callsPerSecond: number;
  readonly callsPerSecondMin: number;
  readonly callsPerSecondMax: number;
  /** CPU time of the client's process per call, in µs, median over the slices. */
  readonly cpuMicros: number;
  /** Medians over the slices of each slice's own percentile. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Over all slices together. */
  readonly errors: number;
  readonly firstError?: string;
  readonly slices: number;
  /** callsPerSecond as a multiple of the reference's, paired slice by slice. */
  readonly ratios: Partial<Record<Reference, Spread>>;
  /** Share of the calls that resumed a TLS session; only where every call opens a connection. */
  readonly resumedShare?: number;
}

export interface MemoryRow extends RowBase {
  readonly connections: number;
  /** Per idle connection, median over the samples. */
  readonly heapBytes: number;
  readonly rssBytes: number;
  readonly samples: number;
}

export interface AllocationRow extends RowBase {
  /** Heap bytes allocated per call, median over the samples. */
  readonly heapBytes: number;
  readonly samples: number;
}

export interface S2Row extends RowBase {
  readonly operations: number;
  readonly seconds: number;
  /** Connections the server accepted during the warm-up, and after it. */
  readonly connectionsWarmUp: number;
  readonly connectionsAfter: number;
  /** Operations after the warm-up that used a connection already open. */
  readonly reuseShare: number;
  /** Leases the client still counts as out once everything is done; undefined where it does not say. */
  readonly leaked: number | undefined;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
}

export interface DelayRow extends RowBase {
  readonly connections: number;
  readonly calls: number;
  /** From the first call to the last reply, in ms, median over the bursts: without and with connections open before. */
  readonly coldMs: number;
  readonly warmMs: number;
  readonly errors: number;
  readonly samples: number;
}

export interface ProxyLatencyRow extends RowBase {
  /** What the proxy carries at most, and what it carried while this was measured. */
  readonly ratePerSecond: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Beyond the same calls without a proxy, median over the rounds. */
  readonly addedP50Ms: number;
  readonly addedP99Ms: number;
  readonly errors: number;
  readonly samples: number;
}

export interface ProxyIdleRow extends RowBase {
  readonly connections: number;
  /** What the proxy's process grew by, per connection held. */
  readonly rssBytes: number;
  /** Until all were open and had had one call, in ms. */
  readonly openMs: number;
  /** Held connections whose next call was not answered. */
  readonly errors: number;
}

export type Row = ProxyLatencyRow | ProxyIdleRow | DelayRow | CallRow | MemoryRow | AllocationRow | S2Row;

export const isCallRow = (row: Row): row is CallRow => 'callsPerSecondMin' in row;

type Measured = Pick<CallScenario, 'name' | 'inFlight' | 'reply'>;

/** The rows of one scenario; `outcomes` come in the order of the table. */
export function callRows(scenario: Measured, outcomes: readonly Outcome[]): CallRow[] {
  return outcomes.map(({ name, slices, failure }): CallRow => {
    const rates = ratesOf(slices);
    const middle = (pick: (slice: (typeof slices)[number]) => number): number =>
      slices.length === 0 ? 0 : rounded(median(slices.map(pick)));
    const total = (pick: (slice: (typeof slices)[number]) => number): number =>
      slices.reduce((sum, each) => sum + pick(each), 0);
    const firstError = slices.find((each) => each.firstError !== undefined)?.firstError;
    return {
      scenario: scenario.name,
      client: name,
      inFlight: scenario.inFlight,
      callsPerSecond: middle((each) => each.callsPerSecond),
      callsPerSecondMin: rates.length === 0 ? 0 : rounded(Math.min(...rates)),
      callsPerSecondMax: rates.length === 0 ? 0 : rounded(Math.max(...rates)),
      cpuMicros: middle((each) => each.cpuMicros),
      p50Ms: middle((each) => each.p50Ms),
      p99Ms: middle((each) => each.p99Ms),
      errors: total((each) => each.errors),
      slices: slices.length,
      ratios: ratiosOf(rates, outcomes),
      ...(scenario.reply === 'connect' && { resumedShare: middle((each) => each.resumedShare) }),
      ...(firstError !== undefined && { firstError }),
      ...(failure !== undefined && { failure }),
    };
  });
}

function ratiosOf(rates: readonly number[], outcomes: readonly Outcome[]): Partial<Record<Reference, Spread>> {
  const ratios: Partial<Record<Reference, Spread>> = {};
  for (const reference of REFERENCES) {
    const other = outcomes.find(({ name }) => name === reference);
    const ratio = other && pairedRatio(rates, ratesOf(other.slices));
    if (ratio !== undefined) {
      ratios[reference] = { median: rounded(ratio.median), min: rounded(ratio.min), max: rounded(ratio.max) };
    }
  }
  return ratios;
}

/** Five significant digits: more would be noise. */
export const rounded = (value: number): number => (Number.isFinite(value) ? Number(value.toPrecision(5)) : 0);
