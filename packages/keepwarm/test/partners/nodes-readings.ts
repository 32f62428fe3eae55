/** What viem and ethers ask a chain, each with what its answer tells of the height it is of. */
import { FetchRequest, JsonRpcProvider, Network } from 'ethers';
import { createPublicClient, type Hex, http } from 'viem';
import type { RpcClient } from '../../src/clients/jsonrpc/client.ts';

/** Anvil's. */
export const CHAIN_ID = 31_337;
/** Gets 1 wei from each transaction. */
export const SINK = `0x${'5e'.repeat(20)}` as const;
const ZERO = `0x${'0'.repeat(64)}` as Hex;

export interface Reading {
  readonly what: string;
  /** The height the answer is of, at most. */
  read(): Promise<number>;
}

/** The last block at which the sink has so much. */
type HeightOf = (balance: bigint) => number;

export function viemReadings(rpc: RpcClient, heightOf: HeightOf): Reading[] {
  const transport = http('http://pool.invalid', { fetchFn: rpc.fetch as typeof fetch, retryCount: 0, timeout: 20_000 });
  const client = createPublicClient({ transport, cacheTime: 0 });
  return [
    { what: 'viem getBlockNumber', read: async () => Number(await client.getBlockNumber({ cacheTime: 0 })) },
    { what: 'viem getBlock', read: async () => Number((await client.getBlock()).number) },
    { what: 'viem getBalance', read: async () => heightOf(await client.getBalance({ address: SINK })) },
    {
      what: 'viem getBlock of a number',
      read: async () => {
        const head = await client.getBlockNumber({ cacheTime: 0 });
        const block = await client.getBlock({ blockNumber: head });
        if (block.parentHash === ZERO) throw new Error('the parent of a block is none');
        return Number(block.number);
      },
    },
    {
      what: 'viem call',
      read: async () => {
        await client.call({ to: SINK, data: '0x' });
        return Number(await client.getBlockNumber({ cacheTime: 0 }));
      },
    },
  ];
}

export function ethersReadings(rpc: RpcClient, heightOf: HeightOf): Reading[] {
  const request = new FetchRequest('http://pool.invalid');
  request.getUrlFunc = async ({ url, method, body }, signal) => {
    const caller = new AbortController();
    signal?.addListener(() => caller.abort());
    const reply = await rpc.fetch(url, { method, body: body ?? undefined, signal: caller.signal });
    const headers = Object.fromEntries(reply.headers);
    const bytes = new Uint8Array(await reply.arrayBuffer());
    return { statusCode: reply.status, statusMessage: reply.statusText, headers, body: bytes };
  };
  const network = Network.from(CHAIN_ID);
  const options = { staticNetwork: network, batchMaxCount: 1, cacheTimeout: -1 };
  const provider = new JsonRpcProvider(request, network, options);
  return [
    { what: 'ethers getBlockNumber', read: () => provider.getBlockNumber() },
    { what: 'ethers getBlock', read: async () => (await provider.getBlock('latest'))!.number },
    { what: 'ethers getBalance', read: async () => heightOf(await provider.getBalance(SINK)) },
  ];
}
