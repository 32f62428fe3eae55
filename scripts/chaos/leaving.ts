/** A service as it should leave: on SIGTERM it takes no more, finishes what is under way, and ends by itself. */
import { createClient } from 'keepwarm';
import { loadOn } from './load.ts';

const [origin = '', calls = '0'] = process.argv.slice(2);
const client = createClient({ origin, retry: false, breaker: false });
const load = loadOn(client, { calls: Number(calls), concurrency: Number(calls) });

process.once('SIGTERM', async () => {
  await client.close();
  process.send?.(await load, () => process.disconnect());
});
