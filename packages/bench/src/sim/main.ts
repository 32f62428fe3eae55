/**
 * npm run sim -- [--only NAME]… [--json FILE]
 *
 * Question: which picker should be the default of an endpoint set, and what do ejection and the penalty for failures
 * add? Method: eight scenarios of 90 s on a simulated clock, 200 calls per second at random instants, the same dice for
 * all pickers; one endpoint of three or five gets into trouble. Latencies and failures are those of the calls made
 * meanwhile. Decides: `picker` and `penaltyMs` in balance/options.ts. A change of either carries this table in its
 * commit.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { figure, render } from '../table.ts';
import { SIM_PICKERS } from './pickers.ts';
import { type SimRow, simulate } from './run.ts';
import { SIM_SCENARIOS } from './scenarios.ts';

const HEAD = ['picker', 'p50 ms', 'p99 ms', 'failed', 'its share meanwhile', 'its share at the end'];
const percent = (share: number | undefined): string => (share === undefined ? '–' : `${(share * 100).toFixed(2)} %`);

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true, default: [] }, json: { type: 'string' } },
});
const chosen = SIM_SCENARIOS.filter(
  ({ name }) => values.only.length === 0 || values.only.some((only) => name.includes(only)),
);
const all: SimRow[] = [];
for (const scenario of chosen) {
  const rows: SimRow[] = [];
  for (const picker of SIM_PICKERS) rows.push(await simulate(scenario, picker));
  const cells = rows.map(({ picker, p50Ms, p99Ms, failed, shareDuring, shareAfter }) => [
    picker,
    figure(p50Ms),
    figure(p99Ms),
    percent(failed),
    percent(shareDuring),
    percent(shareAfter),
  ]);
  console.log(
    [`\n## ${scenario.name} (${scenario.endpoints} endpoints)`, '', render({ head: HEAD, rows: cells })].join('\n'),
  );
  all.push(...rows);
}
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(all, null, 2)}\n`);
