/** Why a request got no socket, as code that uses Node's HTTP client expects it: with the system's codes. */
import { type Code, NetError } from '../../core/error.ts';
import { systemErrorOf, withCause } from '../system-error.ts';

/** Where no error of the system lies beneath, the code by which clients tell that it was a matter of time. */
const CODE_OF: Partial<Record<Code, string>> = { TIMEOUT: 'ETIMEDOUT', DEADLINE: 'ETIMEDOUT', RESET: 'ECONNRESET' };

/** The system's own error where there was one, ours otherwise; ours is in both cases at hand, as `cause` or itself. */
export function asNodeError(thrown: unknown): Error {
  if (!(thrown instanceof NetError)) return thrown instanceof Error ? thrown : new Error(String(thrown));
  const code = CODE_OF[thrown.code];
  if (code !== undefined) return withCause(Object.assign(new Error(thrown.message), { code }), thrown);
  return systemErrorOf(thrown) ?? thrown;
}
