/**
 * Updates without an end, as a server under load sends them: slots of some accounts and their statuses, in frames
 * as full as they may be. Only slots and write versions differ from one round to the next, and stand where they
 * stood.
 */
import { Buffer } from 'node:buffer';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { SlotStatus, SubscribeRequestSchema, type SubscribeUpdate, SubscribeUpdateSchema } from 'keepwarm/yellowstone';
import type { Updates } from './peer.ts';
import { FIRST_SLOT, FIRST_WRITE, placeOf, Rounds, type Template } from './rounds.ts';
import { message } from './wire.ts';

/** Bytes of accounts in a slot. */
const SLOT_BYTES = 256 * 1024;
/** Of gRPC: whether it is compressed, and its length. */
const MESSAGE_HEAD_BYTES = 5;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const CONFIRMED_AFTER = 2;
const FINALIZED_AFTER = 32;

/**
 * @param size of an account's update in bytes, its frame of gRPC aside
 * @param stream on which they are sent
 * @returns nothing for a request without filters
 */
export function updatesOf(request: Uint8Array, size: number, stream: number): Updates | undefined {
  const { accounts, slots, ping } = fromBinary(SubscribeRequestSchema, request);
  const nothing = Object.keys(accounts).length + Object.keys(slots).length === 0;
  if (ping !== undefined || nothing) return undefined;
  const count = Math.max(Math.floor(SLOT_BYTES / size), 1);
  const account = accountTemplate(Object.keys(accounts), size);
  const statuses = Object.keys(slots).length === 0 ? [] : statusTemplates(Object.keys(slots));
  return new Rounds([...Array.from({ length: count }, () => account), ...statuses], stream);
}

const encoded = (filters: string[], updateOneof: SubscribeUpdate['updateOneof']): Buffer =>
  message(toBinary(SubscribeUpdateSchema, create(SubscribeUpdateSchema, { filters, updateOneof })));

function accountBytes(filters: string[], dataBytes: number): Buffer {
  return encoded(filters, {
    case: 'account',
    value: {
      $typeName: 'geyser.SubscribeUpdateAccount',
      slot: BigInt(FIRST_SLOT),
      isStartup: false,
      account: {
        $typeName: 'geyser.SubscribeUpdateAccountInfo',
        ...{ pubkey: Buffer.alloc(KEY_BYTES, 7), owner: Buffer.alloc(KEY_BYTES, 9), executable: false },
        ...{ lamports: 2_039_280n, rentEpoch: 2n ** 64n - 1n, writeVersion: BigInt(FIRST_WRITE) },
        ...{ data: Buffer.alloc(dataBytes, 11), txnSignature: Buffer.alloc(SIGNATURE_BYTES, 13) },
      },
    },
  });
}

function accountTemplate(names: string[], size: number): Template {
  let dataBytes = size;
  // Lengths are written in as many bytes as they need, so what stands around the data changes with it.
  for (let tries = 0; tries < 3; tries++)
    dataBytes -= accountBytes(names, dataBytes).length - MESSAGE_HEAD_BYTES - size;
  const bytes = accountBytes(names, dataBytes);
  return { bytes, slots: [{ at: placeOf(bytes, FIRST_SLOT), behind: 0 }], write: placeOf(bytes, FIRST_WRITE) };
}

function statusTemplates(names: string[]): Template[] {
  return [
    [SlotStatus.SLOT_PROCESSED, 0],
    [SlotStatus.SLOT_CONFIRMED, CONFIRMED_AFTER],
    [SlotStatus.SLOT_FINALIZED, FINALIZED_AFTER],
  ].map(([status, behind]) => {
    const [slot, parent] = [FIRST_SLOT, FIRST_SLOT - 1];
    const value = { $typeName: 'geyser.SubscribeUpdateSlot', slot: BigInt(slot), parent: BigInt(parent) } as const;
    const bytes = encoded(names, { case: 'slot', value: { ...value, status: status as SlotStatus } });
    const slots = [
      { at: placeOf(bytes, slot), behind: behind! },
      { at: placeOf(bytes, parent), behind: behind! + 1 },
    ];
    return { bytes, slots, write: undefined };
  });
}
