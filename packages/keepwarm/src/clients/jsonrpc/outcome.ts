/** What a caller gets of a reply, or of what ended the call: results and the node's own errors, unwrapped. */
import { NetError } from '../../core/error.ts';
import type { Reply } from '../../core/reply.ts';
import { Result } from '../../wire/jsonrpc/answer.ts';
import { refuse } from '../status-error.ts';
import { RpcError } from './rpc-error.ts';

/** @throws RpcError when the node answered with one; NetError `STATUS` for what is no JSON-RPC answer */
export function resultIn(reply: Reply): unknown {
  const { made } = reply;
  if (made instanceof Result) return made.value;
  if (made instanceof RpcError) throw made;
  return refuse(reply);
}

/** For a notification. @throws NetError `STATUS` for another status than 2xx */
export function acceptedIn(reply: Reply): undefined | Promise<never> {
  return reply.ok ? undefined : refuse(reply);
}

/** What lies beneath an `RPC` failure is what the node said; that others were asked is not the caller's concern. */
export function thrownOf(thrown: unknown): never {
  throw causeOf(thrown);
}

export function causeOf(thrown: unknown): unknown {
  return thrown instanceof NetError && thrown.code === 'RPC' ? thrown.cause : thrown;
}
