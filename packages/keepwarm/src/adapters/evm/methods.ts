/**
 * What the methods of Ethereum's JSON-RPC mean: `eth_` of the execution API, `debug_` and `trace_`, `net_`, `web3_`,
 * `txpool_`, and what the large providers add under these names. Whatever is not here changes something, for all we
 * know.
 *
 * Costs are Alchemy's compute units of 2026, as providers that count in units use much the same; marked † where it
 * lists none and ours is that of the closest one. What is free there (0) stands as 1, so that no limit is endless.
 */
import type { MethodTraits } from '../../clients/jsonrpc/adapter.ts';
import {
  blockAt,
  fieldOf,
  filterAt,
  headAt,
  heightOfBlock,
  heightOfFees,
  heightOfItem,
  heightOfLast,
  isFinal,
  lastOfFilter,
  numberOf,
  paramOf,
} from './blocks.ts';
import { SENT, SENT_SYNC } from './sent-raw.ts';

type Extra = Omit<MethodTraits, 'kind' | 'cost'>;

/** Traces run a transaction or a block again; geth's own limit is 5 s for each, providers allow a minute and more. */
const TRACE_DEADLINE_MS = 120_000;
const LOGS_DEADLINE_MS = 60_000;
/** How long an answer about the head may be kept by who wants that, in ms: half of the usual fast block. */
const HEAD_MS = 1_000;
const FOREVER = Number.POSITIVE_INFINITY;

const is = (result: unknown): boolean => result !== null && result !== undefined;
const read = (cost: number, extra: Extra = {}): MethodTraits => ({ kind: 'read', cost, ...extra });
const fixed = (cost: number): MethodTraits => read(cost, { freshness: 'fixed', cacheMs: FOREVER });
const ofNode = (cost: number, cacheMs = 0): MethodTraits => read(cost, { freshness: 'node', cacheMs });
const local = (cost: number): MethodTraits => ({ kind: 'local', cost, freshness: 'node' });
const write = (cost: number): MethodTraits => ({ kind: 'write', cost });

/** About one block, named by the param at this index; kept once that lies deep enough. */
function atBlock(cost: number, index: number, extra: Extra = {}): MethodTraits {
  const need = blockAt(index);
  return read(cost, {
    heightNeeded: need,
    pinned: (params) => need(params) !== undefined,
    atHeight: headAt(index),
    cacheMs: FOREVER,
    mayKeep: (result, params, head) => is(result) && isFinal(need(params), head),
    ...extra,
  });
}

/** Named by a hash: whether it is there depends on the head; what it says is final when its block is. */
function byHash(cost: number, heightSeen: (result: unknown) => number | undefined, extra: Extra = {}): MethodTraits {
  const mayKeep = (result: unknown, _: unknown, head?: number): boolean => isFinal(heightSeen(result), head);
  return read(cost, { heightSeen, cacheMs: FOREVER, mayKeep, ...extra });
}

/** Of a block named by its hash, which says all about it. */
const ofBlockHash = (cost: number, extra: Extra = {}): MethodTraits =>
  read(cost, { cacheMs: FOREVER, mayKeep: is, ...extra });

/** The block at this index may be left out, and is the head then. */
const orHead = (index: number): Extra => ({ atHeight: headAt(index, true) });

const traced = { deadlineMs: TRACE_DEADLINE_MS };
const filtered: Extra = {
  heightNeeded: lastOfFilter,
  pinned: (params) => lastOfFilter(params) !== undefined,
  heightSeen: heightOfLast,
  atHeight: filterAt(),
  cacheMs: FOREVER,
  mayKeep: (result, params, head) =>
    Array.isArray(result) &&
    (isFinal(lastOfFilter(params), head) || (is(fieldOf(paramOf(params, 0), 'blockHash')) && result.length > 0)),
  deadlineMs: LOGS_DEADLINE_MS,
};

const CHAIN: Readonly<Record<string, MethodTraits>> = {
  eth_chainId: fixed(1),
  net_version: fixed(1),
  web3_sha3: fixed(20),
  eth_blockNumber: read(10, { heightSeen: numberOf, cacheMs: HEAD_MS }),
  eth_getBlockByNumber: atBlock(20, 0, { heightSeen: heightOfBlock }),
  eth_getBlockByHash: ofBlockHash(20, { heightSeen: heightOfBlock }),
  eth_getHeaderByNumber: atBlock(20 /* † */, 0, { heightSeen: heightOfBlock }),
  eth_getHeaderByHash: ofBlockHash(20 /* † */, { heightSeen: heightOfBlock }),
  eth_getBlockReceipts: atBlock(20, 0, { heightSeen: heightOfLast }),
  eth_getBlockTransactionCountByNumber: atBlock(20, 0),
  eth_getBlockTransactionCountByHash: ofBlockHash(20),
  eth_getUncleCountByBlockNumber: atBlock(20, 0),
  eth_getUncleCountByBlockHash: ofBlockHash(20),
  eth_getUncleByBlockNumberAndIndex: atBlock(20, 0),
  eth_getUncleByBlockHashAndIndex: ofBlockHash(20),
  eth_getTransactionByHash: byHash(20, heightOfItem),
  eth_getTransactionByBlockNumberAndIndex: atBlock(20, 0, { heightSeen: heightOfItem }),
  eth_getTransactionByBlockHashAndIndex: ofBlockHash(20, { heightSeen: heightOfItem }),
  eth_getTransactionReceipt: byHash(20, heightOfItem),
  eth_getRawTransactionByHash: read(20 /* † */),
  eth_getLogs: read(60, { ...filtered, atHeight: filterAt(true) }),
};

