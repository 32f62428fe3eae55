/**
 * No HTTP client: a socket that writes a prebuilt call and counts the bytes of the reply, which it neither checks nor
 * parses. The least a connection can cost in Node: a yardstick, never a contestant.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import { CALL_BODY, CALL_ID } from '../server/replies.ts';
import type { OpenClient, RpcReply, Target } from './client.ts';

const REPLY: RpcReply = { id: CALL_ID, result: undefined };

/** One buffer for all connections: what arrives is counted and forgotten within one callback. */
const shared = Buffer.alloc(65_536);

type Settle = (error?: Error) => void;

class Bare {
  readonly socket: Socket;
  readonly #onIdle: (bare: Bare) => void;
  #missing = 0;
  #settle: Settle = () => {};

  /** @param secureContext over TLS; one for all connections, for each would cost memory and milliseconds */
  constructor(target: Target, secureContext: SecureContext | undefined, onIdle: (bare: Bare) => void) {
    this.#onIdle = onIdle;
    const { hostname, port } = new URL(target.origin);
    const onread = { buffer: shared, callback: (bytes: number) => this.#read(bytes) };
    const address = { host: hostname, port: Number(port), onread };
    this.socket = secureContext === undefined ? connect(address) : connectTls({ ...address, secureContext });
    this.socket.on('error', (error) => this.#settle(error));
  }

  send(message: string, settle: Settle): void {
    this.#settle = settle;
    this.socket.write(message, 'latin1');
  }

  #read(bytes: number): boolean {
    if (this.#missing === 0) this.#missing = lengthOf(shared.toString('latin1', 0, bytes));
    this.#missing -= bytes;
    if (this.#missing === 0) {
      this.#onIdle(this);
      this.#settle();
    }
    return true;
  }
}

/** Bytes of a whole reply, by the head at the start of `text`. */
function lengthOf(text: string): number {
  const length = /^content-length: (\d+)/im.exec(text)?.[1];
  if (length === undefined) throw new Error('a reply without content-length');
  return text.indexOf('\r\n\r\n') + 4 + Number(length);
}

export const open: OpenClient = (target) => {
  const { host, protocol } = new URL(target.origin);
  const secureContext = protocol === 'https:' ? createSecureContext({ ca: target.ca }) : undefined;
  const head = `POST ${target.path} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n`;
  const message = `${head}content-length: ${CALL_BODY.length}\r\n\r\n${CALL_BODY}`;
  const idle: Bare[] = [];
  const all: Bare[] = [];
  const dial = (): Bare => {
    const bare = new Bare(target, secureContext, (free) => idle.push(free));
    all.push(bare);
    return bare;
  };
  return {
    call: () =>
      new Promise((resolve, reject) => {
        const bare = idle.pop() ?? dial();
        bare.send(message, (error) => (error === undefined ? resolve(REPLY) : reject(error)));
      }),
    close: () => {
      for (const bare of all) bare.socket.destroy();
    },
  };
};
