/**
 * The opening handshake of a caller's WebSocket (RFC 6455 § 4.2): agreed to, or a problem. Neither a subprotocol nor an
 * extension is agreed to; pages of other hosts, which browsers let connect to whatever they like, must be named.
 */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type Problem, refusal } from '../data/problem.ts';

/** § 1.3 */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** Sixteen bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;
export const WEBSOCKET_VERSION = '13';

/** @param origins pages that may connect beside those of the host that is asked */
export function objectionTo(headers: IncomingHttpHeaders, origins: readonly string[]): Problem | undefined {
  if (headers.upgrade?.trim().toLowerCase() !== 'websocket') {
    return refusal(426, 'REFUSED', 'this upstream speaks WebSocket, and nothing else by Upgrade');
  }
  if (headers['sec-websocket-version'] !== WEBSOCKET_VERSION) {
    return refusal(426, 'REFUSED', `Sec-WebSocket-Version must be ${WEBSOCKET_VERSION}`);
  }
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) {
    return refusal(400, 'REFUSED', 'Sec-WebSocket-Key is not sixteen bytes in base64');
  }
  const { origin } = headers;
  if (origin === undefined || origins.includes('*') || origins.includes(origin)) return undefined;
  if (URL.parse(origin)?.host === headers.host) return undefined;
  const more = { proxyError: 'http_request_denied', limit: 'websocket.origins' };
  return refusal(403, 'REFUSED', 'pages of this origin may not connect (option websocket.origins)', more);
}

/** The answer to a handshake there is no objection to. */
export function agreement(headers: IncomingHttpHeaders): string {
  const accept = createHash('sha1').update(`${headers['sec-websocket-key']}${GUID}`).digest('base64');
  return (
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept}\r\n\r\n`
  );
}
