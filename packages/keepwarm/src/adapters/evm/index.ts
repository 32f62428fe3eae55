/** Ethereum and the chains that speak as it does, as an adapter for JSON-RPC. */
import type { RpcAdapter } from '../../clients/jsonrpc/adapter.ts';
import { ANSWERS, SAMENESS } from './answers.ts';
import { numberOf } from './blocks.ts';
import { classify } from './errors.ts';
import { METHODS } from './methods.ts';
import { evmSubscriptions } from './subscriptions.ts';

/**
 * `intervalMs` 4 s: viem's and ethers' polling interval, a third of a block on Ethereum and two on most rollups.
 * `lagMax` 5 blocks: a minute on Ethereum, ten seconds where blocks take two; eRPC allows 16. Give your chain's own.
 * `heightMsMin` 100: blocks of the fastest chains there are; the pool's own pace is measured on top of it.
 */
export const evm: RpcAdapter = {
  name: 'evm',
  methods: METHODS,
  answers: ANSWERS,
  sameness: SAMENESS,
  costOther: 20,
  classify,
  subscriptions: evmSubscriptions,
  head: {
    method: 'eth_blockNumber',
    params: [],
    read: numberOf,
    intervalMs: 4_000,
    lagMax: 5,
    heightMsMin: 100,
  },
};

export { keccak256 } from './keccak.ts';
export { transactionHash } from './raw-transaction.ts';
