/**
 * The socket that callers connect to, in the clear or over TLS, with Node's HTTP/1.1 behind it: whether a connection is
 * served by that, or by another protocol, is decided one by one.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { ListenerTls } from '../config/listener-tls.ts';

export interface ListenerOptions {
  readonly tls?: ListenerTls | undefined;
  /** How long a connection may be unused, in ms. */
  readonly callerIdleMs: number;
  /** Of a whole request, and of its head, in ms. */
  readonly requestMs: number;
  readonly headMs: number;
  readonly headBytesMax: number;
  mayUpgrade(request: IncomingMessage): boolean;
}

export interface Listener {
  readonly server: Server;
  /** What is told of each connection that has been accepted, its handshake done. */
  readonly event: 'connection' | 'secureConnection';
  serveHttp1(socket: Socket): void;
}

/** How late the end of a request that does not arrive may be, in ms; its limits are tens of seconds. */
const LOOK_MS_MAX = 5_000;
const LOOK_MS_MIN = 100;

/** Options of Node's server from 24.9 on, newer than its types: whether a request becomes an `upgrade`. */
interface UpgradeChoice {
  readonly shouldUpgradeCallback: (request: IncomingMessage) => boolean;
}

export function listenerOf(options: ListenerOptions): Listener {
  const { tls, headMs } = options;
  const offer: UpgradeChoice = { shouldUpgradeCallback: (request) => options.mayUpgrade(request) };
  const http1 = {
    ...offer,
    keepAliveTimeout: options.callerIdleMs,
    requestTimeout: options.requestMs,
    headersTimeout: headMs,
    // Node looks for requests that are late every half a minute, unless it is told to more often.
    connectionsCheckingInterval: Math.max(LOOK_MS_MIN, Math.min(LOOK_MS_MAX, Math.ceil(headMs / 4))),
    maxHeaderSize: options.headBytesMax,
    noDelay: true,
    requireHostHeader: false, // targetOf does, with an answer like all others
  };
  const server =
    tls === undefined
      ? createServer(http1)
      : createTlsServer({ ...http1, ...tls, ALPNProtocols: ['h2', 'http/1.1'], handshakeTimeout: headMs });
  // Beyond this count Node would drop fields in silence; their bytes are limited, and targetOf counts them.
  server.maxHeadersCount = 0;
  const event = tls === undefined ? 'connection' : 'secureConnection';
  const [serve] = server.listeners(event);
  server.removeAllListeners(event);
  return { server, event, serveHttp1: (socket) => serve?.call(server, socket) };
}
