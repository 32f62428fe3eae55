/**
 * Distance on loopback: a TCP proxy through which every byte takes `oneWayMs` longer, each way.
 *
 * The system completes TCP handshakes before a program hears of them, so a connection's first bytes wait for that round
 * trip as well: what a connection costs as a whole is right, and TLS comes on top of it as it does out there.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Distance {
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: number;
  close(): void;
}

/** Bytes under way in one direction before their sender is told to pause: what a link of this length might hold. */
const UNDER_WAY_BYTES_MAX = 1_048_576;

export async function startDistance(targetPort: number, oneWayMs: number): Promise<Distance> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ noDelay: true }, (near) => {
    connections++;
    const far = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
    relay(near, far, oneWayMs, performance.now() + 2 * oneWayMs);
    relay(far, near, oneWayMs, 0);
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** @param openAt from when on bytes may set out */
function relay(from: Socket, to: Socket, oneWayMs: number, openAt: number): void {
  let underWay = 0;
  const later = (task: () => void): void => {
    setTimeout(task, Math.max(openAt - performance.now(), 0) + oneWayMs);
  };
  from.on('data', (chunk: Buffer) => {
    underWay += chunk.length;
    if (underWay > UNDER_WAY_BYTES_MAX) from.pause();
    later(() => {
      underWay -= chunk.length;
      if (underWay <= UNDER_WAY_BYTES_MAX) from.resume();
      if (to.writable) to.write(chunk);
    });
  });
  from.on('end', () => later(() => to.end()));
  from.on('error', () => to.destroy()); // the other side hears of it that way
  from.on('close', () => later(() => to.destroy()));
}
