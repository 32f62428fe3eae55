/** The numbers of HTTP/2 that are ours to choose. */

export const HTTP2 = {
  /** Receive window of a stream, in bytes: what a peer may send ahead of a reader. 1 MiB fills 80 Mbit/s at 100 ms. */
  windowBytes: 1024 * 1024,
  /** DATA in one frame, in bytes, where the peer takes as much: how long a large body keeps the others waiting. */
  dataFrameBytesMax: 16_384,
  /** Streams at once on one session, where the peer allows as many. */
  streamsMax: 100,
  /** Silence after which a session is asked whether it is still there, in ms. */
  pingIdleMs: 30_000,
  /** A session silent for longer gets one turn of the event loop to report its death before it is written to, in ms. */
  quietMs: 1_000,
  /** How long it may take to answer that, or to acknowledge our settings, in ms. */
  pongMs: 10_000,
  /** Bytes written that the peer's system does not take; with more, a call given up takes its session along. */
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
