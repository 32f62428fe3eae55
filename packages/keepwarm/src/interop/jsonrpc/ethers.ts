/** ethers 6 over a pool of nodes: its FetchRequest posts through `rpc.fetch`, and repeats nothing by itself. */
import type { RpcClient } from '../../clients/jsonrpc/client.ts';

/** What ethers tells the one who fetches for it. */
export interface EthersAsked {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array | null;
}

/** What ethers calls when the request is cancelled. */
export interface EthersSignal {
  addListener(listener: () => void): void;
}

export interface EthersAnswer {
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** As much of ethers' FetchRequest as is set here. */
export interface EthersRequest {
  getUrlFunc: unknown;
  setThrottleParams(limits: { maxAttempts?: number }): void;
}

/**
 * Has a FetchRequest of ethers go through `rpc`, and switches its repeats off: ethers repeats a 429 up to twelve times,
 * and takes the seconds of Retry-After for milliseconds.
 *
 *     new JsonRpcProvider(ethersRequest(new FetchRequest(url), rpc), network, { staticNetwork: network });
 *
 * @returns the request it was given
 */
export function ethersRequest<T extends EthersRequest>(request: T, rpc: Pick<RpcClient, 'fetch'>): T {
  request.setThrottleParams({ maxAttempts: 1 });
  request.getUrlFunc = async (asked: EthersAsked, signal?: EthersSignal): Promise<EthersAnswer> => {
    const ending = new AbortController();
    signal?.addListener(() => ending.abort());
    const { method, headers, body } = asked;
    const reply = await rpc.fetch(asked.url, { method, headers, body, signal: ending.signal });
    return {
      statusCode: reply.status,
      statusMessage: reply.statusText,
      headers: Object.fromEntries(reply.headers),
      body: new Uint8Array(await reply.arrayBuffer()),
    };
  };
  return request;
}
