/**
 * An update from its bytes. Nearly all there are tell of an account, so those are read by hand; whatever else comes,
 * and whatever is not as it usually is (an unknown field, a part that comes twice, bytes that are no message), is
 * left to protobuf-es, so that the outcome is always its own. Numbers of fields: geyser.proto; tests compare the
 * two.
 */
import { fromBinary } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { bigOf } from '../../algo/u64.ts';
import {
  type SubscribeUpdate,
  type SubscribeUpdateAccount,
  type SubscribeUpdateAccountInfo,
  SubscribeUpdateSchema,
} from '../../wire/geyser/generated/geyser_pb.js';
import { Names } from './names.ts';

const UPDATE = { filters: 0x0a, account: 0x12, createdAt: 0x5a } as const;
const ACCOUNT = { info: 0x0a, slot: 0x10, isStartup: 0x18 } as const;
const INFO = { pubkey: 0x0a, lamports: 0x10, owner: 0x1a, executable: 0x20, rentEpoch: 0x28 } as const;
const INFO_END = { data: 0x32, writeVersion: 0x38, txnSignature: 0x42 } as const;
const TIMESTAMP = { seconds: 0x08, nanos: 0x10 } as const;

/** Rent epochs of accounts that pay none: the largest number there is. */
const LARGEST = 2n ** 64n - 1n;
/** What a byte of a number gives to it; whether another follows is in the bit above. */
const SEVEN_BITS = 0x7f;
const MORE = 0x80;
const NO_BYTES: Uint8Array = new Uint8Array(0);

/** @throws what protobuf-es throws */
export function readUpdate(bytes: Uint8Array): SubscribeUpdate {
  return cursor.read(bytes) ?? fromBinary(SubscribeUpdateSchema, bytes);
}

/** Each of its readings is nothing, or false, where protobuf-es must have a look. */
class Cursor {
  readonly #names = new Names();
  #bytes = NO_BYTES;
  #at = 0;
  /** The number read last, in two halves; of the higher one, the lower 32 bits count. */
  #low = 0;
  #high = 0;

  read(bytes: Uint8Array): SubscribeUpdate | undefined {
    this.#bytes = bytes;
    this.#at = 0;
    const update = this.#update(bytes.length);
    this.#bytes = NO_BYTES; // what was read last must not be held until the next comes
    return update;
  }

