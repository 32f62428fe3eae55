/** An EVM node that is not ours: anvil on a free loopback port, mining when told to. Ended by its id. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';

export interface Anvil {
  readonly url: string;
  mine(): Promise<void>;
  close(): Promise<void>;
}

export async function startAnvil(): Promise<Anvil> {
  const args = ['--host', '127.0.0.1', '--port', '0', '--no-mining', '--accounts', '1', '--timestamp', '1700000000'];
  // The program itself: its wrapper would leave it running when it is killed.
  const machine = process.arch === 'x64' ? 'amd64' : process.arch;
  const binary = createRequire(import.meta.url).resolve(`@foundry-rs/anvil-${process.platform}-${machine}/bin/anvil`);
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  let said = '';
  let address: string | undefined;
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    said += String(chunk);
    address = /Listening on (127\.0\.0\.1:\d+)/.exec(said)?.[1];
    if (address !== undefined) break;
  }
  if (address === undefined) throw new Error(`anvil did not start: ${said.slice(-500)}`);
  child.stdout.resume(); // it writes a line per request
  const url = `http://${address}`;
  return {
    url,
    async mine() {
      const body = '{"jsonrpc":"2.0","id":1,"method":"evm_mine"}';
      await (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).text();
    },
    async close() {
      process.off('exit', kill);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      kill();
      await ended;
    },
  };
}
