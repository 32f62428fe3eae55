/**
 * Seven stream monitors on one connection: the gateway speaks Geyser to them, and has one subscription upstream.
 *
 *   node_modules/.bin/node --conditions=keepwarm-source examples/monitors/main.ts
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { startGeyserServer } from 'keepwarm/testing/geyser';
import { createYellowstone } from 'keepwarm/yellowstone';

// Instead of a provider. It counts connections, and bans whoever opens too many.
const provider = await startGeyserServer({ token: 'token of the provider', accountsPerSlot: 20 });

// The gateway, as a command with a file. Once it is installed: `keepwarm gateway --config keepwarm.json`.
const folder = await mkdtemp(join(tmpdir(), 'keepwarm-example-'));
const config = {
  ...{ listen: '127.0.0.1:0', admin: '127.0.0.1:0' },
  upstreams: {
    solana: { grpc: 'geyser', target: provider.target, token: 'token of the provider', listen: '127.0.0.1:0' },
  },
};
await writeFile(join(folder, 'keepwarm.json'), JSON.stringify(config));
const command = new URL('../../packages/gateway/src/main.ts', import.meta.url).pathname;
const args = ['--conditions=keepwarm-source', command, 'gateway', '--config', join(folder, 'keepwarm.json')];
const env = { ...process.env, KEEPWARM_RUNTIME_DIR: folder, KEEPWARM_STATE_DIR: folder };
const gateway = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
process.on('exit', () => gateway.kill('SIGKILL')); // whatever happens here, it does not stay behind
const target = await addressOf(gateway.stdout);

// Seven monitors. Each thinks it is alone; in life each is a process, in any language.
const seen = new Map<string, number>();
const monitors = Array.from({ length: 7 }, (_, i) => ({
  name: `monitor-${i}`,
  yellowstone: createYellowstone({ target, metadata: { 'x-monitor': `monitor-${i}` } }),
}));
const watching = monitors.map(async ({ name, yellowstone }, i) => {
  const owner = provider.owners[i % provider.owners.length]!;
  for await (const message of yellowstone.subscribe({ accounts: { watched: { owner: [owner] } } })) {
    if (message.kind !== 'data') continue;
    seen.set(name, (seen.get(name) ?? 0) + 1);
  }
});
const until = performance.now() + 10_000;
while (seen.size < 7 && performance.now() < until) {
  provider.advance(1);
  await sleep(100);
}

const { connections, subscriptions } = provider.stats();
console.log([...seen].map(([name, updates]) => `${name}: ${updates > 0 ? 'updates' : 'nothing'}`).join(', '));
console.log(`7 monitors, ${connections.open} connection and ${subscriptions.open} subscription at the provider`);
process.exitCode = seen.size === 7 && connections.open === 1 && subscriptions.open === 1 ? 0 : 1;

for (const { yellowstone } of monitors) await yellowstone.close();
await Promise.allSettled(watching);
const exited = once(gateway, 'exit');
gateway.kill();
await exited;
await provider.close();
await rm(folder, { recursive: true });

/** Where the gateway says it listens for gRPC. */
async function addressOf(printed: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: printed })) {
    const address = /grpc at (\S+)/.exec(line)?.[1];
    if (address !== undefined) return `http://${address}`;
  }
  throw new Error('the gateway ended before it listened');
}
