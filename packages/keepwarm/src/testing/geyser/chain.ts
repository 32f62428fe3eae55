/**
 * A chain made up from a seed: the same seed and the same calls give the same slots, addresses and bytes. Only
 * `created_at` is the time it happened.
 *
 * Each slot is told as a validator tells it: first shred, bank, what happens in it, block meta, completed, processed;
 * then an earlier slot is confirmed, and a much earlier one finalized.
 */
import { Buffer } from 'node:buffer';
import { create } from '@bufbuild/protobuf';
import type { Clock } from '../../core/clock.ts';
import { toBase58 } from '../../wire/base58.ts';
import {
  SlotStatus,
  type SubscribeUpdateAccount,
  type SubscribeUpdateAccountInfo,
  SubscribeUpdateBlockMetaSchema,
  SubscribeUpdateSlotSchema,
  type SubscribeUpdateTransactionInfo,
  SubscribeUpdateTransactionInfoSchema,
} from '../../wire/geyser/generated/geyser_pb.js';
import { accountEvent, blockMetaEvent, type GeyserEvent, slotEvent, transactionEvent } from './events.ts';
import type { ChainOptions } from './options.ts';

/** What of an account is said by hand; the rest is made up. */
export type AccountInit = Partial<Omit<SubscribeUpdateAccountInfo, '$typeName' | '$unknown'>>;
export type TransactionInit = Partial<Omit<SubscribeUpdateTransactionInfo, '$typeName' | '$unknown'>>;

/** A slot that has been processed. */
export interface Block {
  readonly slot: bigint;
  readonly blockhash: string;
  readonly height: bigint;
}

/** Blockhashes are good for this many blocks. */
const VALID_BLOCKS = 150n;
/** Of accounts that pay no rent. */
const RENT_EPOCH = 2n ** 64n - 1n;
const LAMPORTS_PER_SIGNATURE = 5_000n;

export class Chain {
  /** Addresses that generated updates are about, and the programs that own them, as filters name them. */
  readonly accounts: readonly string[];
  readonly owners: readonly string[];
  readonly #accounts: readonly Buffer[];
  readonly #owners: readonly Buffer[];
  readonly #options: ChainOptions;
  readonly #clock: Clock;
  readonly #told: (event: GeyserEvent) => void;
  readonly #draw: Draw;
  /** The last processed slots, newest last. */
  #blocks: Block[] = [];
  /** By slot: what is to be confirmed and finalized. */
  readonly #parents = new Map<bigint, bigint>();
  #open: bigint;
  #begun = false;
  #writes = 0n;
  #index = 0n;

  constructor(options: ChainOptions, clock: Clock, told: (event: GeyserEvent) => void) {
    this.#options = options;
    this.#clock = clock;
    this.#told = told;
    this.#draw = new Draw(options.seed);
    this.#owners = Array.from({ length: options.owners }, () => this.#draw.bytes(32));
    this.#accounts = Array.from({ length: options.accounts }, () => this.#draw.bytes(32));
    this.accounts = this.#accounts.map(toBase58);
    this.owners = this.#owners.map(toBase58);
    this.#open = BigInt(options.firstSlot);
    this.#blocks.push(this.#block(this.#open - 1n, 1n));
  }

  /** The slot that things happen in now. */
  get slot(): bigint {
    return this.#open;
  }

  /** The newest slot that is processed, confirmed or finalized, `behind` blocks back. */
  head(behind = 0): Block {
    return this.#blocks.at(-1 - behind) ?? this.#blocks[0]!;
  }

  isValid(blockhash: string): boolean {
    const block = this.#blocks.find((each) => each.blockhash === blockhash);
    return block !== undefined && this.head().height - block.height <= VALID_BLOCKS;
  }

