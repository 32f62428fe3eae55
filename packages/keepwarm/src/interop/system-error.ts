/** The system's own error beneath one of ours, for interfaces whose callers look at its `code`. */
import type { NetError } from '../core/error.ts';

/**
 * A copy of it, with all it says (`code`, `errno`, `syscall`, `address`, `port`), so that the copy can have ours as its
 * cause. @returns nothing when no error of the system or of TLS lies beneath
 */
export function systemErrorOf(error: NetError): Error | undefined {
  const { cause } = error;
  if (!(cause instanceof Error) || !('code' in cause) || typeof cause.code !== 'string') return undefined;
  return withCause(Object.assign(new Error(cause.message), cause), error);
}

/** The error, with ours as its cause, as errors have it: not among what is listed. */
export function withCause<T extends Error>(error: T, cause: NetError): T {
  Object.defineProperty(error, 'cause', { value: cause, writable: true, configurable: true });
  return error;
}
