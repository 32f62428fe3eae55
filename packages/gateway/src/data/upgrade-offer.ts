/** Which requests are taken for a wish to go on in another protocol. */
import type { IncomingMessage } from 'node:http';

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
