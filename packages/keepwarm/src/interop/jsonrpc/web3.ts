/** @solana/web3.js 1 over a pool of nodes. */
import type { RpcClient } from '../../clients/jsonrpc/client.ts';

/** What to spread into the configuration of a Connection. */
export interface Web3Options {
  readonly fetch: typeof globalThis.fetch;
  /** It would repeat a 429 four times, whatever the node said about when. */
  readonly disableRetryOnRateLimit: true;
}

/** `new Connection(url, { commitment, ...web3Options(rpc) })`: its requests and batches go through `rpc`. */
export function web3Options(rpc: Pick<RpcClient, 'fetch'>): Web3Options {
  return { fetch: rpc.fetch as typeof globalThis.fetch, disableRetryOnRateLimit: true };
}
