/** Callers of a gateway with several workers, and what they see of it. */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import type { Snapshot } from '../src/admin/snapshot.ts';
import type { WorkerOfStats } from '../src/admin/worker-told.ts';
import { answerOf, ask } from './fixtures.ts';

/** What became of calls. */
export interface Tally {
  ok: number;
  readonly failed: string[];
}

/** Calls one after the other over one connection that stays, until told to stop. */
export class Caller {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #url: string;
  readonly #body: string;
  readonly tally: Tally = { ok: 0, failed: [] };
  #running = true;
  readonly ended: Promise<void>;

  constructor(url: string, body = 'x') {
    this.#url = url;
    this.#body = body;
    this.ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.ended;
  }

  async #run(): Promise<void> {
    while (this.#running) {
      try {
        const { status, body } = await this.#call();
        if (status === 200) this.tally.ok++;
        else this.tally.failed.push(`${status} ${String(body).slice(0, 120)}`);
      } catch (error) {
        this.tally.failed.push((error as NodeJS.ErrnoException).code ?? String(error));
        // Who cannot connect does not try a thousand times a second.
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
    this.#agent.destroy();
  }

  #call(): ReturnType<typeof answerOf> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(this.#url, { agent: this.#agent, method: 'POST' });
      request.on('response', (response: IncomingMessage) => answerOf(response).then(resolve, reject));
      request.on('error', reject);
      request.end(this.#body);
    });
  }
}

export async function snapshotOf(admin: string): Promise<Snapshot> {
  return JSON.parse(String((await ask(`http://${admin}/api/stats`)).body));
}

export const workersOf = async (admin: string): Promise<readonly WorkerOfStats[]> =>
  (await snapshotOf(admin)).workers ?? [];

export async function json(admin: string, path: string): Promise<never> {
  return JSON.parse(String((await ask(`http://${admin}${path}`)).body)) as never;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // there is no such process
  }
}
