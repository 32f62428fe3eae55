/** What went wrong in an exchange, in words that name the thing, the limit and the value. */
import type { Call, StepLimits } from '../../core/call.ts';
import { NetError, type Phase, type Reach } from '../../core/error.ts';

/** Which step limit rules in which phase. */
const LIMIT_OF: Partial<Record<Phase, keyof StepLimits>> = {
  queue: 'queueMs',
  write: 'firstByteMs',
  head: 'firstByteMs',
  body: 'betweenBytesMs',
};

const WHAT: Partial<Record<Phase, string>> = {
  queue: 'no connection came free',
  write: 'the request was still being sent',
  head: 'no answer began',
  body: 'the answer stopped arriving',
};

/** Where a step was too long, if that is something else than the call being there. */
const STALLED: Partial<Record<Phase, string>> = { write: 'nothing more of the request was taken' };

export const describe = {
  /** `whole` tells the deadline of the call from the limit of a step. */
  late(call: Call, phase: Phase, whole: boolean, reach: Reach): NetError {
    const origin = call.origin.key;
    const what = WHAT[phase] ?? `phase ${phase}`;
    if (whole) {
      const value = Math.round(call.deadlineAt - call.startedAt);
      const message = `${call.method} ${origin} did not end within ${value} ms (limit deadlineMs): ${what}`;
      return new NetError('DEADLINE', message, { reach, phase, origin, limit: 'deadlineMs', value });
    }
    const limit = LIMIT_OF[phase] ?? 'queueMs';
    const value = call.limits[limit];
    const message = `${call.method} ${origin}: ${STALLED[phase] ?? what} within ${value} ms (limit ${limit})`;
    return new NetError('TIMEOUT', message, { reach, phase, origin, limit, value });
  },

  aborted(call: Call, phase: Phase, cause: unknown, reach: Reach): NetError {
    const origin = call.origin.key;
    return new NetError('ABORTED', `${call.method} ${origin} was aborted by its caller`, {
      reach,
      phase,
      origin,
      cause,
    });
  },

  closed(call: Call, phase: Phase, cause: NetError, reach: Reach): NetError {
    const origin = call.origin.key;
    const message = `${call.method} ${origin} was under way when the client was closed`;
    return new NetError('CLOSED', message, { reach, phase, origin, cause });
  },

  reset(cause: Error | undefined, reach: Reach, phase: Phase, socketId: number | undefined): NetError {
    if (cause !== undefined && isTlsAlert(cause)) {
      const message = `the peer refused TLS: ${cause.message}`;
      return new NetError('TLS', message, { reach, phase: 'tls', cause, socketId });
    }
    const why = cause === undefined ? 'it was closed' : cause.message;
    return new NetError('RESET', `the connection was lost: ${why}`, { reach, phase, cause, socketId });
  },

  spokeUnasked(socketId: number | undefined): NetError {
    const message = 'the peer broke HTTP/1.1: it answered before it was asked';
    return new NetError('PROTOCOL', message, { reach: 'unsent', phase: 'write', socketId });
  },

  bytesAfterEnd(count: number): NetError {
    const message = `the peer broke HTTP/1.1: ${count} bytes after the end of the reply`;
    return new NetError('PROTOCOL', message, { reach: 'answered', phase: 'body' });
  },
};

/**
 * In TLS 1.3 the client is done before the server has looked at its certificate (RFC 8446 § 4.4.2): a refusal arrives
 * on what we hold to be an open connection. It will not pass by itself, so it must not look like a lost connection.
 */
function isTlsAlert(cause: Error & { code?: string }): boolean {
  return cause.code?.startsWith('ERR_SSL_') === true && cause.code.includes('ALERT');
}

export function limitReached(limit: string, value: number, what: string, phase: 'head' | 'body' = 'body'): NetError {
  const message = `the reply has more than ${value} ${what} (limit ${limit})`;
  return new NetError('LIMIT', message, { reach: 'answered', phase, limit, value });
}

/** The same error, told where it happened. */
export function causeOf(error: NetError, origin: string, socketId: number | undefined): NetError {
  if (error.origin !== undefined) return error;
  return new NetError(error.code, `${origin}: ${error.message}`, { ...error, cause: error.cause, origin, socketId });
}
