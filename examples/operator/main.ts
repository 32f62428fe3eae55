/**
 * "Is it us or them?", answered three times: their server is slow, their network is gone, our own limit is too low.
 *
 *   node_modules/.bin/node --conditions=keepwarm-source examples/operator/main.ts
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createClient, NetError } from 'keepwarm';
import { prometheusMetrics } from 'keepwarm/prometheus';

/** Their server: /quick answers at once, /slow thinks for a while. */
const theirs = createServer(({ url }, response) => {
  setTimeout(() => response.end('{}'), url === '/slow' ? 300 : 0);
});
await once(theirs.listen(0, '127.0.0.1'), 'listening');
const address = theirs.address();
const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;

const pool = { socketsMax: 2, waitersMax: 4 };
const api = createClient({ origin, pool, retry: false, breaker: false });
const metrics = prometheusMetrics({ api });

/** Whose fault a failed call is: `reach` and `phase` say how far it got. */
const verdicts: string[] = [];
async function ask(path: string, deadlineMs: number): Promise<void> {
  try {
    await api.get(path, { deadlineMs }).json();
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    const ours = error.code === 'SATURATED' || error.phase === 'queue';
    verdicts.push(`${ours ? 'us  ' : 'them'} ${error.code} in ${error.phase ?? 'no'} phase: ${error.message}`);
  }
}

await ask('/quick', 1_000);
await ask('/slow', 100); // their server thinks: the deadline passes while we wait for the first byte
await Promise.all(Array.from({ length: 12 }, () => ask('/slow', 2_000))); // two sockets, four may wait: ours
theirs.close();
theirs.closeAllConnections();
await ask('/quick', 1_000); // nobody listens any more: theirs

const shown = [...new Map(verdicts.map((line) => [line.slice(0, 16), line])).values()];
for (const line of shown) console.log(line.slice(0, 110));

// Every socket's life, and the same as metrics for Prometheus; a page of both comes with the gateway.
for (const { id, tcpMs, leases, closeReason } of api.stats().sockets.history) {
  console.log(`socket ${id}: TCP ${tcpMs.toFixed(1)} ms, lent ${leases} times, closed: ${closeReason}`);
}
const { p50Ms, p99Ms } = api.stats().latency;
console.log(`latency p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms`);
const series = metrics
  .render()
  .split('\n')
  .filter((line) => /^keepwarm_failures_total.* [1-9]/.test(line));
console.log(series.join('\n'));
await api.close();

const ours = verdicts.filter((line) => line.startsWith('us')).length;
console.log(`${verdicts.length} failures: ${ours} ours, ${verdicts.length - ours} theirs`);
process.exitCode = ours === 6 && verdicts.length === 8 ? 0 : 1;
