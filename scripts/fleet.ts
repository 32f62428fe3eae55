/**
 * Question: do several processes that share a limit over Redis ever exceed it in any window, and how much of it do they
 * use? Method: real processes, a real Redis, a real HTTP server that writes down when each request came. Every process
 * always has more calls waiting than it may start. A sliding window goes over all arrivals at the server.
 * Decides: whether keepwarm may call its limits exact, as the peer counts them. Exit code 1 when a window was exceeded,
 * or less than 95 % of what is permitted was used.
 *
 *   npm run fleet
 *   npm run fleet -- --seconds 10 --processes 8 --limit 50 --window-ms 1000 --delay-ms 30
 *
 * `--delay-ms` is the most the server takes to answer. A call counts from its grant to its answer and a window more, so
 * the slower the peer, the less of a limit can be used without ever exceeding it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Fleet } from '../packages/keepwarm/test/adapters/redis/a-fleet.ts';
import { OwnRedis } from '../packages/keepwarm/test/adapters/redis/a-redis.ts';
import { busiestWindow, countingServer, usedShare } from '../packages/keepwarm/test/adapters/redis/counting-server.ts';

const USED_MIN = 0.95;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    processes: { type: 'string', default: '4' },
    limit: { type: 'string', default: '200' },
    'window-ms': { type: 'string', default: '1000' },
    'delay-ms': { type: 'string', default: '5' },
  },
});
const [seconds, processes, limit] = [values.seconds, values.processes, values.limit].map(Number) as [
  number,
  number,
  number,
];
const windowMs = Number(values['window-ms']);

const redis = await OwnRedis.start();
const server = await countingServer(Number(values['delay-ms']));
let fleet: Fleet | undefined;
try {
  const options = { name: 'fleet', limits: [{ limit, windowMs }] };
  const atOnce = Math.ceil((limit / processes) * 2);
  fleet = await Fleet.start(processes, { port: server.port, redisPort: redis.port, options, atOnce });
  await sleep(seconds * 1_000);
  const reports = await fleet.stop();
  const { arrivals } = server;
  const used = usedShare(arrivals, limit, windowMs);
  const busiest = busiestWindow(arrivals, windowMs);
  const asks = reports.reduce((sum, report) => sum + report.asks, 0);
  const perProcess = reports.map(({ replies }) => replies).join(', ');
  console.log(
    `${processes} processes, limit ${limit} per ${windowMs} ms, ${seconds} s, replies within ${values['delay-ms']} ms`,
  );
  console.log(`requests at the server       ${arrivals.length} (${perProcess})`);
  console.log(`busiest window               ${busiest} of ${limit}`);
  console.log(`used of what is permitted    ${(used * 100).toFixed(1)} %`);
  console.log(`questions to Redis           ${asks}, ${(asks / arrivals.length).toFixed(2)} per request`);
  console.log(`errors                       ${JSON.stringify(reports.map(({ codes }) => codes))}`);
  if (busiest > limit || used < USED_MIN) process.exitCode = 1;
} finally {
  fleet?.kill();
  server.close();
  await redis.stop();
}
