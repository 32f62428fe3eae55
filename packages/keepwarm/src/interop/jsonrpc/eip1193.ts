/** The interface of wallets (EIP-1193) over a pool of nodes: what viem's `custom` and ethers' BrowserProvider take. */
import type { RpcClient } from '../../clients/jsonrpc/client.ts';
import { RpcError } from '../../clients/jsonrpc/rpc-error.ts';

/** What it takes to ask: a pool of nodes. */
export type RpcCaller = Pick<RpcClient, 'call'>;

export interface Eip1193Provider {
  request(asked: { readonly method: string; readonly params?: unknown }): Promise<unknown>;
  /** There are no accounts that could change; kept for callers who must be able to listen. */
  on(event: string, listener: (...args: never[]) => void): void;
  removeListener(event: string, listener: (...args: never[]) => void): void;
}

/**
 * A provider over `rpc`, for clients that would rather ask than post. A node's error is thrown with its own code,
 * message and data, by which clients know a revert from a missing method; what the network did stays a NetError.
 *
 * viem: `custom(eip1193(rpc), { retryCount: 0 })`. ethers: `new BrowserProvider(eip1193(rpc), network)`.
 */
export function eip1193(rpc: RpcCaller): Eip1193Provider {
  return {
    async request({ method, params }) {
      try {
        return await rpc.call(method, params);
      } catch (error) {
        throw error instanceof RpcError ? asProviderError(error) : error;
      }
    },
    on() {},
    removeListener() {},
  };
}

function asProviderError(cause: RpcError): Error {
  const { code, message, data } = cause.said;
  return Object.assign(new Error(message, { cause }), { code, ...(data === undefined ? {} : { data }) });
}