const STATE: Readonly<Record<string, MethodTraits>> = {
  eth_getBalance: atBlock(20, 1),
  eth_getCode: atBlock(20, 1),
  eth_getTransactionCount: atBlock(20, 1),
  eth_getStorageAt: atBlock(20, 2),
  eth_getProof: atBlock(20, 2),
  eth_getAccount: atBlock(20, 1),
  eth_call: atBlock(26, 1, orHead(1)),
  eth_callMany: read(20),
  eth_estimateGas: atBlock(20, 1),
  eth_createAccessList: atBlock(10, 1),
  eth_simulateV1: atBlock(40, 1),
  eth_gasPrice: read(20, { cacheMs: HEAD_MS }),
  eth_maxPriorityFeePerGas: read(10, { cacheMs: HEAD_MS }),
  eth_blobBaseFee: read(10, { cacheMs: HEAD_MS }),
  eth_feeHistory: atBlock(10, 1, { heightSeen: heightOfFees }),
};

const TRACES: Readonly<Record<string, MethodTraits>> = {
  debug_traceTransaction: read(40, traced),
  debug_traceCall: atBlock(40, 1, { ...traced, ...orHead(1) }),
  debug_traceBlockByNumber: atBlock(40, 0, traced),
  debug_traceBlockByHash: ofBlockHash(40, traced),
  debug_getRawBlock: atBlock(20 /* † */, 0),
  debug_getRawHeader: atBlock(20 /* † */, 0),
  debug_getRawReceipts: atBlock(20 /* † */, 0),
  debug_getRawTransaction: read(20 /* † */),
  debug_storageRangeAt: ofBlockHash(40 /* † */, traced),
  trace_block: atBlock(20, 0, { heightSeen: heightOfLast, ...traced }),
  trace_call: atBlock(40, 2, { ...traced, ...orHead(2) }),
  trace_callMany: atBlock(40 /* † */, 1, traced),
  trace_filter: read(40, { ...filtered, ...traced }),
  trace_get: byHash(20, heightOfItem),
  trace_rawTransaction: read(40, traced),
  trace_replayTransaction: read(40, traced),
  trace_replayBlockTransactions: atBlock(40, 0, traced),
  trace_transaction: byHash(40, heightOfLast, traced),
};

/** Sent raw, a transaction has one hash however often it comes. The others are made by the node, anew each time. */
const WRITES: Readonly<Record<string, MethodTraits>> = {
  eth_sendRawTransaction: { ...write(40), ...SENT },
  /** EIP-7966: waits for the receipt, and answers with it. */
  eth_sendRawTransactionSync: { ...write(40), ...SENT_SYNC },
  eth_sendRawTransactionConditional: { ...write(40 /* † */), ...SENT },
  eth_sendPrivateTransaction: write(40 /* † */),
  eth_sendBundle: write(40 /* † */),
  eth_sendTransaction: write(40 /* † */),
};

const NODE: Readonly<Record<string, MethodTraits>> = {
  eth_syncing: ofNode(1),
  eth_protocolVersion: ofNode(1),
  eth_accounts: ofNode(10),
  eth_coinbase: ofNode(10 /* † */),
  eth_mining: ofNode(10 /* † */),
  eth_hashrate: ofNode(10 /* † */),
  eth_config: ofNode(10 /* † */),
  net_listening: ofNode(1),
  net_peerCount: ofNode(10 /* † */),
  web3_clientVersion: ofNode(20, 60_000),
  rpc_modules: ofNode(10 /* † */, 60_000),
  txpool_status: ofNode(20 /* † */),
  txpool_content: ofNode(60 /* † */),
  txpool_contentFrom: ofNode(20 /* † */),
  txpool_inspect: ofNode(60 /* † */),
};

/** Filters and subscriptions live on the node they were made on; keys too. */
const LOCAL: Readonly<Record<string, MethodTraits>> = {
  eth_newFilter: local(20),
  eth_newBlockFilter: local(20),
  eth_newPendingTransactionFilter: local(20),
  eth_getFilterChanges: local(20),
  eth_getFilterLogs: local(60),
  eth_uninstallFilter: local(10),
  eth_subscribe: local(10),
  eth_unsubscribe: local(10),
  eth_sign: local(20 /* † */),
  eth_signTransaction: local(20 /* † */),
  eth_signTypedData: local(20 /* † */),
  eth_signTypedData_v4: local(20 /* † */),
  eth_fillTransaction: local(20 /* † */),
};

export const METHODS: Readonly<Record<string, MethodTraits>> = {
  ...CHAIN,
  ...STATE,
  ...TRACES,
  ...WRITES,
  ...NODE,
  ...LOCAL,
};
