/** Failures of the layers beneath as statuses of gRPC, and what we find wrong with an answer ourselves. */
import { NetError, type Reach } from '../../core/error.ts';
import { type MessageFault, PREFIX_BYTES } from '../../wire/grpc/message.ts';
import { type StatusName, statusOfReset } from '../../wire/grpc/status.ts';
import { GrpcError } from './error.ts';

/** What a code of ours means in gRPC, where nothing more is known. */
const BY_CODE: Readonly<Record<NetError['code'], StatusName>> = {
  INVALID: 'INTERNAL',
  CLOSED: 'UNAVAILABLE',
  SATURATED: 'RESOURCE_EXHAUSTED',
  OPEN: 'UNAVAILABLE',
  DNS: 'UNAVAILABLE',
  CONNECT: 'UNAVAILABLE',
  TLS: 'UNAVAILABLE',
  TIMEOUT: 'UNAVAILABLE',
  DEADLINE: 'DEADLINE_EXCEEDED',
  ABORTED: 'CANCELLED',
  RESET: 'UNAVAILABLE',
  PROTOCOL: 'INTERNAL',
  LIMIT: 'RESOURCE_EXHAUSTED',
  DECODE: 'INTERNAL',
  STATUS: 'UNKNOWN',
  REDIRECT: 'UNKNOWN',
  RPC: 'UNKNOWN',
  DISAGREED: 'UNKNOWN',
};

/**
 * The status a failure stands for. A RST_STREAM has a code that says it, unless the peer did not process the call.
 *
 * @param late whether the deadline had passed: a peer that noticed first ends the stream with CANCEL
 */
function statusOfFailure(error: NetError, late = false): StatusName {
  const said = error.code === 'RESET' && error.reach !== 'unsent' ? statusOfReset(error.systemCode ?? '') : undefined;
  if (said === 'CANCELLED' && late) return 'DEADLINE_EXCEEDED';
  return said ?? BY_CODE[error.code];
}

/**
 * Whatever ended a call, as callers see it: a GrpcError. What the caller did wrong stays the `INVALID` it is, since no
 * call was made.
 */
export function failureOf(thrown: unknown, path: string, late = false): GrpcError | NetError {
  if (thrown instanceof GrpcError) return thrown;
  const error = NetError.from(thrown);
  if (error.code === 'STATUS' && error.cause instanceof GrpcError) return error.cause;
  if (error.code === 'INVALID' && error.reach === 'unsent') return error;
  // A producer that threw: what it threw is a failure of gRPC already.
  if (error.code === 'ABORTED' && error.cause instanceof GrpcError) return error.cause;
  const { reach, limit, value } = error;
  return new GrpcError(statusOfFailure(error, late), error.message, { reach, path, limit, value, cause: error });
}

export const tell = {
  fault(fault: MessageFault, bytesMax: number, path: string): GrpcError {
    if (fault.why === 'too large') return tell.tooLarge(fault.value, bytesMax, path);
    const why = `the peer broke gRPC: a message whose first byte is ${fault.value}, neither 0 nor 1`;
    return new GrpcError('INTERNAL', why, { reach: 'answered', path });
  },

  /** @param bytes as it was announced; nothing where only decompressing it tells */
  tooLarge(bytes: number | undefined, bytesMax: number, path: string): GrpcError {
    const length = bytes === undefined ? 'more than that, decompressed' : `${bytes}`;
    const why = `a message larger than ${bytesMax} bytes was received: ${length} (limit messageBytesMax)`;
    return new GrpcError('RESOURCE_EXHAUSTED', why, {
      ...{ reach: 'answered', path, limit: 'messageBytesMax', value: bytesMax },
    });
  },

  half(path: string): GrpcError {
    const why = `the peer broke gRPC: the stream ended within a message or the ${PREFIX_BYTES} bytes before it`;
    return new GrpcError('INTERNAL', why, { reach: 'answered', path });
  },

  count(count: number, path: string): GrpcError {
    const why = `the peer sent ${count === 0 ? 'no message' : 'more than one message'} where one was due`;
    return new GrpcError('UNIMPLEMENTED', why, { reach: 'answered', path });
  },

  coding(why: string, path: string, cause?: unknown): GrpcError {
    return new GrpcError('INTERNAL', why, { reach: 'answered', path, cause });
  },

  decode(cause: unknown, path: string): GrpcError {
    return new GrpcError('INTERNAL', 'a message could not be decoded', { reach: 'answered', path, cause });
  },

  encode(cause: unknown, path: string, reach: Reach): GrpcError {
    return new GrpcError('INTERNAL', 'a message could not be encoded', { reach, path, cause });
  },

  source(cause: unknown, path: string): GrpcError {
    return new GrpcError('CANCELLED', 'the source of messages failed', { reach: 'unknown', path, cause });
  },
};
