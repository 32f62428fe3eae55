/**
 * What stands in front of a JSON-RPC node and goes wrong on command: it answers 429, an error, late, or not at all, and
 * counts what came. Batches pass as they are.
 */
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ownPort } from '../own-port.ts';

export interface RpcRequest {
  readonly id?: unknown;
  readonly method: string;
  readonly params?: unknown;
}

/**
 *  - `pass`: to the node.
 *  - `reset`: the connection is lost, before the node sees anything.
 *  - `hang`: nothing ever comes.
 *  - `lose`: to the node; its answer is lost with the connection.
 *  - `status`: another status, as a provider's own server answers.
 *  - `error`: this error to each request, with status 200.
 */
export type Fault =
  | 'pass'
  | 'reset'
  | 'hang'
  | 'lose'
  | { readonly status: number; readonly retryAfter?: number }
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: unknown } };

export interface Arrival {
  readonly requests: readonly RpcRequest[];
  readonly isBatch: boolean;
}

/** What becomes of what arrives, and after how long, in ms. */
export type Script = (arrival: Arrival) => Fault | { readonly afterMs: number; readonly then: Fault };

export class RpcFront {
  /** May be replaced at any time. */
  does: Script = () => 'pass';
  /** Requests that arrived, by method; those of a batch each for itself. */
  readonly asked = new Map<string, number>();
  /** Raw transactions that were handed to the node, by their bytes, and how often. */
  readonly writes = new Map<string, number>();
  /** Those that the node has answered, well or not. */
  readonly taken = new Set<string>();
  /** Messages answered with another status than 200. */
  refused = 0;
  readonly #server: Server;
  readonly #upstream: URL;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #sockets = new Set<Socket>();
  readonly #port: number;

  private constructor(upstream: string, port: number) {
    this.#port = port;
    this.#upstream = new URL(upstream);
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (incoming, answer) => void this.#serve(incoming, answer));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(upstream: string): Promise<RpcFront> {
    const front = new RpcFront(upstream, await ownPort());
    await front.revive();
    return front;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Takes no connections any more; those there are, are lost. */
  async die(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** On the port it had. */
  async revive(): Promise<void> {
    if (this.#server.listening) return;
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** Twice is harmless. */
  async stop(): Promise<void> {
    await this.die();
    this.#agent.destroy();
  }

  async #serve(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    try {
      const body = await textOf(incoming);
      const arrival = arrivalOf(body);
      for (const { method } of arrival.requests) this.asked.set(method, (this.asked.get(method) ?? 0) + 1);
      const done = this.does(arrival);
      const [fault, afterMs] = typeof done === 'object' && 'then' in done ? [done.then, done.afterMs] : [done, 0];
      if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs).unref());
      await this.#play(fault, arrival, body, answer);
    } catch {
      answer.destroy(); // whoever asked, or the node, has left
    }
  }

  async #play(fault: Fault, { requests, isBatch }: Arrival, body: string, answer: ServerResponse): Promise<void> {
    if (fault === 'hang') return;
    if (fault === 'reset') return void answer.destroy();
    if (fault === 'pass' || fault === 'lose') {
      const raws = writesIn(requests);
      for (const raw of raws) this.writes.set(raw, (this.writes.get(raw) ?? 0) + 1);
      const [status, text] = await this.#forward(body);
      for (const raw of raws) this.taken.add(raw);
      if (fault === 'lose') return void answer.destroy();
      return void answer.writeHead(status, { 'content-type': 'application/json' }).end(text);
    }
    if ('status' in fault) {
      this.refused++;
      const { status, retryAfter } = fault;
      const headers = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
      const error = {
        code: status === 429 ? -32_005 : -32_603,
        message: status === 429 ? 'too many requests' : 'failed',
      };
      answer.writeHead(status, { 'content-type': 'application/json', ...headers });
      return void answer.end(JSON.stringify({ jsonrpc: '2.0', id: null, error }));
    }
    const said = requests.map(({ id }) => ({ jsonrpc: '2.0', id, error: fault.error }));
    answer.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(isBatch ? said : said[0]));
  }

  #forward(body: string): Promise<readonly [status: number, text: string]> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const forwarded = request(this.#upstream, { method: 'POST', agent: this.#agent, headers }, (reply) => {
        textOf(reply).then((text) => resolve([reply.statusCode ?? 502, text]), reject);
      });
      forwarded.on('error', reject);
      forwarded.end(body);
    });
  }
}

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function writesIn(requests: readonly RpcRequest[]): readonly string[] {
  return requests.flatMap(({ method, params }) =>
    /^eth_sendRaw|^sendTransaction$/.test(method) && Array.isArray(params) ? [String(params[0])] : [],
  );
}

function arrivalOf(body: string): Arrival {
  const parsed: unknown = JSON.parse(body);
  const isBatch = Array.isArray(parsed);
  return { requests: (isBatch ? parsed : [parsed]) as RpcRequest[], isBatch };
}

/** Answers 429 for `burstMs` out of every `periodMs`. */
export function bursts(burstMs: number, periodMs: number, retryAfter?: number): Script {
  const from = performance.now();
  const refused = retryAfter === undefined ? { status: 429 } : { status: 429, retryAfter };
  return () => ((performance.now() - from) % periodMs < burstMs ? refused : 'pass');
}
