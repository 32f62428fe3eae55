/** What the gateway's tests stand on: a gateway on free ports, upstreams, and callers that speak raw bytes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { parseConfig } from '../src/config/config.ts';
import { Gateway } from '../src/gateway.ts';

export interface Closing {
  close(): Promise<void>;
}

/** Closed in reverse, whatever happened. */
export class Opened {
  readonly #open: Closing[] = [];

  add<T extends Closing>(opened: T): T {
    this.#open.push(opened);
    return opened;
  }

  async closeAll(): Promise<void> {
    for (const opened of this.#open.splice(0).reverse()) await opened.close();
  }
}

export interface TestServer extends Closing {
  readonly port: number;
  readonly origin: string;
  readonly server: Server;
}

export async function httpServer(listener: RequestListener): Promise<TestServer> {
  const server = createServer(listener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    server,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A server that speaks whatever it likes; it closes what is left open at the end. */
export async function rawServer(onSocket: (socket: Socket) => void): Promise<Closing & { readonly origin: string }> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
    onSocket(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface TestGateway extends Closing {
  readonly gateway: Gateway;
  readonly port: number;
  readonly adminPort: number;
  readonly url: string;
}

/** `upstreams` as in the configuration file; one that is only an address stands for `{ origin }`. */
export async function startGateway(
  upstreams: Readonly<Record<string, string | object>>,
  more: object = {},
): Promise<TestGateway> {
  const settled = Object.entries(upstreams).map(
    ([name, upstream]) => [name, typeof upstream === 'string' ? { origin: upstream } : upstream] as const,
  );
  const listeners = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', drainMs: 500 };
  const gateway = new Gateway(parseConfig({ ...listeners, upstreams: Object.fromEntries(settled), ...more }, '.'));
  const { data, admin } = await gateway.start();
  return {
    gateway,
    port: data.port,
    adminPort: admin.port,
    url: `http://127.0.0.1:${data.port}`,
    close: () => gateway.stop(0),
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

/** One request by node:http, on a connection of its own. */
export async function ask(
  url: string,
  options: { method?: string; headers?: Record<string, string | string[]>; body?: string | Buffer } = {},
): Promise<Answer> {
  const request = httpRequest(url, { agent: false, method: options.method ?? 'GET', headers: options.headers ?? {} });
  request.end(options.body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return answerOf(response);
}

export async function answerOf(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const { statusCode, headers, rawHeaders } = response;
  return { status: statusCode ?? 0, headers, rawHeaders, body: Buffer.concat(chunks) };
}

/** Sends bytes and takes what comes until the connection closes. */
export async function raw(port: number, ...parts: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  for (const part of parts) socket.write(part, 'latin1');
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => socket.destroy());
  await once(socket, 'close');
  return text;
}

const [PORT_LOWEST, PORT_HIGHEST] = [20_000, 32_700];

/**
 * A port for a server that is configured with it, or comes back to it. Below those a system hands out by itself (from
 * 32768 on Linux): of these, one that was free a moment ago may be the near end of somebody's connection the next, and
 * of one's own that tries to reach it again and again.
 */
export async function ownPort(): Promise<number> {
  for (;;) {
    const port = PORT_LOWEST + Math.floor(Math.random() * (PORT_HIGHEST - PORT_LOWEST));
    const server = createTcpServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

/** What only something that hangs takes. */
const UNTIL_MS = 120_000;

/** Resolves when `holds` does. @param what is said of what never does */
export async function until(holds: () => boolean | Promise<boolean>, what = String(holds), everyMs = 5): Promise<void> {
  for (const end = performance.now() + UNTIL_MS; !(await holds()); ) {
    assert.ok(performance.now() < end, `in ${UNTIL_MS} ms it did not hold: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** The same, asked of another process, and of one that may not be there yet. */
export const eventually = (holds: () => Promise<boolean>): Promise<void> =>
  until(() => holds().catch(() => false), String(holds), 25);
