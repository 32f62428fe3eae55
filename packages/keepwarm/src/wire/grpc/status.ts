/**
 * The status codes of gRPC, and what stands for one where the peer sent none: an HTTP status, or the code of a
 * RST_STREAM. Sources: grpc/grpc doc/statuscodes.md, doc/http-grpc-status-mapping.md, doc/PROTOCOL-HTTP2.md ("Errors").
 */

export const STATUS = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type StatusName = keyof typeof STATUS;

const NAMES = Object.keys(STATUS) as readonly StatusName[];

/** A number that is no code of gRPC is UNKNOWN. */
export function statusName(code: number): StatusName {
  return NAMES[code] ?? 'UNKNOWN';
}

/** The value of `grpc-status`; nothing for what is not a number, UNKNOWN for a number that is no code. */
export function statusOf(text: string): StatusName | undefined {
  return /^\d{1,10}$/.test(text) ? statusName(Number(text)) : undefined;
}

const BY_HTTP: Readonly<Record<number, StatusName>> = {
  400: 'INTERNAL',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'UNIMPLEMENTED',
  429: 'UNAVAILABLE',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'UNAVAILABLE',
};

/** For an answer without `grpc-status`: mostly a proxy's. */
export function statusOfHttp(status: number): StatusName {
  return BY_HTTP[status] ?? 'UNKNOWN';
}

const BY_RESET: Readonly<Record<string, StatusName>> = {
  NO_ERROR: 'INTERNAL',
  PROTOCOL_ERROR: 'INTERNAL',
  INTERNAL_ERROR: 'INTERNAL',
  FLOW_CONTROL_ERROR: 'INTERNAL',
  SETTINGS_TIMEOUT: 'INTERNAL',
  STREAM_CLOSED: 'UNKNOWN',
  FRAME_SIZE_ERROR: 'INTERNAL',
  REFUSED_STREAM: 'UNAVAILABLE',
  CANCEL: 'CANCELLED',
  COMPRESSION_ERROR: 'INTERNAL',
  CONNECT_ERROR: 'INTERNAL',
  ENHANCE_YOUR_CALM: 'RESOURCE_EXHAUSTED',
  INADEQUATE_SECURITY: 'PERMISSION_DENIED',
  HTTP_1_1_REQUIRED: 'UNKNOWN',
};

/** @param name of the code in RST_STREAM, as `errorName` gives it. @returns nothing for what is no such name */
export function statusOfReset(name: string): StatusName | undefined {
  return Object.hasOwn(BY_RESET, name) ? BY_RESET[name] : name.startsWith('code 0x') ? 'UNKNOWN' : undefined;
}
