/** One that subscribes to heads by WebSocket, and counts which of them it was told. */
import { once } from 'node:events';
import { WebSocket } from 'ws';

interface Notification {
  readonly params?: { readonly result: { readonly number: string } };
}

export class Subscriber {
  /** The highest told. */
  upTo = 0;
  missing = 0;
  twice = 0;
  closed: string | undefined;
  readonly #peer: WebSocket;

  private constructor(url: string) {
    this.#peer = new WebSocket(url);
    this.#peer.on('close', (code, reason) => (this.closed = `${code} ${reason}`));
    this.#peer.on('message', (data) => this.#told(JSON.parse(String(data)) as Notification));
  }

  static async open(url: string): Promise<Subscriber> {
    const subscriber = new Subscriber(url);
    await once(subscriber.#peer, 'open');
    const agreed = once(subscriber.#peer, 'message');
    subscriber.#peer.send('{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}');
    await agreed;
    return subscriber;
  }

  close(): void {
    this.#peer.close();
  }

  #told({ params }: Notification): void {
    if (params === undefined) return;
    const height = Number(params.result.number);
    if (this.upTo > 0 && height > this.upTo + 1) this.missing += height - this.upTo - 1;
    if (height <= this.upTo) this.twice++;
    this.upTo = Math.max(this.upTo, height);
  }
}
