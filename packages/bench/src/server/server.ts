/** What the clients need of a server, whichever it is: the same paths and replies from both. */
import { get } from 'node:http';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Size } from './replies.ts';

export interface BenchServer {
  readonly kind: 'nginx' | 'node';
  /** `http://127.0.0.1:PORT` */
  readonly http: string;
  /** The same over TLS, sessions resumed. */
  readonly tls: string;
  /** The same over TLS, every handshake a full one. */
  readonly tlsFull: string;
  /** Over TLS, HTTP/2 to those who ask for it and HTTP/1.1 to the others. */
  readonly h2: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
  /** Connections open at this moment, the question's own included. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

export const PATHS: Readonly<Record<Size | 'upload' | 'connect' | 'status', string>> = {
  '100B': '/100B.json',
  '10KB': '/10KB.json',
  '1MB': '/1MB.json',
  /** Answers with 100 B once the whole body has come. */
  upload: '/upload',
  /** Ends its connection after every reply. */
  connect: '/connect',
  /** How many connections are open, in the words of nginx's `stub_status`. */
  status: '/status',
};

/** Asks over a connection of its own. @param origin of the cleartext port */
export async function openConnections(origin: string): Promise<number> {
  const said = await new Promise<string>((resolve, reject) => {
    get(origin + PATHS.status, { agent: false }, (response) => text(response).then(resolve, reject)).on(
      'error',
      reject,
    );
  });
  const count = /^Active connections: (\d+)/.exec(said)?.[1];
  if (count === undefined) throw new Error(`the server's status reads: ${said.slice(0, 200)}`);
  return Number(count);
}

/** A port nobody listens on. Another process could take it before we do; then the server says so and the run ends. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}
