/**
 * Which requests are taken for a wish to go on in another protocol, and what becomes of the others: a server may ignore
 * an Upgrade (RFC 9110 § 7.8), and then serves the request, with its body and with what the client has sent behind it.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** Before, Node's server gave every Upgrade away, also those that clients send in passing and nobody has to heed. */
export const OFFERS_UPGRADES = atLeast(process.versions.node, 24, 9);

function atLeast(version: string, major: number, minor: number): boolean {
  const [ours = 0, ourMinor = 0] = version.split('.').map(Number);
  return ours > major || (ours === major && ourMinor >= minor);
}

/**
 * A WebSocket, or anything else that begins with a GET: not the other versions of HTTP and of TLS that clients name in
 * passing, and nothing with a body, which would not be told from what follows it.
 */
export function mayUpgrade({ method, httpVersion, headers }: IncomingMessage): boolean {
  if (method !== 'GET' || httpVersion !== '1.1') return false;
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return false;
  return !/(?:^|[\s,])(?:h2c|h2|http|tls)(?:$|[\s,/])/i.test(headers.upgrade ?? '');
}

/** Whether Node's parser takes it for one, and stops behind it. */
export const asksUpgrade = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade !== undefined && /(?:^|[\s,])upgrade(?:$|[\s,])/i.test(headers.connection ?? '');

/**
 * Gives a connection back that Node let go of, with the request as it is without its Upgrade: what it has read behind
 * the head would be lost if Node were told that nothing is to be upgraded.
 *
 * @param early what came behind the request's head
 */
export function goOnWithout(
  { method = '', url = '', httpVersion, rawHeaders }: IncomingMessage,
  socket: Socket,
  early: Buffer,
  serve: (socket: Socket) => void,
): void {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() !== 'upgrade') lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  }
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  socket.unshift(Buffer.concat([head, early]));
  serve(socket);
  socket.resume();
}
