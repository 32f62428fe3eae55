/** A second EVM node that is not ours, of another make: hardhat's network, which mines each transaction at once. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

const START_MS = 20_000;

export class Hardhat {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, process: ChildProcess) {
    this.url = url;
    this.#process = process;
  }

  static async start(): Promise<Hardhat> {
    const child = fork(new URL('./hardhat-main.ts', import.meta.url), { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-1_000)));
    const ended = once(child, 'exit').then(() => Promise.reject(new Error(`hardhat ended: ${said}`)));
    ended.catch(() => undefined); // said where it matters, which is before the first message
    try {
      const up = once(child, 'message', { signal: AbortSignal.timeout(START_MS) });
      const [url] = (await Promise.race([up, ended])) as [string];
      return new Hardhat(url, child);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  /** Twice is harmless. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.disconnect();
    await ended;
  }
}
