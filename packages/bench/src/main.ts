/**
 * npm run bench -- [--only NAME]… [--quick] [--json FILE] [--record] [--server nginx|node] [--sources]
 *
 * Tables go to stdout, progress to stderr. Nothing in the repository changes without --record. `docs/benchmarks.md`
 * tells how to read what comes out.
 */
import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { allocationTable, measureAllocation } from './allocation.ts';
import { measureBuilt } from './built.ts';
import { callTable, measureCalls } from './calls.ts';
import { delayTable, measureDelay } from './delay.ts';
import { latencyTable, measureGateway, measureHalfLoad, measureIdleCallers } from './gateway.ts';
import { idleTable } from './gateway-idle.ts';
import { measureGrpcIdle } from './grpc/idle.ts';
import { fanoutTable, measureGrpc } from './grpc/scenarios.ts';
import { commit, cpu, record } from './history.ts';
import { measureJsonRpc } from './jsonrpc.ts';
import { measureMemory, memoryTable } from './memory.ts';
import { cores } from './pin.ts';
import { isCallRow, type Row } from './rows.ts';
import { measureS2, s2Table } from './s2.ts';
import { type Scenario, scenarios } from './scenarios.ts';
import { scratch } from './scratch.ts';
import type { BenchServer } from './server/server.ts';
import { startServer } from './server/start.ts';
import { Stable } from './stable.ts';
import { render, type Table } from './table.ts';
import { MEANS_NOTHING, refuseToRecordTrial, TRIAL, TRIAL_VARIABLE } from './trial.ts';

const USAGE = `npm run bench -- [options]
  --only NAME     only the scenarios whose name is, or contains, NAME; may be repeated
  --quick         five telling scenarios in short slices, under 50 s
  --json FILE     write all rows as JSON
  --record        append the run to bench/history.jsonl and renew the README's table
  --server KIND   nginx or node; the best there is when left out
  --sources       measures the sources, for work on them; what users install is built from them, and faster
  --list          the names of the scenarios
${TRIAL_VARIABLE}=1 tries it out: a scenario of each kind, in slices of 10 ms; the figures mean nothing
`;

/** With more runnable processes than this before the start, the machine is not ours alone. */
const LOAD_MAX = 0.7;

interface Measured {
  readonly rows: readonly Row[];
  readonly table: Table;
}

async function measure(scenario: Scenario, server: BenchServer, stable: Stable, quick: boolean): Promise<Measured> {
  const { caFile } = stable;
  switch (scenario.kind) {
    case 'calls': {
      const rows = await measureCalls(scenario, server, stable);
      return { rows, table: callTable(rows) };
    }
    case 'h2-delay': {
      const rows = await measureDelay(scenario.name, server, caFile);
      return { rows, table: delayTable(rows) };
    }
    case 'memory': {
      const rows = await measureMemory(scenario.name, server, caFile);
      return { rows, table: memoryTable(rows) };
    }
    case 'allocation': {
      const rows = await measureAllocation(server, caFile);
      return { rows, table: allocationTable(rows) };
    }
    case 's2': {
      const rows = await measureS2(caFile);
      return { rows, table: s2Table(rows) };
    }
    case 'gateway': {
      const rows = await measureGateway(scenario.name, server, quick);
      return { rows, table: callTable(rows) };
    }
    case 'gateway-half-load': {
      const rows = await measureHalfLoad(scenario.name, server, quick);
      return { rows, table: latencyTable(rows) };
    }
    case 'gateway-idle': {
      const rows = await measureIdleCallers(scenario.name, server, quick);
      return { rows, table: idleTable(rows) };
    }
    case 'grpc-unary':
    case 'grpc-updates': {
      const rows = await measureGrpc(scenario, stable, quick);
      return { rows, table: callTable(rows) };
    }
    case 'grpc-fanout': {
      const rows = await measureGrpc(scenario, stable, quick);
      return { rows, table: fanoutTable(rows) };
    }
    case 'grpc-idle': {
      const rows = await measureGrpcIdle(scenario.name, caFile);
      return { rows, table: memoryTable(rows) };
    }
    case 'jsonrpc': {
      const rows = await measureJsonRpc(scenario, stable, quick);
      return { rows, table: callTable(rows) };
    }
  }
}

