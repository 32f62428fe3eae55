/** One JSON-RPC 2.0 call over HTTP to any URL: what its answer means. Several nodes as one are `createRpc`. */
import { NetError } from '../core/error.ts';
import type { Reply } from '../core/reply.ts';
import { answerOf, Failure, Fault } from '../wire/jsonrpc/answer.ts';
import { RpcError } from './jsonrpc/rpc-error.ts';
import { statusError } from './status-error.ts';

export { RpcError } from './jsonrpc/rpc-error.ts';

export type RpcId = string | number;

/**
 * The result of the call.
 *
 * @throws RpcError when the peer answers with one, whatever the HTTP status; NetError `STATUS` for another answer than
 *         2xx, `DECODE` for one that is not the answer to this call
 */
export async function resultOf(reply: Reply, id: RpcId): Promise<unknown> {
  const text = await reply.text();
  const answer = answerOf(parse(text), id, false);
  if (answer instanceof Failure) throw new RpcError(answer.error, reply.ok ? {} : { status: reply.status });
  if (!reply.ok) throw statusError(reply, text);
  if (answer instanceof Fault) {
    throw new NetError('DECODE', `the answer ${answer.what}`, { reach: 'answered', phase: 'body' });
  }
  return answer.value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // said by the caller of this: what is no JSON is no JSON-RPC either
  }
}
