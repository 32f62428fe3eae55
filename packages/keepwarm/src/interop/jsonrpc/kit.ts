/** @solana/kit over a pool of nodes: a transport that asks instead of posting. kit repeats nothing by itself. */
import { RpcError } from '../../clients/jsonrpc/rpc-error.ts';
import type { RpcCaller } from './eip1193.ts';

/** As kit hands it to transports. */
export interface KitAsked {
  readonly payload: unknown;
  readonly signal?: AbortSignal | undefined;
}

interface Payload {
  readonly id: unknown;
  readonly method: string;
  readonly params?: unknown;
}

/**
 * A transport over `rpc`: `createSolanaRpcFromTransport(kitTransport(rpc))`. A node's error is handed back as the
 * answer it is, so kit throws its own SolanaError for it. Make `rpc` with `bigints: 'exact'`: kit speaks in bigints.
 */
export function kitTransport(rpc: RpcCaller): <T>(asked: KitAsked) => Promise<T> {
  return async <T>({ payload, signal }: KitAsked): Promise<T> => {
    const { id, method, params } = payload as Payload;
    const answer = { jsonrpc: '2.0', id };
    try {
      return { ...answer, result: await rpc.call(method, params, { signal }) } as T;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      return { ...answer, error: error.said } as T;
    }
  };
}