/** What a reader must know besides the table: failures and errors by their first message. */
function remarks(rows: readonly Row[]): string[] {
  return rows.flatMap((row) => [
    ...(row.failure === undefined ? [] : [`${row.client}: ${row.failure}`]),
    ...(isCallRow(row) && row.firstError !== undefined
      ? [`${row.client}: ${row.errors} errors, first: ${row.firstError}`]
      : []),
  ]);
}

async function run(chosen: readonly Scenario[], server: BenchServer, quick: boolean): Promise<Row[]> {
  const files = scratch();
  const caFile = join(files.folder, 'authority.pem');
  await writeFile(caFile, server.ca);
  const stable = new Stable(caFile, quick || TRIAL);
  const all: Row[] = [];
  try {
    for (const [index, scenario] of chosen.entries()) {
      process.stderr.write(`[${index + 1}/${chosen.length}] ${scenario.name} … `);
      const startMs = performance.now();
      const { rows, table } = await measure(scenario, server, stable, quick);
      process.stderr.write(`${((performance.now() - startMs) / 1_000).toFixed(1)} s\n`);
      all.push(...rows);
      console.log(
        [`\n## ${scenario.name}`, '', render(table), ...remarks(rows).map((remark) => `! ${remark}`)].join('\n'),
      );
    }
    return all;
  } finally {
    await stable.close();
    files.close();
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: [] },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      record: { type: 'boolean', default: false },
      server: { type: 'string' },
      sources: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const chosen = scenarios(values.only, values.quick);
  if (values.list) {
    console.log(chosen.map(({ name }) => name).join('\n'));
    return 0;
  }
  if (chosen.length === 0) throw new Error(`no scenario is named like ${values.only.join(', ')}; see --list`);
  if (values.server !== undefined && values.server !== 'nginx' && values.server !== 'node') {
    throw new Error(`--server ${values.server}: nginx or node`);
  }

  if (values.sources && values.record) throw new Error('--record is for what users install: leave out --sources');
  if (values.record) refuseToRecordTrial();
  if (!values.sources) measureBuilt();

  const load = loadavg()[0];
  if (load > LOAD_MAX) console.error(`Load is ${load.toFixed(2)}: others use this machine, expect wide spreads.`);
  if (cores === undefined)
    console.error('Nothing is pinned: that takes Linux, taskset and two cores. Expect wide spreads.');
  const server = await startServer(values.server);
  const about = {
    date: new Date().toISOString(),
    commit: commit(),
    node: process.version,
    cpu: cpu(),
    server: server.kind,
  };
  const where = cores === undefined ? 'not pinned' : `server on core ${cores.server}, clients on core ${cores.client}`;
  console.log(`${about.cpu}, Node ${about.node}, ${server.kind}, ${where}, load ${load.toFixed(2)}, ${about.commit}`);
  if (TRIAL) console.log(MEANS_NOTHING);
  try {
    const measured = await run(chosen, server, values.quick);
    const mark = TRIAL ? ({ trial: true } as const) : {};
    const rows = measured.map((row): Row => ({ ...row, ...mark }));
    if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(rows, null, 2)}\n`);
    if (values.record) await record({ ...about, pinned: cores !== undefined, rows, ...mark });
    return rows.some(({ failure }) => failure !== undefined) ? 1 : 0;
  } finally {
    await server.close();
  }
}

// Each server, proxy and folder has an exit handler of its own.
process.setMaxListeners(50);
// Exit handlers end the server and its folder; children end with the channel to us.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
