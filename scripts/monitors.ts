/**
 * Question: do seven programs that share one subscription notice that they do?
 * Method: seven processes with the official client as it comes, a gateway as its command, a Geyser test server that
 * counts. Upstream is lost again and again, in four ways, while slots go by. Each monitor then gets the same by itself,
 * straight from the server, and the two are compared update by update.
 * Decides: whether sharing may be promised to be invisible. Exit code 1 when an update is missing, came twice or was
 * nobody's, or the server saw more than one subscription at once.
 *
 *   npm run monitors
 *   npm run monitors -- --updates 20000 --drops 5 --slot-ms 10 --json monitors.json
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { monitors } from './monitors/run.ts';

const { values } = parseArgs({
  options: {
    updates: { type: 'string', default: '200000' },
    drops: { type: 'string', default: '20' },
    'slot-ms': { type: 'string', default: '25' },
    'accounts-per-slot': { type: 'string', default: '100' },
    json: { type: 'string' },
  },
});

const report = await monitors({
  updates: Number(values.updates),
  drops: Number(values.drops),
  slotMs: Number(values['slot-ms']),
  accountsPerSlot: Number(values['accounts-per-slot']),
});
const { monitors: told, slots, drops, connectionsMax, subscriptionsMax, connectionsOpened } = report;
const total = told.reduce((sum, { updates }) => sum + updates, 0);
console.log(`${total} updates to ${told.length} monitors over ${slots} slots and ${drops} losses of upstream`);
console.log(`at the server: at most ${connectionsMax} connection and ${subscriptionsMax} subscription at once,`);
console.log(`${connectionsOpened} connections in all`);
for (const { name, updates, missing, extra, twice, inOrder } of told) {
  const order = inOrder ? 'in order' : 'out of order';
  console.log(
    `  ${name.padEnd(24)} ${String(updates).padStart(8)}  missing ${missing}  twice ${twice}  extra ${extra}  ${order}`,
  );
}
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
const wrong = told.some(({ missing, extra, twice, inOrder }) => missing + extra + twice > 0 || !inOrder);
if (wrong || connectionsMax > 1 || subscriptionsMax > 1) process.exitCode = 1;
