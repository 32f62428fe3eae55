/**
 * A tool server that calls a signed API for many customers: a pool, limits and a breaker for each, one storm that harms
 * nobody else, and a tool that says how the network does.
 *
 *   node_modules/.bin/node --conditions=keepwarm-source examples/tool-server/main.ts
 */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'keepwarm';
import { createAkamai } from 'keepwarm/akamai';
import { startEdgeGridServer } from 'keepwarm/testing';

// Instead of Akamai. It verifies every signature; in production the credentials come from ~/.edgerc.
const keys = { clientToken: 'akab-client', clientSecret: 'a secret', accessToken: 'akab-access' };
const upstream = await startEdgeGridServer(keys);
const folder = await mkdtemp(join(tmpdir(), 'keepwarm-example-'));
const edgercPath = join(folder, '.edgerc');
await writeFile(edgercPath, ['default', 'calm', 'stormy'].map((name) => sectionOf(name)).join('\n'));
const akamai = createAkamai({ edgercPath, env: {} });

/** The tools, by path. Each call names its customer, who has connections of his own. */
const tools: Readonly<Record<string, (customer: string) => Promise<unknown>>> = {
  '/contracts': (customer) => akamai.section(customer).get('/ok/papi/v1/contracts').json(),
  '/report': (customer) => akamai.section(customer).get('/slow?ms=600').json(),
  '/network-diagnostics': async () => akamai.healthCheck(),
};

const server = createServer(async ({ url = '/' }, response) => {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  try {
    const result = await tools[pathname]?.(searchParams.get('customer') ?? 'default');
    response.writeHead(result === undefined ? 404 : 200).end(JSON.stringify(result ?? {}));
  } catch (error) {
    response.writeHead(502).end(JSON.stringify({ error: `${error}` }));
  }
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const address = server.address();
const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;

// An assistant at work. One customer asks for 40 slow reports at once, more than a section has connections …
const assistant = createClient({ origin, pool: { socketsMax: 200 } });
const storm = Array.from({ length: 40 }, () => assistant.get('/report?customer=stormy').json());
// … and another, meanwhile, does not notice.
const calm = await Promise.all(Array.from({ length: 20 }, () => assistant.get('/contracts?customer=calm').json()));
const settled = await Promise.race([Promise.all(storm).then(() => true), Promise.resolve(false)]);

const health = await assistant.get('/network-diagnostics').json<{ readonly healthy: boolean }>();
console.log(`the calm customer had ${calm.length} answers while the storm was ${settled ? 'over' : 'going on'}`);
console.log(`signatures refused: ${upstream.refused.length}, accepted so far: ${upstream.accepted}`);
console.log(`network-diagnostics: ${health.healthy ? 'healthy' : 'not healthy'}`);
await Promise.all(storm);
await assistant.close();
server.close();
await akamai.close();
await upstream.close();
await rm(folder, { recursive: true });
process.exitCode = calm.length === 20 && !settled && upstream.refused.length === 0 ? 0 : 1;

function sectionOf(name: string): string {
  const { clientToken, clientSecret, accessToken } = keys;
  const lines = [`host = ${upstream.origin}`, `client_token = ${clientToken}`, `client_secret = ${clientSecret}`];
  return [`[${name}]`, ...lines, `access_token = ${accessToken}`, ''].join('\n');
}