  #update(end: number): SubscribeUpdate | undefined {
    const filters: string[] = [];
    let account: SubscribeUpdateAccount | undefined;
    let createdAt: Timestamp | undefined;
    while (this.#at < end) {
      const tag = this.#bytes[this.#at++];
      const to = this.#end(end);
      if (to < 0) return undefined;
      if (tag === UPDATE.filters) {
        const name = this.#names.read(this.#bytes, this.#at, to);
        if (name === undefined) return undefined;
        this.#at = to;
        filters.push(name);
      } else if (tag === UPDATE.account && account === undefined) {
        account = this.#account(to);
        if (account === undefined) return undefined;
      } else if (tag === UPDATE.createdAt && createdAt === undefined) {
        createdAt = this.#timestamp(to);
        if (createdAt === undefined) return undefined;
      } else {
        return undefined;
      }
    }
    if (account === undefined) return undefined;
    const updateOneof = { case: 'account', value: account } as const;
    if (createdAt === undefined) return { $typeName: 'geyser.SubscribeUpdate', filters, updateOneof };
    return { $typeName: 'geyser.SubscribeUpdate', filters, updateOneof, createdAt };
  }

  #account(end: number): SubscribeUpdateAccount | undefined {
    let info: SubscribeUpdateAccountInfo | undefined;
    let slot = 0n;
    let isStartup = false;
    while (this.#at < end) {
      const tag = this.#bytes[this.#at++];
      if (tag === ACCOUNT.info && info === undefined) {
        const to = this.#end(end);
        info = to < 0 ? undefined : this.#info(to);
        if (info === undefined) return undefined;
      } else if (tag === ACCOUNT.slot || tag === ACCOUNT.isStartup) {
        if (!this.#number(end)) return undefined;
        if (tag === ACCOUNT.slot) slot = bigOf(this.#low, this.#high);
        else isStartup = this.#low !== 0 || this.#high !== 0;
      } else {
        return undefined;
      }
    }
    if (info === undefined) return undefined;
    return { $typeName: 'geyser.SubscribeUpdateAccount', slot, isStartup, account: info };
  }

  #info(end: number): SubscribeUpdateAccountInfo | undefined {
    let [pubkey, owner, data] = [NO_BYTES, NO_BYTES, NO_BYTES];
    let txnSignature: Uint8Array | undefined;
    let [lamports, rentEpoch, writeVersion] = [0n, 0n, 0n];
    let executable = false;
    while (this.#at < end) {
      const tag = this.#bytes[this.#at++];
      if (tag === INFO.lamports || tag === INFO.rentEpoch || tag === INFO_END.writeVersion || tag === INFO.executable) {
        if (!this.#number(end)) return undefined;
        if (tag === INFO.executable) executable = this.#low !== 0 || this.#high !== 0;
        else if (tag === INFO.lamports) lamports = bigOf(this.#low, this.#high);
        else if (tag === INFO.rentEpoch) rentEpoch = this.#epoch();
        else writeVersion = bigOf(this.#low, this.#high);
        continue;
      }
      const to = this.#end(end);
      if (to < 0) return undefined;
      const part = this.#bytes.subarray(this.#at, to);
      this.#at = to;
      if (tag === INFO.pubkey) pubkey = part;
      else if (tag === INFO.owner) owner = part;
      else if (tag === INFO_END.data) data = part;
      else if (tag === INFO_END.txnSignature) txnSignature = part;
      else return undefined;
    }
    const $typeName = 'geyser.SubscribeUpdateAccountInfo';
    if (txnSignature === undefined)
      return { $typeName, pubkey, lamports, owner, executable, rentEpoch, data, writeVersion };
    return { $typeName, pubkey, lamports, owner, executable, rentEpoch, data, writeVersion, txnSignature };
  }

  #timestamp(end: number): Timestamp | undefined {
    let [seconds, nanos] = [0n, 0];
    while (this.#at < end) {
      const tag = this.#bytes[this.#at++];
      if (!this.#number(end) || this.#high !== 0) return undefined; // before 1970, or nonsense
      if (tag === TIMESTAMP.seconds) seconds = bigOf(this.#low, 0);
      else if (tag === TIMESTAMP.nanos && this.#low >= 0) nanos = this.#low;
      else return undefined;
    }
    return { $typeName: 'google.protobuf.Timestamp', seconds, nanos };
  }

  #epoch(): bigint {
    return this.#low === -1 && this.#high === -1 ? LARGEST : bigOf(this.#low, this.#high);
  }

  /** Where the part ends whose length stands here; below 0 where that is not within `end`. */
  #end(end: number): number {
    const bytes = this.#bytes;
    const first = bytes[this.#at]!;
    const second = bytes[this.#at + 1]!;
    // Nearly all lengths have one byte or two.
    if (first < MORE && this.#at < end) {
      const to = ++this.#at + first;
      return to > end ? -1 : to;
    }
    if (second < MORE && this.#at + 1 < end) {
      this.#at += 2;
      const to = this.#at + ((first & SEVEN_BITS) | (second << 7));
      return to > end ? -1 : to;
    }
    if (!this.#number(end) || this.#high !== 0 || this.#low < 0) return -1;
    const to = this.#at + this.#low;
    return to > end ? -1 : to;
  }

  /** Seven bits from each byte, the lowest first. @returns false where it does not end in time */
  #number(end: number): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    let low = 0;
    let high = 0;
    let shift = 0;
    for (; at < end; shift += 7) {
      const byte = bytes[at++]!;
      const bits = byte & SEVEN_BITS;
      if (shift < 28) low |= bits << shift;
      else if (shift > 28) high |= bits << (shift - 32);
      else {
        low |= bits << 28; // the lower four of them
        high = bits >> 4;
      }
      if (byte < MORE) {
        this.#at = at;
        this.#low = low;
        this.#high = high;
        return true;
      }
      if (shift === LAST_SHIFT) return false;
    }
    return false;
  }
}

/** Of the tenth byte, the last there may be; one bit of it counts. */
const LAST_SHIFT = 63;

/** One for all: reading is done in one go, and calls nobody. */
const cursor = new Cursor();
