/**
 * What answers of Ethereum nodes mean beside those of others. A thing that is named by a hash or number and is not
 * there is `null`, or `0x` where it would be bytes; what an index names within a block may well not be there.
 *
 * Source: the execution API specification; geth's `internal/ethapi`, whose nodes forget where old transactions are.
 */
import type { AnswerTable, AnswerTraits, Emptiness } from '../../clients/jsonrpc/answer-traits.ts';
import type { Sameness } from '../../clients/jsonrpc/sameness.ts';
import { blockAt, lastOfFilter, paramOf, rangeOfFilter, withRange } from './blocks.ts';
import { tooMuchIn } from './too-much.ts';

const isHash = (param: unknown): boolean => typeof param === 'string' && param.length === 66;
const namesBlock = (params: unknown): boolean => isHash(paramOf(params, 0)) || blockAt(0)(params) !== undefined;
const isAbsent = (result: unknown): boolean => result === null || result === '0x';
const absent = (result: unknown): Emptiness | undefined => (isAbsent(result) ? 'absent' : undefined);

const byHash: AnswerTraits = { empty: absent };
/** By number or hash. A tag may name what there is none of, such as `pending` and, soon after a start, `finalized`. */
const byBlock: AnswerTraits = { empty: (result, params) => (namesBlock(params) ? absent(result) : undefined) };
/** Up to the head or in one block, a node knows what it says. Beyond its own head, older ones find nothing. */
const search: AnswerTraits = {
  empty: (result, params) =>
    Array.isArray(result) && result.length === 0 && lastOfFilter(params) !== undefined ? 'none' : undefined,
  range: { of: rangeOfFilter, with: withRange, tooMuch: tooMuchIn },
};

export const ANSWERS: AnswerTable = {
  eth_getBlockByHash: byHash,
  eth_getBlockByNumber: byBlock,
  eth_getBlockReceipts: byBlock,
  eth_getBlockTransactionCountByHash: byHash,
  eth_getBlockTransactionCountByNumber: byBlock,
  eth_getHeaderByHash: byHash,
  eth_getHeaderByNumber: byBlock,
  eth_getLogs: search,
  eth_getRawTransactionByHash: byHash,
  eth_getTransactionByHash: byHash,
  eth_getTransactionReceipt: byHash,
  debug_getRawTransaction: byHash,
  trace_filter: search,
  trace_transaction: byHash,
};

/**
 * `totalDifficulty` and `size` are gone from some nodes, `blockTimestamp` of logs and `yParity` are only in some, the
 * others are Parity's and Clique's.
 */
export const SAMENESS: Sameness = {
  ignored: new Set(['totalDifficulty', 'size', 'blockTimestamp', 'yParity', 'author', 'sealFields']),
  hex: true,
  quantities: new Set([
    'eth_blobBaseFee',
    'eth_blockNumber',
    'eth_chainId',
    'eth_estimateGas',
    'eth_gasPrice',
    'eth_getBalance',
    'eth_getBlockTransactionCountByHash',
    'eth_getBlockTransactionCountByNumber',
    'eth_getStorageAt',
    'eth_getTransactionCount',
    'eth_maxPriorityFeePerGas',
  ]),
};
