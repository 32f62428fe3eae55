/**
 * Our failures as undici words them: its classes and codes, the system's own error where undici shows that, and always
 * the NetError as `cause`. Whoever asks for `reach` finds it there; undici has nothing like it.
 */
import { errors } from 'undici';
import { NetError, type Phase } from '../../core/error.ts';
import { systemErrorOf, withCause } from '../system-error.ts';

/** Which class stands for which limit of a step. Waiting for a connection is, to undici's callers, connecting. */
const OF_STEP: Readonly<Record<string, () => Error>> = {
  queueMs: () => new errors.ConnectTimeoutError(),
  connectMs: () => new errors.ConnectTimeoutError(),
  firstByteMs: () => new errors.HeadersTimeoutError(),
  betweenBytesMs: () => new errors.BodyTimeoutError(),
};

const OF_PHASE: Partial<Record<Phase, () => Error>> = {
  queue: OF_STEP['queueMs']!,
  dns: OF_STEP['connectMs']!,
  connect: OF_STEP['connectMs']!,
  tls: OF_STEP['connectMs']!,
  body: OF_STEP['betweenBytesMs']!,
};

/** Any thrown value as undici would have thrown it. */
export function asUndiciError(thrown: unknown): Error {
  if (thrown instanceof errors.UndiciError) return thrown;
  if (!(thrown instanceof NetError)) return thrown instanceof Error ? thrown : new Error(String(thrown));
  return caused(kindOf(thrown), thrown);
}

/** undici's word for an exchange its caller gave up. */
export const aborted = (): Error => new errors.RequestAbortedError();

/** An argument that no request can be made of. */
export const invalidArgument = (message: string): Error => new errors.InvalidArgumentError(message);

/** Something undici can do and this dispatcher does not. */
export const notSupported = (message: string): Error => new errors.NotSupportedError(message);

/** A body that is not as long as its Content-Length says. */
export const lengthMismatch = (message: string): Error => new errors.RequestContentLengthMismatchError(message);

function kindOf(error: NetError): Error {
  switch (error.code) {
    case 'INVALID':
      // What is found wrong only while it is written is a body that is not as long as it was announced.
      return error.phase === 'write' ? lengthMismatch(error.message) : invalidArgument(error.message);
    case 'TIMEOUT':
      return OF_STEP[error.limit ?? '']?.() ?? new errors.HeadersTimeoutError();
    case 'DEADLINE':
      return (OF_PHASE[error.phase ?? 'head'] ?? OF_STEP['firstByteMs']!)();
    case 'LIMIT':
      return error.phase === 'body' ? new errors.ResponseExceededMaxSizeError() : new errors.HeadersOverflowError();
    case 'CLOSED':
      return error.reach === 'unsent' ? new errors.ClientClosedError() : new errors.ClientDestroyedError();
    case 'PROTOCOL':
      return Object.assign(new errors.HTTPParserError(), { code: 'HPE_STRICT' });
    case 'ABORTED':
      return error.cause instanceof Error ? error.cause : aborted();
    case 'DNS':
    case 'CONNECT':
    case 'TLS':
    case 'RESET':
      return systemErrorOf(error) ?? new errors.SocketError();
    default:
      return new errors.UndiciError();
  }
}

function caused(error: Error, cause: NetError): Error {
  if (error === cause.cause || error.cause === cause) return error; // the caller's own, or done already
  error.message = cause.message;
  return withCause(error, cause);
}
