/** What a Solana node answers, in the shapes of Agave's: results with their context, errors with their codes. */
import type { Address } from '@solana/kit';
import { signatureOf } from '../../src/adapters/solana/wire-transaction.ts';
import { fromBase58 } from '../../src/wire/base58.ts';
import {
  blockhashIn,
  blockhashOf,
  decoded,
  type SolanaBank,
  type TransactionFailure,
  type Tried,
} from './solana-bank.ts';

export class MethodError extends Error {
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

export interface SolanaSite {
  readonly bank: SolanaBank;
  /** Slots behind the chain. */
  behind(): number;
  /** To the chain: it is in the next slot. */
  submit(wire: Uint8Array): void;
  airdrop(address: Address, lamports: bigint): string;
}

type Config = Readonly<Record<string, unknown>>;
type Method = (site: SolanaSite, params: readonly unknown[]) => unknown;

const API_VERSION = '3.0.0';
/** Agave's default: further behind, a node calls itself unhealthy. */
const UNHEALTHY_SLOTS = 128;
const RENT_EXEMPT_EPOCH = 2n ** 64n - 1n;

const configAt = (params: readonly unknown[], index: number): Config => {
  const config = params[index];
  return typeof config === 'object' && config !== null ? (config as Config) : {};
};

const addressOf = (param: unknown): Address => {
  const bytes = typeof param === 'string' ? fromBase58(param) : undefined;
  if (bytes?.length !== 32) throw new MethodError(-32_602, 'Invalid param: WrongSize');
  return param as Address;
};

/** Checks `minContextSlot`, and puts the slot around the value. */
const inContext =
  (configIndex: number, value: Method): Method =>
  (site, params) => {
    const { slot } = site.bank;
    checkSlot(slot, configAt(params, configIndex));
    return { context: { apiVersion: API_VERSION, slot }, value: value(site, params) };
  };

function checkSlot(slot: number, { minContextSlot }: Config): void {
  if (typeof minContextSlot !== 'number' || slot >= minContextSlot) return;
  throw new MethodError(-32_016, 'Minimum context slot has not been reached', { contextSlot: slot });
}

const slotNow: Method = ({ bank }, params) => {
  checkSlot(bank.slot, configAt(params, 0));
  return bank.slot;
};

function account({ bank }: SolanaSite, param: unknown, { encoding }: Config): unknown {
  const found = bank.svm.getAccount(addressOf(param));
  if (!found.exists || found.lamports === 0n) return null;
  const { data, executable, lamports, programAddress: owner } = found;
  const coded = [Buffer.from(data).toString('base64'), 'base64'];
  const space = data.length;
  const shown = encoding === undefined && space === 0 ? '' : coded;
  return { data: shown, executable, lamports: Number(lamports), owner, rentEpoch: RENT_EXEMPT_EPOCH, space };
}

function wireOf([encoded, config]: readonly unknown[]): Uint8Array {
  const { encoding = 'base58' } = typeof config === 'object' && config !== null ? (config as Config) : {};
  const bytes =
    typeof encoded !== 'string'
      ? undefined
      : encoding === 'base64'
        ? Buffer.from(encoded, 'base64')
        : fromBase58(encoded);
  try {
    if (bytes === undefined) throw new TypeError('no text');
    decoded(bytes);
    return bytes;
  } catch {
    throw new MethodError(-32_602, 'failed to deserialize solana_transaction::versioned::VersionedTransaction');
  }
}

const simulated = ({ err, logs, units }: Tried): Config => ({
  accounts: null,
  err,
  innerInstructions: null,
  logs,
  replacementBlockhash: null,
  returnData: null,
  unitsConsumed: units,
});

const WORDS: Readonly<Record<string, string>> = {
  AlreadyProcessed: 'This transaction has already been processed',
  BlockhashNotFound: 'Blockhash not found',
  AccountNotFound: 'Attempt to debit an account but found no record of a prior credit.',
};

function inWords(err: TransactionFailure): string {
  if (typeof err === 'string') return WORDS[err] ?? err;
  const [index, what] = err.InstructionError;
  const custom = (what as { Custom?: number }).Custom;
  const why = custom === undefined ? String(what) : `custom program error: 0x${custom.toString(16)}`;
  return `Error processing Instruction ${index}: ${why}`;
}

const sendTransaction: Method = (site, params) => {
  const wire = wireOf(params);
  const config = configAt(params, 1);
  checkSlot(site.bank.slot, config);
  const signature = signatureOf(params);
  if (signature === undefined) throw new MethodError(-32_003, 'Transaction signature verification failure');
  const tried = site.bank.simulate(wire);
  if (tried.err === 'SignatureFailure') throw new MethodError(-32_003, 'Transaction signature verification failure');
  if (config.skipPreflight !== true && tried.err !== null) {
    throw new MethodError(-32_002, `Transaction simulation failed: ${inWords(tried.err)}`, simulated(tried));
  }
  site.submit(wire);
  return signature;
};

const statuses: Method = ({ bank }, [signatures]) => {
  if (!Array.isArray(signatures)) throw new MethodError(-32_602, 'Invalid params: missing signatures');
  return signatures.map((signature: string) => {
    const found = bank.processed.get(signature);
    if (found === undefined) return null;
    const { slot, err } = found;
    const status = err === null ? { Ok: null } : { Err: err };
    return { slot, confirmations: null, err, status, confirmationStatus: 'finalized' };
  });
};

const blockTime = (slot: number): number => 1_700_000_000 + Math.floor(slot * 0.4);

const transaction: Method = ({ bank }, [signature]) => {
  const found = bank.processed.get(String(signature));
  if (found === undefined) return null;
  const { slot, err, logs, units, wire } = found;
  const meta = { err, fee: 5_000, logMessages: logs, computeUnitsConsumed: units, innerInstructions: [] };
  const encoded = [Buffer.from(wire).toString('base64'), 'base64'];
  return { slot, blockTime: blockTime(slot), meta, transaction: encoded, version: 'legacy' };
};

const block: Method = ({ bank }, [slot]) => {
  if (typeof slot !== 'number') throw new MethodError(-32_602, 'Invalid params: invalid slot');
  if (slot > bank.slot) throw new MethodError(-32_004, `Block not available for slot ${slot}`);
  const around = { blockhash: blockhashOf(slot), parentSlot: slot - 1, previousBlockhash: blockhashOf(slot - 1) };
  return { ...around, blockHeight: slot, blockTime: blockTime(slot), signatures: bank.signatures[slot] ?? [] };
};

const health: Method = (site) => {
  const numSlotsBehind = site.behind();
  if (numSlotsBehind <= UNHEALTHY_SLOTS) return 'ok';
  throw new MethodError(-32_005, `Node is behind by ${numSlotsBehind} slots`, { numSlotsBehind });
};

export const SOLANA_METHODS: Readonly<Record<string, Method>> = {
  getAccountInfo: inContext(1, (site, params) => account(site, params[0], configAt(params, 1))),
  getBalance: inContext(1, ({ bank }, [address]) => Number(bank.svm.getBalance(addressOf(address)) ?? 0n)),
  getBlock: block,
  getBlockHeight: slotNow,
  getBlockTime: (_, [slot]) => blockTime(Number(slot)),
  getEpochInfo: ({ bank }) => {
    const { slot } = bank;
    const epoch = { epoch: Math.floor(slot / 432_000), slotIndex: slot % 432_000, slotsInEpoch: 432_000 };
    return { absoluteSlot: slot, blockHeight: slot, ...epoch, transactionCount: bank.processed.size };
  },
  getFeeForMessage: inContext(1, ({ bank }, [message]) => {
    return bank.isRecent(blockhashIn(Buffer.from(String(message), 'base64'))) ? 5_000 : null;
  }),
  getFirstAvailableBlock: () => 0,
  getGenesisHash: () => blockhashOf(0),
  getHealth: health,
  getIdentity: () => ({ identity: blockhashOf(-1) }),
  getLatestBlockhash: inContext(0, ({ bank }) => {
    const { lastValidBlockHeight } = bank;
    return { blockhash: blockhashOf(bank.slot), lastValidBlockHeight };
  }),
  getMinimumBalanceForRentExemption: ({ bank }, [size]) =>
    Number(bank.svm.minimumBalanceForRentExemption(BigInt(Number(size)))),
  getMultipleAccounts: inContext(1, (site, params) => {
    const [addresses] = params;
    if (!Array.isArray(addresses)) throw new MethodError(-32_602, 'Invalid params: missing addresses');
    return addresses.map((address) => account(site, address, configAt(params, 1)));
  }),
  getRecentPrioritizationFees: ({ bank }) => [{ slot: bank.slot, prioritizationFee: 0 }],
  getSignatureStatuses: inContext(1, statuses),
  getSlot: slotNow,
  getTransaction: transaction,
  getTransactionCount: ({ bank }) => bank.processed.size,
  getVersion: () => ({ 'feature-set': 3_604_001_754, 'solana-core': API_VERSION }),
  isBlockhashValid: inContext(1, ({ bank }, [blockhash]) => bank.isRecent(String(blockhash))),
  requestAirdrop: (site, [address, lamports]) => site.airdrop(addressOf(address), BigInt(Number(lamports))),
  sendTransaction,
  simulateTransaction: inContext(1, ({ bank }, params) => simulated(bank.simulate(wireOf(params)))),
};
