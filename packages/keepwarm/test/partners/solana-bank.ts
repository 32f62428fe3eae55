/**
 * The state of a Solana node over LiteSVM's engine: accounts, slots, blockhashes, what became of transactions. All
 * that is processed is final at once. Blockhashes are ours, one per slot and the same on all nodes, and live for 150
 * slots as on the real network; LiteSVM knows one at a time.
 */
import { createHash } from 'node:crypto';
import { type Address, getTransactionDecoder, type Transaction } from '@solana/kit';
import { FailedTransactionMetadata, LiteSVM, type TransactionMetadata } from 'litesvm';
import { toBase58 } from '../../src/wire/base58.ts';

const SYSTEM_PROGRAM = '11111111111111111111111111111111' as Address;
const BLOCKHASH_SLOTS = 150;

/** `AlreadyProcessed`, or `{ InstructionError: [0, { Custom: 1 }] }`, as nodes write it. */
export type TransactionFailure = string | { readonly InstructionError: readonly [number, unknown] };

export interface Processed {
  readonly slot: number;
  readonly wire: Uint8Array;
  readonly err: TransactionFailure | null;
  readonly logs: readonly string[];
  readonly units: number;
}

export interface Tried {
  readonly err: TransactionFailure | null;
  readonly logs: readonly string[];
  readonly units: number;
}

export const blockhashOf = (slot: number): string => toBase58(createHash('sha256').update(`slot ${slot}`).digest());

export class SolanaBank {
  readonly svm = new LiteSVM().withBlockhashCheck(false);
  /** By signature. */
  readonly processed = new Map<string, Processed>();
  readonly signatures: string[][] = [[]];
  slot = 0;

  /** A new slot with these transactions in it. */
  advance(transactions: readonly Uint8Array[]): void {
    this.slot++;
    this.svm.warpToSlot(BigInt(this.slot));
    const signatures: string[] = [];
    for (const wire of transactions) {
      const signature = toBase58(wire.subarray(1, 65));
      if (this.processed.has(signature)) continue;
      this.processed.set(signature, { slot: this.slot, wire, ...outcomeOf(this.svm.sendTransaction(decoded(wire))) });
      signatures.push(signature);
    }
    this.signatures[this.slot] = signatures;
  }

  isRecent(blockhash: string): boolean {
    for (let slot = this.slot; slot >= Math.max(0, this.slot - BLOCKHASH_SLOTS); slot--) {
      if (blockhashOf(slot) === blockhash) return true;
    }
    return false;
  }

  get lastValidBlockHeight(): number {
    return this.slot + BLOCKHASH_SLOTS;
  }

  /** What would become of it now, without doing it. */
  simulate(wire: Uint8Array): Tried {
    const nothing = { logs: [], units: 0 };
    if (this.processed.has(toBase58(wire.subarray(1, 65)))) return { err: 'AlreadyProcessed', ...nothing };
    if (!this.isRecent(blockhashIn(Uint8Array.from(decoded(wire).messageBytes))))
      return { err: 'BlockhashNotFound', ...nothing };
    return outcomeOf(this.svm.simulateTransaction(decoded(wire)));
  }

  fund(address: Address, lamports: bigint): void {
    const before = this.svm.getBalance(address) ?? 0n;
    const account = { address, executable: false, programAddress: SYSTEM_PROGRAM, space: 0n, data: new Uint8Array() };
    this.svm.setAccount({ ...account, lamports: (before + lamports) as never });
  }
}

/** @throws for what is no transaction */
export function decoded(wire: Uint8Array): Transaction {
  return getTransactionDecoder().decode(wire);
}

/** Behind the header and the account keys of the message (legacy, or version 0 with its prefix). */
export function blockhashIn(message: Uint8Array): string {
  const from = (message[0]! & 0x80) === 0 ? 3 : 4;
  const keys = message[from]!;
  return toBase58(message.subarray(from + 1 + 32 * keys, from + 33 + 32 * keys));
}

interface Simulated {
  meta(): TransactionMetadata;
}

function outcomeOf(result: TransactionMetadata | FailedTransactionMetadata | Simulated): Tried {
  const meta = 'meta' in result ? result.meta() : result;
  const err = result instanceof FailedTransactionMetadata ? failureIn(result.toString()) : null;
  return { err, logs: meta.logs(), units: Number(meta.computeUnitsConsumed()) };
}

/** From `… { err: InstructionError(0, Custom(1)), …`, or `{ err: AlreadyProcessed, …`. */
function failureIn(text: string): TransactionFailure {
  const [, name = 'Unknown', index, kind, code] = /err: (\w+)(?:\((\d+), (\w+)(?:\((\d+)\))?\))?/.exec(text) ?? [];
  if (index === undefined) return name;
  return { InstructionError: [Number(index), code === undefined ? kind : { [kind!]: Number(code) }] };
}
