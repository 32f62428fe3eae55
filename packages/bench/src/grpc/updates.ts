/**
 * Updates without an end, as a server under load sends them: slots of some accounts and their statuses, in frames
 * as full as they may be. Only slots and write versions differ from one round to the next, and stand where they
 * stood.
 */
import { Buffer } from 'node:buffer';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { SlotStatus, SubscribeRequestSchema, type SubscribeUpdate, SubscribeUpdateSchema } from 'keepwarm/yellowstone';
import type { Updates } from './peer.ts';
import { FRAME_BYTES_MAX, message } from './wire.ts';

/** Bytes of accounts in a slot. */
const SLOT_BYTES = 256 * 1024;
/** Numbers of five bytes, each once in a message, so that their places can be found. */
const FIRST_SLOT = 2 ** 29 + 0x1234567;
const FIRST_WRITE = 2 ** 29 + 0x7654321;
/** Of gRPC: whether it is compressed, and its length. */
const MESSAGE_HEAD_BYTES = 5;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const CONFIRMED_AFTER = 2;
const FINALIZED_AFTER = 32;

/** A message, and where in it stand its slot, its parent and its write version. */
interface Template {
  readonly bytes: Buffer;
  readonly slots: readonly { readonly at: number; readonly behind: number }[];
  readonly write: number | undefined;
}

/**
 * @param size of an account's update in bytes, its frame of gRPC aside
 * @returns nothing for a request without filters
 */
export function updatesOf(request: Uint8Array, size: number): Updates | undefined {
  const { accounts, slots, ping } = fromBinary(SubscribeRequestSchema, request);
  const nothing = Object.keys(accounts).length + Object.keys(slots).length === 0;
  if (ping !== undefined || nothing) return undefined;
  const count = Math.max(Math.floor(SLOT_BYTES / size), 1);
  const account = accountTemplate(Object.keys(accounts), size);
  const statuses = Object.keys(slots).length === 0 ? [] : statusTemplates(Object.keys(slots));
  return new Rounds([...Array.from({ length: count }, () => account), ...statuses]);
}

class Rounds implements Updates {
  readonly #templates: readonly Template[];
  readonly #bytes: number;
  #round: Buffer = Buffer.alloc(0);
  #at = 0;
  #slot = FIRST_SLOT;
  #write = FIRST_WRITE;

  constructor(templates: readonly Template[]) {
    this.#templates = templates;
    this.#bytes = templates.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  get whole(): boolean {
    return this.#at === this.#round.length;
  }

  next(): Buffer {
    if (this.whole) this.#begin();
    const payload = this.#round.subarray(this.#at, this.#at + FRAME_BYTES_MAX);
    this.#at += payload.length;
    return payload;
  }

  /** In bytes of its own: those of the round before may still be on their way. */
  #begin(): void {
    const round = Buffer.allocUnsafeSlow(this.#bytes);
    let at = 0;
    for (const { bytes, slots, write } of this.#templates) {
      round.set(bytes, at);
      for (const place of slots) writeFive(round, at + place.at, this.#slot - place.behind);
      if (write !== undefined) writeFive(round, at + write, this.#write++);
      at += bytes.length;
    }
    this.#round = round;
    this.#at = 0;
    this.#slot++;
  }
}

/** A number from 2^28 to 2^35 - 1, as protobuf writes it. */
function writeFive(bytes: Buffer, at: number, value: number): void {
  let rest = value;
  for (let i = 0; i < 4; i++) {
    bytes[at + i] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  bytes[at + 4] = rest;
}

function placeOf(bytes: Buffer, value: number): number {
  const five = Buffer.alloc(5);
  writeFive(five, 0, value);
  const at = bytes.indexOf(five);
  if (at < 0 || bytes.indexOf(five, at + 1) >= 0) throw new Error(`${value} must stand in a message once`);
  return at;
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