  /** Ends the open slot, generated updates first, and opens the next. */
  advance(): void {
    const { accountsPerSlot, transactionsPerSlot } = this.#options;
    this.#begin();
    for (let i = 0; i < transactionsPerSlot; i++) this.transaction();
    for (let i = 0; i < accountsPerSlot; i++) this.account();
    const slot = this.#open;
    const parent = this.head();
    const block = this.#block(slot, parent.height + 1n);
    const { blockhash } = block;
    const times = { blockTime: { timestamp: BigInt(Math.floor(this.#clock.wall() / 1_000)) } };
    this.#tell(
      blockMetaEvent(
        create(SubscribeUpdateBlockMetaSchema, {
          ...{ slot, blockhash, ...times, blockHeight: { blockHeight: block.height } },
          ...{ parentSlot: parent.slot, parentBlockhash: parent.blockhash, executedTransactionCount: this.#index },
        }),
        this.#clock.wall(),
      ),
    );
    this.#status(slot, parent.slot, SlotStatus.SLOT_COMPLETED);
    this.#blocks.push(block);
    this.#parents.set(slot, parent.slot);
    this.#status(slot, parent.slot, SlotStatus.SLOT_PROCESSED);
    this.#settle();
    this.#next();
  }

  /** Leaves the open slot without a block, as a leader does who is away. What has happened in it is lost. */
  skip(): void {
    if (this.#begun) this.#status(this.#open, undefined, SlotStatus.SLOT_DEAD);
    this.#next();
  }

  /** An account is written in the open slot. */
  account(init: AccountInit = {}): void {
    this.#begin();
    const draw = this.#draw;
    const at = draw.below(this.#accounts.length);
    const writeVersion = ++this.#writes;
    // Written out, not created from its description: there are many of them.
    const info: SubscribeUpdateAccountInfo = {
      $typeName: 'geyser.SubscribeUpdateAccountInfo',
      pubkey: this.#accounts[at]!,
      lamports: BigInt(draw.below(1_000_000_000)),
      owner: this.#owners[at % this.#owners.length]!,
      executable: false,
      rentEpoch: RENT_EPOCH,
      data: init.data ?? this.#data(writeVersion),
      writeVersion,
      txnSignature: draw.bytes(64),
      ...init,
    };
    const value: SubscribeUpdateAccount = {
      $typeName: 'geyser.SubscribeUpdateAccount',
      account: info,
      slot: this.#open,
      isStartup: false,
    };
    this.#tell(accountEvent(value, this.#clock.wall()));
  }

  /** A transaction is executed in the open slot. */
  transaction(init: TransactionInit = {}): void {
    this.#begin();
    const draw = this.#draw;
    const { voteShare, failedShare } = this.#options;
    const signature = draw.bytes(64);
    const failed = draw.next() < failedShare;
    const accountKeys = [0, 1, 2].map(() => this.#accounts[draw.below(this.#accounts.length)]!);
    const instruction = { programIdIndex: 3, accounts: Uint8Array.of(0, 1, 2), data: draw.bytes(16) };
    const message = {
      header: { numRequiredSignatures: 1, numReadonlySignedAccounts: 0, numReadonlyUnsignedAccounts: 1 },
      accountKeys: [...accountKeys, this.#owners[draw.below(this.#owners.length)]!],
      recentBlockhash: draw.bytes(32),
      instructions: [instruction],
    };
    const balances = accountKeys.map(() => BigInt(draw.below(1_000_000_000)));
    const info = create(SubscribeUpdateTransactionInfoSchema, {
      signature,
      isVote: draw.next() < voteShare,
      transaction: { signatures: [signature], message },
      meta: {
        ...(failed && { err: { err: Uint8Array.of(8, 0, 0, 0, 0, 25, 0, 0, 0, 1, 0, 0, 0) } }),
        ...{ fee: LAMPORTS_PER_SIGNATURE, preBalances: [...balances, 1n], postBalances: [...balances, 1n] },
        logMessages: [`Program ${this.owners[0]} invoke [1]`, `Program ${this.owners[0]} success`],
        computeUnitsConsumed: BigInt(draw.below(200_000)),
      },
      index: this.#index++,
    });
    Object.assign(info, init);
    this.#tell(transactionEvent(info, this.#open, this.#clock.wall()));
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#status(this.#open, this.head().slot, SlotStatus.SLOT_FIRST_SHRED_RECEIVED);
    this.#status(this.#open, this.head().slot, SlotStatus.SLOT_CREATED_BANK);
  }

  #next(): void {
    this.#open++;
    this.#begun = false;
    this.#index = 0n;
  }

  /** Later statuses of earlier slots: each block that is so far back, once. */
  #settle(): void {
    const { confirmAfter, finalizeAfter } = this.#options;
    for (const [behind, status] of [
      [confirmAfter, SlotStatus.SLOT_CONFIRMED],
      [finalizeAfter, SlotStatus.SLOT_FINALIZED],
    ] as const) {
      const slot = this.#blocks.at(-1 - behind)?.slot;
      const parent = slot === undefined ? undefined : this.#parents.get(slot);
      if (slot !== undefined && parent !== undefined) this.#status(slot, parent, status);
    }
    const keep = Math.max(Number(VALID_BLOCKS), finalizeAfter) + 2;
    for (const { slot } of this.#blocks.splice(0, this.#blocks.length - keep)) this.#parents.delete(slot);
  }

  #status(slot: bigint, parent: bigint | undefined, status: SlotStatus): void {
    const value = create(SubscribeUpdateSlotSchema, { slot, status, ...(parent !== undefined && { parent }) });
    this.#tell(slotEvent(value, this.#clock.wall()));
  }

  #tell(event: GeyserEvent): void {
    this.#told(event);
  }

  #block(slot: bigint, height: bigint): Block {
    return { slot, height, blockhash: toBase58(this.#draw.bytes(32)) };
  }

  /** Bytes that differ from write to write in their first eight only: the rest need not be drawn anew. */
  #data(write: bigint): Buffer {
    const data = Buffer.alloc(this.#options.accountBytes, DATA);
    if (data.length >= 8) data.writeBigUInt64LE(write);
    return data;
  }
}

const DATA = Buffer.from(Array.from({ length: 251 }, (_, i) => (i * 7 + 13) % 256));

/** Numbers from a seed: mulberry32, by Tommy Ettinger (2017), which passes for random and is short. */
class Draw {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    return this.#word() / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(Math.ceil(length / 4) * 4);
    for (let at = 0; at < length; at += 4) bytes.writeUInt32LE(this.#word(), at);
    return bytes.subarray(0, length);
  }

  #word(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let word = this.#state;
    word = Math.imul(word ^ (word >>> 15), word | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return (word ^ (word >>> 14)) >>> 0;
  }
}
