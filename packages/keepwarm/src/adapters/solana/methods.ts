/**
 * What the methods of Solana's JSON-RPC mean: all of Agave 3's, the digital-asset methods that several providers
 * offer, and Jito's. Whatever is not here changes something, for all we know.
 *
 * Costs are Helius' credits of 2026: 1, or 10 for what reads the archive or scans accounts. Most other providers count
 * calls, and have tighter limits for the same methods. Marked † where it lists none and ours is that of the closest.
 */
import type { MethodTraits, WriteProof } from '../../clients/jsonrpc/adapter.ts';
import { contextSlot, fieldOf, isFinalized, minContextSlot, slotAsked, slotField, slotOf } from './slots.ts';
import { signatureOf } from './wire-transaction.ts';

type Extra = Omit<MethodTraits, 'kind' | 'cost'>;

const FOREVER = Number.POSITIVE_INFINITY;
/** One slot, in ms: how long an answer about the head may be kept by who wants that. */
const SLOT_MS = 400;
const MINUTE_MS = 60_000;
/** Scans of all accounts of a program take nodes half a minute and more. */
const SCAN_DEADLINE_MS = 60_000;
const SCAN = 10;
const ARCHIVE = 10;

const is = (result: unknown): boolean => result !== null && result !== undefined;
const read = (cost: number, extra: Extra = {}): MethodTraits => ({ kind: 'read', cost, ...extra });
const fixed = (cacheMs: number): MethodTraits => read(1, { freshness: 'fixed', cacheMs });
const ofNode = (cacheMs = 0): MethodTraits => read(1, { freshness: 'node', cacheMs });
const local = (): MethodTraits => ({ kind: 'local', freshness: 'node' });

/** Answers with the slot it looked at, and may be asked for a slot at least. */
const inContext = (cost: number, extra: Extra = {}): MethodTraits =>
  read(cost, { heightNeeded: minContextSlot, heightSeen: contextSlot, ...extra });
/** May be asked for a slot at least, and does not tell which it looked at. */
const atLeast = (cost: number, extra: Extra = {}): MethodTraits =>
  read(cost, { heightNeeded: minContextSlot, ...extra });

/** About one slot, named by the first param: the same for ever once it is there and final. */
const ofSlot = (cost: number, extra: Extra = {}): MethodTraits =>
  read(cost, { heightNeeded: slotAsked, pinned: () => true, cacheMs: FOREVER, mayKeep: is, ...extra });

const ACCOUNTS: Readonly<Record<string, MethodTraits>> = {
  getAccountInfo: inContext(1),
  getBalance: inContext(1),
  getMultipleAccounts: inContext(1),
  getProgramAccounts: inContext(SCAN, { deadlineMs: SCAN_DEADLINE_MS }),
  getLargestAccounts: read(SCAN /* † */, { heightSeen: contextSlot, deadlineMs: SCAN_DEADLINE_MS }),
  getMinimumBalanceForRentExemption: fixed(60 * MINUTE_MS), // the same on all nodes, changed by feature
  getSupply: read(1, { heightSeen: contextSlot, cacheMs: 10_000, deadlineMs: SCAN_DEADLINE_MS }),
  getTokenAccountBalance: inContext(1),
  getTokenAccountsByDelegate: inContext(1, { deadlineMs: SCAN_DEADLINE_MS }),
  getTokenAccountsByOwner: inContext(1, { deadlineMs: SCAN_DEADLINE_MS }),
  getTokenLargestAccounts: inContext(1, { deadlineMs: SCAN_DEADLINE_MS }),
  getTokenSupply: inContext(1),
};

const LEDGER: Readonly<Record<string, MethodTraits>> = {
  getBlock: ofSlot(ARCHIVE, { mayKeep: (result, params) => is(result) && isFinalized(params, 1) }),
  getBlockTime: ofSlot(ARCHIVE),
  getBlockCommitment: ofSlot(1, { cacheMs: 0 }),
  getBlocks: read(ARCHIVE),
  getBlocksWithLimit: read(ARCHIVE),
  getBlockHeight: atLeast(1, { cacheMs: SLOT_MS }),
  getBlockProduction: inContext(1),
  getSlot: atLeast(1, { heightSeen: slotOf, cacheMs: SLOT_MS }),
  getTransaction: read(ARCHIVE, {
    heightSeen: slotField('slot'),
    cacheMs: FOREVER,
    mayKeep: (result, params) => is(result) && isFinalized(params, 1),
  }),
  getTransactionCount: atLeast(1),
  getSignatureStatuses: read(1, { heightSeen: contextSlot }),
  getSignaturesForAddress: atLeast(ARCHIVE),
  getFirstAvailableBlock: ofNode(),
  minimumLedgerSlot: ofNode(),
};

