/** A caller of JSON-RPC by WebSocket, as plain as can be: what it was told, in order. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { until } from './fixtures.ts';

export interface Told {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: { readonly limit?: string } };
  readonly method?: string;
  readonly params?: { readonly subscription: unknown; readonly result: unknown };
}

export class ASocket {
  readonly peer: WebSocket;
  readonly told: (Told | Told[])[] = [];
  closed: string | undefined;
  #ids = 0;

  private constructor(url: string, options: object) {
    this.peer = new WebSocket(url, [], options);
    this.peer.on('message', (data) => this.told.push(JSON.parse(String(data)) as Told));
    this.peer.on('close', (code, reason) => (this.closed = `${code} ${reason}`));
    this.peer.on('error', () => {});
  }

  static async open(url: string, options: object = {}): Promise<ASocket> {
    const socket = new ASocket(url.replace('http', 'ws'), options);
    await once(socket.peer, 'open');
    return socket;
  }

  /** The HTTP status that the handshake was declined with. */
  static async declined(url: string, options: object = {}): Promise<number | undefined> {
    const socket = new ASocket(url.replace('http', 'ws'), options);
    const [, response] = await once(socket.peer, 'unexpected-response');
    response.resume();
    return response.statusCode;
  }

  async ask(method: string, params?: unknown): Promise<Told> {
    const id = `c${++this.#ids}`;
    this.peer.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    const mine = (): Told | undefined => this.told.flat().find((each) => each.id === id);
    await until(() => mine() !== undefined || this.closed !== undefined);
    return mine() ?? {};
  }

  /** What a subscription told. */
  of(id: unknown): unknown[] {
    const mine = this.told.flat().filter(({ params }) => params?.subscription === id);
    return mine.map(({ params }) => params!.result);
  }

  async close(): Promise<void> {
    this.peer.terminate();
  }
}
