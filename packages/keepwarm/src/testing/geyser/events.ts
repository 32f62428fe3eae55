/**
 * What happens on the chain of a test server, each thing once: what filters look at, and the bytes of its update, which
 * are made at most once however many subscriptions get it. On the wire an update is the names of the filters that
 * matched, then these bytes: fields of a message may stand in any order and in two parts.
 */
import { Buffer } from 'node:buffer';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type SlotStatus,
  type SubscribeUpdate,
  type SubscribeUpdateAccount,
  type SubscribeUpdateAccountInfo,
  type SubscribeUpdateBlockMeta,
  SubscribeUpdateSchema,
  type SubscribeUpdateSlot,
  type SubscribeUpdateTransactionInfo,
  SubscribeUpdateTransactionStatusSchema,
} from '../../wire/geyser/generated/geyser_pb.js';
import { accountBytes } from './account-bytes.ts';

type Update = SubscribeUpdate['updateOneof'];

/** A part of an account's data that is asked for. */
export interface DataSlice {
  readonly offset: number;
  readonly length: number;
}

export interface SlotEvent {
  readonly kind: 'slot';
  readonly slot: bigint;
  readonly status: SlotStatus;
  readonly body: Encoded;
}

export interface AccountEvent {
  readonly kind: 'account';
  readonly slot: bigint;
  readonly pubkey: string;
  readonly owner: string;
  readonly info: SubscribeUpdateAccountInfo;
  readonly body: Encoded;
  /** With only parts of its data; `key` tells those of one subscription from those of another. */
  sliced(key: string, slices: readonly DataSlice[]): Encoded;
}

export interface TransactionEvent {
  readonly kind: 'transaction';
  readonly slot: bigint;
  readonly info: SubscribeUpdateTransactionInfo;
  readonly signature: string;
  readonly failed: boolean;
  readonly keys: ReadonlySet<string>;
  readonly body: Encoded;
  /** As a subscription to statuses gets it. */
  readonly statusBody: Encoded;
}

export interface BlockMetaEvent {
  readonly kind: 'blockMeta';
  readonly slot: bigint;
  readonly body: Encoded;
}

export type GeyserEvent = SlotEvent | AccountEvent | TransactionEvent | BlockMetaEvent;

/** Bytes that are made when somebody wants them, once. */
export class Encoded {
  #make: (() => Buffer) | undefined;
  #bytes: Buffer | undefined;

  constructor(make: () => Buffer) {
    this.#make = make;
  }

  get bytes(): Buffer {
    const bytes = (this.#bytes ??= this.#make?.());
    this.#make = undefined;
    return bytes!;
  }
}

/** Bytes as a key of sets: one character each. */
export const keyOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

function encoded(updateOneof: Update, wallMs: number): Encoded {
  return new Encoded(() => {
    const update = create(SubscribeUpdateSchema, { updateOneof, createdAt: timestampFromMs(wallMs) });
    return Buffer.from(toBinary(SubscribeUpdateSchema, update));
  });
}

export function slotEvent(value: SubscribeUpdateSlot, wallMs: number): SlotEvent {
  return { kind: 'slot', slot: value.slot, status: value.status, body: encoded({ case: 'slot', value }, wallMs) };
}

export function blockMetaEvent(value: SubscribeUpdateBlockMeta, wallMs: number): BlockMetaEvent {
  return { kind: 'blockMeta', slot: value.slot, body: encoded({ case: 'blockMeta', value }, wallMs) };
}

export function accountEvent(value: SubscribeUpdateAccount, wallMs: number): AccountEvent {
  const info = value.account!;
  let lastKey: string | undefined;
  let last: Encoded | undefined;
  return {
    kind: 'account',
    slot: value.slot,
    pubkey: keyOf(info.pubkey),
    owner: keyOf(info.owner),
    info,
    body: new Encoded(() => accountBytes(info, value.slot, value.isStartup, wallMs)),
    sliced(key, slices) {
      if (key === lastKey && last !== undefined) return last;
      const account = { ...info, data: cut(info.data, slices) };
      lastKey = key;
      last = new Encoded(() => accountBytes(account, value.slot, value.isStartup, wallMs));
      return last;
    },
  };
}

/** A slice beyond the end of the data gives nothing of it. */
function cut(data: Uint8Array, slices: readonly DataSlice[]): Uint8Array {
  const parts = slices.filter(({ offset, length }) => data.length >= offset + length);
  return Buffer.concat(parts.map(({ offset, length }) => data.subarray(offset, offset + length)));
}

export function transactionEvent(info: SubscribeUpdateTransactionInfo, slot: bigint, wallMs: number): TransactionEvent {
  const value = { $typeName: 'geyser.SubscribeUpdateTransaction', transaction: info, slot } as const;
  const { signature, isVote, index, meta } = info;
  const err = meta?.err;
  const loaded = [...(meta?.loadedWritableAddresses ?? []), ...(meta?.loadedReadonlyAddresses ?? [])];
  const keys = new Set([...(info.transaction?.message?.accountKeys ?? []), ...loaded].map(keyOf));
  const status = () =>
    create(SubscribeUpdateTransactionStatusSchema, { slot, signature, isVote, index, ...(err && { err }) });
  return {
    kind: 'transaction',
    slot,
    info,
    signature: keyOf(signature),
    failed: err !== undefined,
    keys,
    body: encoded({ case: 'transaction', value }, wallMs),
    statusBody: new Encoded(() => encoded({ case: 'transactionStatus', value: status() }, wallMs).bytes),
  };
}
