/**
 * Distance on loopback: a TCP proxy through which every byte takes `oneWayMs` longer, each way.
 *
 * A program cannot delay the TCP handshake itself, which the system completes before anyone is asked. The proxy charges
 * that round trip to the first bytes of a connection instead, so that its whole cost is right, and shows under TLS.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Bytes under way in one direction before its sender is told to pause. */
const UNDER_WAY_BYTES_MAX = 1024 * 1024;

export async function startDelayProxy(targetPort: number, oneWayMs: number): Promise<Server & { port: number }> {
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1');
    near.setNoDelay(true);
    far.setNoDelay(true);
    // The handshake's round trip, then half a round trip as for everything else.
    relay(near, far, oneWayMs, 2 * oneWayMs);
    relay(far, near, oneWayMs, 0);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(server, { port: (server.address() as AddressInfo).port });
}

function relay(from: Socket, to: Socket, oneWayMs: number, handshakeMs: number): void {
  const openAt = performance.now() + handshakeMs;
  let underWay = 0;
  const later = (task: () => void): void => {
    setTimeout(task, Math.max(oneWayMs, openAt + oneWayMs - performance.now()));
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
  from.on('error', () => to.destroy()); // told to the other side; there is nobody else to tell
  from.on('close', () => later(() => to.destroy()));
}
