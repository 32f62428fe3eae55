/** One generation of a service, in a process of its own: it takes over a port, tells what it is asked, and ends. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { KeyPair } from '../../packages/keepwarm/src/testing/certificates.ts';

/** `leaving`: GOAWAY, and the end once the last call is answered. `dying`: the process is killed. */
export type Ending = 'leaving' | 'dying';

export interface GenerationOptions {
  /** 0 for any that is free. Old and new listen side by side for a moment, as behind any orchestrator. */
  readonly port: number;
  readonly identity: KeyPair;
  readonly answerMs: number;
}

/** What the process says: once where it listens, then the path of each request as it comes. */
export type Said = { readonly port: number } | { readonly asked: string };

export class Generation {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
    this.#exited = once(child, 'exit');
  }

  /** @param seen by path, how often it was asked for; shared by all generations */
  static async start(options: GenerationOptions, seen: Map<string, number>): Promise<Generation> {
    const child = fork(new URL('./server.ts', import.meta.url), [JSON.stringify(options)]);
    const kill = (): void => void child.kill('SIGKILL'); // it does not outlive us
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    const [said] = (await once(child, 'message')) as [Said];
    if (!('port' in said)) throw new Error('the server was asked before it said where it listens');
    child.on('message', (message: Said) => {
      if ('asked' in message) seen.set(message.asked, (seen.get(message.asked) ?? 0) + 1);
    });
    return new Generation(child, said.port);
  }

  /** Resolves when it is gone. */
  async end(how: Ending): Promise<void> {
    if (how === 'dying') this.#child.kill('SIGKILL');
    else this.#child.send('leave');
    await this.#exited;
  }
}
