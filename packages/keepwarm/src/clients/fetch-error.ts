/** What `fetch` rejects with, and what a body's reader sees: the signal's own reason, or a TypeError with the cause. */
import { type Code, NetError } from '../core/error.ts';

/**
 * Where no system code lies beneath, the one that code written for Node expects: libraries decide by it whether to try
 * again. DNS, CONNECT and TLS always have the system's own.
 */
const CODE_OF: Partial<Record<Code, string>> = { RESET: 'ECONNRESET', TIMEOUT: 'ETIMEDOUT', DEADLINE: 'ETIMEDOUT' };

/** For a call that came to nothing: `fetch failed`. A malformed one is told what is wrong with it. */
export function asFetchError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return abortReason(signal);
  if (!(error instanceof NetError)) return error;
  return typeError(error.code === 'INVALID' ? error.message : 'fetch failed', error);
}

/** For a body that broke off: `terminated`, as the global fetch has it. */
export function asBodyError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return abortReason(signal);
  return error instanceof NetError ? typeError('terminated', error) : error;
}

/** Signals of older polyfills have no reason. */
export function abortReason(signal: AbortSignal): unknown {
  return signal.reason ?? new DOMException('This operation was aborted', 'AbortError');
}

function typeError(message: string, cause: NetError): TypeError {
  const error = new TypeError(message, { cause });
  const code = cause.systemCode ?? CODE_OF[cause.code];
  return code === undefined ? error : Object.assign(error, { code });
}
