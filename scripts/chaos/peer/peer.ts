/** The handle on the process of the faulty peer. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Order, Plan, Report } from './main.ts';
import type { Seen } from './tally.ts';

/** An order is followed at once; this only catches a peer that hangs. */
const ORDER_MS = 10_000;

/** Without its number, which the handle gives. */
type Bare<T> = T extends Order ? Omit<T, 'order'> : never;

/** One server of the peer's. */
export interface Served {
  readonly host: string;
  readonly port: number;
  /** Of cleartext. */
  readonly origin: string;
  seen(): Promise<Seen>;
  /** Ends it and all its connections. Twice is harmless. */
  close(): Promise<Seen>;
}

export class Peer {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<Report>>();
  #orders = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (report: Report) => {
      this.#waiting.get(report.order)?.resolve(report);
      this.#waiting.delete(report.order);
    });
    child.once('exit', (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the peer ended with ${code}`));
    });
  }

  static async start(): Promise<Peer> {
    const child = fork(new URL('main.ts', import.meta.url), {
      execArgv: ['--conditions=keepwarm-source', '--disable-warning=ExperimentalWarning'],
    });
    await once(child, 'message', { signal: AbortSignal.timeout(ORDER_MS) });
    return new Peer(child);
  }

  async serve(plan: Plan): Promise<Served> {
    const { host = '127.0.0.1' } = plan;
    const { port = 0 } = await this.#tell({ verb: 'serve', plan });
    const ask = async (verb: 'seen' | 'close') => (await this.#tell({ verb, port, host })).seen!;
    let closed: Promise<Seen> | undefined;
    return {
      host,
      port,
      origin: `http://${host}:${port}`,
      seen: () => ask('seen'),
      close: () => (closed ??= ask('close')),
    };
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }

  async #tell(what: Bare<Order>): Promise<Report> {
    const order = ++this.#orders;
    const waiting = Promise.withResolvers<Report>();
    this.#waiting.set(order, waiting);
    this.#child.send({ ...what, order });
    const hung = setTimeout(() => waiting.reject(new Error(`the peer does not ${what.verb}`)), ORDER_MS);
    const report = await waiting.promise.finally(() => clearTimeout(hung));
    if (report.error !== undefined) throw new Error(report.error);
    return report;
  }
}
