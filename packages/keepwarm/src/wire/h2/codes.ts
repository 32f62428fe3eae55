/** The numbers of HTTP/2: frame types, flags, settings and error codes (RFC 9113 § 6, § 6.5.2, § 7). */

export const FRAME_HEADER_BYTES = 9;
export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export const TYPE = {
  data: 0x0,
  headers: 0x1,
  priority: 0x2,
  rstStream: 0x3,
  settings: 0x4,
  pushPromise: 0x5,
  ping: 0x6,
  goaway: 0x7,
  windowUpdate: 0x8,
  continuation: 0x9,
} as const;

export const FLAG = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const SETTING = {
  headerTableSize: 0x1,
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
  maxHeaderListSize: 0x6,
} as const;

export const ERROR = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

const NAMES = Object.keys(ERROR) as readonly (keyof typeof ERROR)[];

/** `CANCEL`, or `code 0x2a` for one that RFC 9113 does not know; such a code means nothing special (§ 7). */
export function errorName(code: number): string {
  return NAMES[code] ?? `code 0x${code.toString(16)}`;
}

/** The largest window there may be, in bytes (RFC 9113 § 6.9.1). */
export const WINDOW_MAX = 2 ** 31 - 1;
/** Every window's size before anybody said otherwise (§ 6.9.2). */
export const WINDOW_INITIAL = 65_535;
/** The largest frame before a peer allows more, and the largest it may allow (§ 4.2). */
export const FRAME_BYTES_MIN = 16_384;
export const FRAME_BYTES_MAX = 2 ** 24 - 1;
/** Stream ids are 31 bits; a connection that has used them up opens no more streams (§ 5.1.1). */
export const STREAM_ID_MAX = 2 ** 31 - 1;

/** The peer broke a rule that ends the whole connection; `code` is what it is told in GOAWAY (§ 5.4.1). */
export class ConnectionFault extends Error {
  override readonly name = 'ConnectionFault';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}
