/** A real EVM node of our own: anvil on a free loopback port, mining when told to. Ended by its id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';

export interface AnvilOptions {
  /** Of the first block, in s since 1970: nodes that share it, and mine at the same times, have the same blocks. */
  readonly genesisAt?: number;
  /** Accounts with money, of the usual phrase. Default 10. */
  readonly accounts?: number;
  /** Mines a block for each transaction by itself. Default false. */
  readonly automine?: boolean;
}

const START_MS = 20_000;
const GENESIS_AT = 1_700_000_000;

export class Anvil {
  readonly url: string;
  readonly #process: ChildProcess;
  #ids = 0;

  private constructor(url: string, process: ChildProcess) {
    this.url = url;
    this.#process = process;
  }

  static async start({ genesisAt = GENESIS_AT, automine = false, accounts = 10 }: AnvilOptions = {}): Promise<Anvil> {
    const mining = automine ? [] : ['--no-mining'];
    const args = ['--host', '127.0.0.1', '--port', '0', '--timestamp', String(genesisAt), ...mining];
    args.push('--accounts', String(accounts));
    const child = spawn(binary(), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const kill = (): void => void child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    return new Anvil(await addressOf(child), child);
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** Asks it directly. @throws Error with the node's message */
  async rpc<T = unknown>(method: string, params: readonly unknown[] = []): Promise<T> {
    const body = JSON.stringify({ jsonrpc: '2.0', id: ++this.#ids, method, params });
    const reply = await fetch(this.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const { result, error } = (await reply.json()) as { result?: T; error?: { message: string } };
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result as T;
  }

  async height(): Promise<number> {
    return Number(await this.rpc<string>('eth_blockNumber'));
  }

  /** One block, at this time, in s since 1970; a second after the last one by default. */
  async mine(at?: number): Promise<void> {
    if (at !== undefined) await this.rpc('evm_setNextBlockTimestamp', [at]);
    await this.rpc('evm_mine');
  }

  /** As when its machine hangs: connections stay, nothing is answered. */
  pause(): void {
    this.#process.kill('SIGSTOP');
  }

  resume(): void {
    this.#process.kill('SIGCONT');
  }

  /** Twice is harmless. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** The program itself: its wrapper would leave it running when it is killed. */
function binary(): string {
  const machine = process.arch === 'x64' ? 'amd64' : process.arch;
  return createRequire(import.meta.url).resolve(`@foundry-rs/anvil-${process.platform}-${machine}/bin/anvil`);
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const failed = (why: string) => (): void => {
      child.kill('SIGKILL');
      reject(new Error(`anvil ${why}: ${said.slice(-1_000)}`));
    };
    const timer = setTimeout(failed(`was not up after ${START_MS} ms`), START_MS);
    child.once('error', failed('could not be started'));
    child.once('exit', failed('ended'));
    const heard = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-20_000);
      const address = /Listening on (127\.0\.0\.1:\d+)/.exec(said)?.[1];
      if (address === undefined) return;
      clearTimeout(timer);
      child.removeAllListeners('exit');
      // It writes a line per request: left unread, it would stop when the pipe is full.
      child.stdout?.removeAllListeners('data').resume();
      child.stderr?.resume();
      resolve(`http://${address}`);
    };
    child.stdout?.on('data', heard);
    child.stderr?.on('data', heard);
  });
}
