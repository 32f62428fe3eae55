/** A JSON-RPC node that speaks HTTP and WebSocket on one port and does what it is told. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Peer, WebSocketServer } from 'ws';

interface Asked {
  readonly id?: unknown;
  readonly method: string;
  readonly params?: readonly unknown[];
}

export class ANode {
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  /** Connections by the ids of what is subscribed to on them. */
  readonly #subscribed = new Map<unknown, Peer>();
  readonly #posted: Asked[] = [];
  #ids = 0;
  /** Ids as the kind of node gives them. */
  idOf = (count: number): unknown => `0x${count}`;
  /** What calls are answered with, wherever they come from. */
  answer = (asked: Asked): object | Promise<object> => ({ result: asked.method });
  refused: object | undefined;
  subscribes = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', async () => {
        const message = JSON.parse(Buffer.concat(chunks).toString()) as Asked | Asked[];
        this.#posted.push(...[message].flat());
        const one = async (asked: Asked) => ({ jsonrpc: '2.0', id: asked.id, ...(await this.answer(asked)) });
        const answers = Array.isArray(message) ? await Promise.all(message.map(one)) : await one(message);
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(answers));
      });
    });
    this.#server.on('upgrade', (request, socket, head) =>
      this.#sockets.handleUpgrade(request, socket, head, (peer) => this.#serve(peer)),
    );
  }

  static async start(): Promise<ANode> {
    const node = new ANode();
    await once(node.#server.listen(0, '127.0.0.1'), 'listening');
    return node;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/?key=SECRETKEY`;
  }
  get subscriptions(): number {
    return this.#subscribed.size;
  }
  posted(method: string): number {
    return this.#posted.filter((each) => each.method === method).length;
  }

  /** To everything that is subscribed to. @param notification its method */
  tell(notification: string, result: unknown): void {
    for (const [subscription, peer] of this.#subscribed) {
      peer.send(JSON.stringify({ jsonrpc: '2.0', method: notification, params: { subscription, result } }));
    }
  }

  /** All connections are lost. */
  cut(): void {
    for (const peer of this.#sockets.clients) peer.terminate();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(peer: Peer): void {
    peer.on('close', () => {
      for (const [id, owner] of this.#subscribed) if (owner === peer) this.#subscribed.delete(id);
    });
    peer.on('message', async (data) => {
      const asked = JSON.parse(String(data)) as Asked;
      peer.send(JSON.stringify({ jsonrpc: '2.0', id: asked.id, ...(await this.#answerOn(peer, asked)) }));
    });
  }

  #answerOn(peer: Peer, asked: Asked): object | Promise<object> {
    if (/unsubscribe$/i.test(asked.method)) return { result: this.#subscribed.delete(asked.params?.[0]) };
    if (!/subscribe$/i.test(asked.method)) return this.answer(asked);
    if (this.refused !== undefined) return { error: this.refused };
    this.subscribes++;
    const id = this.idOf(++this.#ids);
    setImmediate(() => this.#subscribed.set(id, peer)); // behind the answer
    return { result: id };
  }
}
