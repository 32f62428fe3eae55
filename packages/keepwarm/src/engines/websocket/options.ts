/** Limits of WebSocket connections, with their defaults. */
export interface WebSocketLimits {
  /** From the open connection to the server's agreement to speak WebSocket, in ms. Default 10 s. */
  readonly handshakeMs: number;
  /** Silence after which the peer is pinged, in ms; `Infinity` for never. Default 20 s. */
  readonly pingMs: number;
  /** Silence after a ping by which the connection is held to be dead, in ms. Default 10 s. */
  readonly pongMs: number;
  /** Bytes of one message, fragments together. Default 64 MiB, as for bodies of replies. */
  readonly messageBytesMax: number;
  /** Bytes written that the peer has not taken. More, and what is sent is refused. Default 4 MiB. */
  readonly sendBytesMax: number;
  /** How long the peer gets to say goodbye when we close, in ms. Default 1 s. */
  readonly closeMs: number;
}

export const WEBSOCKET_DEFAULTS: WebSocketLimits = {
  handshakeMs: 10_000, // as for connecting: a server that needs longer is no use to a stream
  pingMs: 20_000, // under the 30 to 60 s after which proxies give up quiet connections
  pongMs: 10_000,
  messageBytesMax: 64 * 1024 * 1024,
  sendBytesMax: 4 * 1024 * 1024,
  closeMs: 1_000,
};
