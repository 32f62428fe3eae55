/**
 * A CONNECT proxy that does as it is told: it writes down what it was asked and by which bytes, and leads every name to
 * loopback, so that names nobody has registered can be called through it.
 */

import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

export interface Asked {
  /** `api.test:443` */
  readonly target: string;
  /** The whole request for the tunnel. */
  readonly head: string;
  /** Between client and proxy. */
  readonly socket: Socket;
  /** Opens the tunnel, after saying `answer`. */
  tunnel(answer?: string | Buffer): void;
}

export interface ProxyScript {
  readonly tls?: TlsOptions;
  /** What is done about a request. Default: the tunnel is opened. */
  readonly asked?: (asked: Asked) => void;
  /** A connection was accepted, and nothing has been read. */
  readonly accepted?: (socket: Socket) => void;
}

export interface TestProxy {
  readonly port: number;
  /** `http://127.0.0.1:PORT`, or `https://localhost:PORT` with TLS. */
  readonly url: string;
  readonly requests: readonly Asked[];
  /** Connections of clients so far, and those that are open. */
  readonly accepted: number;
  readonly open: ReadonlySet<Socket>;
}

export const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n';

export async function aProxy(t: TestContext, script: ProxyScript = {}): Promise<TestProxy> {
  const requests: Asked[] = [];
  const open = new Set<Socket>();
  let accepted = 0;
  const serve = (socket: Socket): void => {
    accepted++;
    open.add(socket);
    socket.on('close', () => open.delete(socket)).on('error', () => {});
    script.accepted?.(socket);
    let head = '';
    const onData = (bytes: Buffer): void => {
      head += bytes.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', onData);
      const target = /^CONNECT (\S+) HTTP\/1\.1\r\n/.exec(head)?.[1] ?? '';
      const asked: Asked = { target, head, socket, tunnel: (answer) => tunnel(socket, target, answer) };
      requests.push(asked);
      (script.asked ?? ((each) => each.tunnel()))(asked);
    };
    socket.on('data', onData);
  };
  const server = script.tls === undefined ? createServer(serve) : createTlsServer(script.tls, serve);
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of open) socket.destroy();
    await closed;
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    port,
    url: script.tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    requests,
    open,
    get accepted() {
      return accepted;
    },
  };
}

/** All names lead to loopback. */
function tunnel(client: Socket, target: string, answer: string | Buffer = ESTABLISHED): void {
  const origin = connect(Number(target.split(':').at(-1)), '127.0.0.1');
  const end = (): void => {
    client.destroy();
    origin.destroy();
  };
  client.on('close', end).on('error', end);
  origin.on('close', end).on('error', end);
  origin.on('connect', () => {
    client.write(answer);
    client.pipe(origin);
    origin.pipe(client);
  });
}
