/** The processes of a run: monitors, and the gateway as its command. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Order, Said } from './orders.ts';

const MONITOR = new URL('./monitor.ts', import.meta.url);
const GATEWAY = new URL('../../packages/gateway/src/main.ts', import.meta.url).pathname;

export type All = Extract<Said, { kind: 'all' }>;

export class MonitorProcess {
  readonly name: string;
  readonly #child: ChildProcess;

  constructor(name: string) {
    this.name = name;
    this.#child = fork(MONITOR, { execArgv: ['--conditions=keepwarm-source'], serialization: 'advanced' });
  }

  async subscribe(endpoint: string, token: string | undefined, request: object): Promise<void> {
    await this.#ask({ kind: 'subscribe', endpoint, request, ...(token === undefined ? {} : { token }) });
  }

  async count(): Promise<number> {
    const said = await this.#ask({ kind: 'count' });
    if (said.kind !== 'count') throw new Error(`${this.name} said ${said.kind}`);
    if (said.failed !== undefined) throw new Error(`${this.name} failed: ${said.failed}`);
    return said.count;
  }

  /** All it got; its process ends. */
  async end(): Promise<All> {
    const said = await this.#ask({ kind: 'end' });
    if (said.kind !== 'all') throw new Error(`${this.name} said ${said.kind}`);
    this.#child.disconnect();
    return said;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #ask(order: Order): Promise<Said> {
    const gone = new AbortController();
    try {
      const said = once(this.#child, 'message', { signal: gone.signal });
      const ended = once(this.#child, 'exit', { signal: gone.signal }).then(([code]) => {
        throw new Error(`${this.name} ended with ${code}`);
      });
      this.#child.send(order);
      const [answer] = await Promise.race([said, ended]);
      return answer as Said;
    } finally {
      gone.abort();
    }
  }
}

export interface GatewayProcess {
  readonly admin: string;
  readonly grpc: string;
  stop(): Promise<void>;
}

/** @param file its configuration */
export async function startGateway(file: string): Promise<GatewayProcess> {
  const child = spawn(process.execPath, ['--conditions=keepwarm-source', GATEWAY, 'gateway', '--config', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  child.stdout.on('data', (text) => (printed += text));
  child.stderr.on('data', (text) => (printed += text));
  const exited = once(child, 'exit');
  while (!printed.includes('status page:')) {
    await Promise.race([
      once(child.stdout, 'data'),
      exited.then(() => Promise.reject(new Error(`the gateway ended: ${printed}`))),
    ]);
  }
  return {
    admin: /status page:\s+(http:\/\/[^/\s]+)/.exec(printed)![1]!,
    grpc: `http://${/grpc at (\S+)/.exec(printed)![1]!}`,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
