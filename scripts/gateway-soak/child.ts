/** The words between a soak and the process of its gateway: one answer to each question, in order. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Sample } from '../soak/memory.ts';

export type Asked =
  | { readonly kind: 'start'; readonly config: object }
  | { readonly kind: 'reload'; readonly config: object }
  | { readonly kind: 'sample' }
  | { readonly kind: 'stop' };

export type Told =
  | { readonly kind: 'started'; readonly port: number }
  | { readonly kind: 'reloaded'; readonly kept: number; readonly begun: number }
  | { readonly kind: 'sampled'; readonly sample: Sample }
  | { readonly kind: 'stopped' };

export class GatewayChild {
  readonly #child: ChildProcess;
  readonly #waiting: ((told: Told | undefined) => void)[] = [];

  constructor() {
    this.#child = fork(new URL('./gateway.ts', import.meta.url), { execArgv: ['--conditions=keepwarm-source'] });
    this.#child.on('message', (told: Told) => this.#waiting.shift()?.(told));
    this.#child.on('exit', () => {
      for (const waiting of this.#waiting.splice(0)) waiting(undefined);
    });
  }

  async start(config: object): Promise<number> {
    const told = await this.#ask({ kind: 'start', config });
    return told?.kind === 'started' ? told.port : died();
  }

  /** Upstreams that kept their connections. */
  async reload(config: object): Promise<number> {
    const told = await this.#ask({ kind: 'reload', config });
    return told?.kind === 'reloaded' ? told.kept : died();
  }

  async sample(): Promise<Sample> {
    const told = await this.#ask({ kind: 'sample' });
    return told?.kind === 'sampled' ? told.sample : died();
  }

  /** Drained, and its process gone. */
  async stop(): Promise<void> {
    const gone = once(this.#child, 'exit');
    void this.#ask({ kind: 'stop' });
    const giveUp = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(giveUp);
  }

  #ask(asked: Asked): Promise<Told | undefined> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#child.send(asked);
    });
  }
}

function died(): never {
  throw new Error('the process of the gateway ended');
}
