/** The orchestrator's end of one child: pinned, started with the authority it needs, and asked one thing at a time. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { measuredArgv } from './built.ts';
import type { Answer, Commands, Order } from './child.ts';
import { pinned } from './pin.ts';

/** No order takes longer; a child that is silent for so long hangs, and the run says so instead of waiting. */
const ANSWER_MS_MAX = 90_000;

export interface ProcessOptions {
  /** A PEM file; clients that take no `ca` of their own learn of the authority from it. */
  readonly caFile: string;
  /** More flags for Node, such as `--expose-gc`. */
  readonly flags?: readonly string[];
}

export class ClientProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor({ caFile, flags = [] }: ProcessOptions) {
    const command = pinned('client', process.execPath, [...measuredArgv(), ...flags]);
    this.#child = fork(new URL('./child.ts', import.meta.url), {
      execPath: command.file,
      execArgv: [...command.args],
      env: { ...process.env, NODE_EXTRA_CA_CERTS: caFile, NODE_NO_WARNINGS: '1' },
      serialization: 'json',
    });
    this.#exited = once(this.#child, 'exit');
  }

  async ask<Name extends keyof Commands>(
    name: Name,
    order: Parameters<Commands[Name]>[0],
  ): Promise<ReturnType<Commands[Name]>> {
    const message = { name, order } as Order;
    const limit = AbortSignal.timeout(ANSWER_MS_MAX);
    const answered = once(this.#child, 'message', { signal: limit });
    const ended = this.#exited.then(() => Promise.reject(new Error(`the client's process ended during "${name}"`)));
    this.#child.send(message);
    const [answer] = (await Promise.race([answered, ended])) as [Answer];
    if ('error' in answer) throw new Error(answer.error);
    return answer.value as ReturnType<Commands[Name]>;
  }

  /** Ends the process at once, hanging or not: it holds nothing worth saving. */
  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
