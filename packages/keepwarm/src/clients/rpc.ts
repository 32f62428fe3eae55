/** One JSON-RPC 2.0 call over HTTP: what it sends, and what its answer means. */
import { NetError } from '../core/error.ts';
import type { Reply } from '../core/reply.ts';

export type RpcId = string | number;

/** The peer ran the method, or refused to: its answer, not a failure of the network. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  /** The peer's own, e.g. -32601 for a method it does not have (JSON-RPC 2.0 § 5.1). */
  readonly code: number;
  readonly #data: unknown;

  constructor(code: number, message: string, data: unknown) {
    super(`RPC Error: ${message} (Code: ${code})`);
    this.code = code;
    this.#data = data;
  }

  /** What the peer added. Kept out of what loggers and `util.inspect` show, as it may hold anything. */
  get data(): unknown {
    return this.#data;
  }
}

/**
 * The result of the call.
 *
 * @throws RpcError when the peer answers with one, whatever the HTTP status; NetError `STATUS` for another answer than
 *         2xx, `DECODE` for one that is not the answer to this call
 */
export async function resultOf(reply: Reply, id: RpcId): Promise<unknown> {
  const text = await reply.text();
  const answer = parse(text);
  if (isObject(answer) && isObject(answer['error'])) {
    const { code, message, data } = answer['error'];
    throw new RpcError(typeof code === 'number' ? code : 0, String(message), data);
  }
  if (!reply.ok) throw refused(reply, text);
  if (!isObject(answer) || !('result' in answer)) throw undecodable('is neither a JSON-RPC result nor an error');
  if (answer['id'] !== id)
    throw undecodable(`is to call ${JSON.stringify(answer['id'])}, not to ${JSON.stringify(id)}`);
  return answer['result'];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // said by the caller of this: what is no JSON is no JSON-RPC either
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function refused(reply: Reply, text: string): NetError {
  const { status, statusText, headers } = reply;
  const message = `the answer was ${status} ${statusText}`.trimEnd();
  return new NetError('STATUS', message, { reach: 'answered', status, answer: { headers, text } });
}

function undecodable(what: string): NetError {
  return new NetError('DECODE', `the answer ${what}`, { reach: 'answered', phase: 'body' });
}
