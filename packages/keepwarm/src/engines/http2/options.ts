/** The numbers of HTTP/2 that are ours to choose: those a client may be given, and those that nobody needs to. */

export interface SessionOptions {
  /** Sessions per origin and section. Never more than `pool.socketsMax` either. */
  readonly sessionsMax: number;
  /** Calls at once on one session, where the peer allows as many. */
  readonly streamsMax: number;
  /** What a peer may send ahead on one session, in bytes. It is opened again as DATA comes. */
  readonly windowBytes: number;
  /** What a peer may send ahead of the reader of one reply, in bytes. */
  readonly streamWindowBytes: number;
  /** Silence after which a session is asked whether it is still there, in ms; `Infinity` for never. */
  readonly pingMs: number;
  /** How long it may take to answer that, or to acknowledge our settings, in ms. */
  readonly pongMs: number;
  /** Bytes of the header table of each direction (RFC 7541 § 4.2), for ours where the peer allows as many. */
  readonly tableBytesMax: number;
}

export const HTTP2 = {
  /** DATA in one frame, in bytes, where the peer takes as much: how long a large body keeps the others waiting. */
  dataFrameBytesMax: 16_384,
  /** A session silent for longer gets one turn of the event loop to report its death before it is written to, in ms. */
  quietMs: 1_000,
  /** Bytes that are to be written, or that the peer's system does not take; with more, the session is given up. */
  unsentBytesMax: 4 * 1024 * 1024,
  /** CONTINUATION frames of one header block. nghttp2 and Go take as many or fewer. */
  continuationsMax: 8,
  /** Frames that get nobody anywhere: so many at once, and so many per second. */
  idleFramesMax: 2_000,
  idleFramesPerSecond: 200,
  /** Times one call is sent again that the peer has refused unprocessed. */
  refusalsMax: 3,
  /** Times an idempotent call is sent again that a lost session, or a peer being stopped, left unanswered. */
  hopsMax: 2,
} as const;