const CHAIN: Readonly<Record<string, MethodTraits>> = {
  getGenesisHash: fixed(FOREVER),
  getEpochSchedule: fixed(FOREVER),
  getEpochInfo: atLeast(1, { heightSeen: slotField('absoluteSlot'), cacheMs: SLOT_MS }),
  getLatestBlockhash: inContext(1, { cacheMs: SLOT_MS }),
  isBlockhashValid: inContext(1),
  getFeeForMessage: inContext(1),
  getRecentPrioritizationFees: read(1, { cacheMs: SLOT_MS }),
  getRecentPerformanceSamples: read(1, { cacheMs: MINUTE_MS }),
  getInflationGovernor: read(1, { cacheMs: MINUTE_MS }),
  getInflationRate: read(1, { cacheMs: MINUTE_MS }),
  getInflationReward: atLeast(ARCHIVE),
  getLeaderSchedule: read(1),
  getSlotLeader: atLeast(1, { cacheMs: SLOT_MS }),
  getSlotLeaders: read(1),
  getStakeMinimumDelegation: inContext(1),
  getVoteAccounts: read(1),
  getClusterNodes: ofNode(MINUTE_MS),
  getHealth: ofNode(),
  getHighestSnapshotSlot: ofNode(),
  getIdentity: ofNode(MINUTE_MS),
  getMaxRetransmitSlot: ofNode(),
  getMaxShredInsertSlot: ofNode(),
  getVersion: ofNode(MINUTE_MS),
};

/** Of a transaction that was refused at length, such as for its blockhash, which is too old by then. */
const LANDED: WriteProof = {
  method: 'getSignatureStatuses',
  params: (signature) => [[signature], { searchTransactionHistory: true }],
  stands: (result) => {
    const statuses = fieldOf(result, 'value');
    return Array.isArray(statuses) && is(statuses[0]);
  },
  mayStand: ({ message }) => !MALFORMED.test(typeof message === 'string' ? message : ''),
};
/** What is wrong with a transaction in itself: none that was taken is told so. */
const MALFORMED = /signature verification|too large|base58|base64|decod|deserializ|sanitiz|invalid param/i;

const TRANSACTIONS: Readonly<Record<string, MethodTraits>> = {
  /** The node sends it on until its blockhash is too old; the same bytes have the same signature, and count once. */
  sendTransaction: { kind: 'write', cost: 1, heightNeeded: minContextSlot, writeId: signatureOf, proof: LANDED },
  requestAirdrop: { kind: 'write', cost: 1 },
  simulateTransaction: inContext(1),
  sendBundle: { kind: 'write', cost: 1 /* † */ },
  simulateBundle: inContext(1),
  getBundleStatuses: read(1 /* † */, { heightSeen: contextSlot }),
  getInflightBundleStatuses: read(1 /* † */, { heightSeen: contextSlot }),
  getTipAccounts: read(1 /* † */, { freshness: 'node', cacheMs: MINUTE_MS }),
  getPriorityFeeEstimate: read(1),
};

const ASSETS: readonly string[] = [
  'getAsset',
  'getAssetBatch',
  'getAssetProof',
  'getAssetProofBatch',
  'getAssetsByAuthority',
  'getAssetsByCreator',
  'getAssetsByGroup',
  'getAssetsByOwner',
  'getNftEditions',
  'getSignaturesForAsset',
  'getTokenAccounts',
  'searchAssets',
];

const SUBSCRIPTIONS: readonly string[] = ['account', 'block', 'logs', 'program', 'root', 'signature', 'slot'].concat(
  'slotsUpdates',
  'vote',
);

export const METHODS: Readonly<Record<string, MethodTraits>> = {
  ...ACCOUNTS,
  ...LEDGER,
  ...CHAIN,
  ...TRANSACTIONS,
  ...Object.fromEntries(ASSETS.map((method) => [method, read(SCAN)])),
  ...Object.fromEntries(
    SUBSCRIPTIONS.flatMap((topic) => [
      [`${topic}Subscribe`, local()],
      [`${topic}Unsubscribe`, local()],
    ]),
  ),
};
