/**
 * An update from its bytes. Nearly all there are tell of an account, so those are read by hand; whatever else comes,
 * and whatever is not as it usually is (an unknown field, a part that comes twice, bytes that are no message), is
 * left to protobuf-es, so that the outcome is always its own. Numbers of fields: geyser.proto; tests compare the
 * two.
 */
import { fromBinary } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import {
  type SubscribeUpdate,
  type SubscribeUpdateAccount,
  type SubscribeUpdateAccountInfo,
  SubscribeUpdateSchema,
} from '../../wire/geyser/generated/geyser_pb.js';

const UPDATE = { filters: 0x0a, account: 0x12, createdAt: 0x5a } as const;
const ACCOUNT = { info: 0x0a, slot: 0x10, isStartup: 0x18 } as const;
const INFO = { pubkey: 0x0a, lamports: 0x10, owner: 0x1a, executable: 0x20, rentEpoch: 0x28 } as const;
const INFO_END = { data: 0x32, writeVersion: 0x38, txnSignature: 0x42 } as const;
const TIMESTAMP = { seconds: 0x08, nanos: 0x10 } as const;

/** Rent epochs of accounts that pay none: the largest number there is. */
const LARGEST = 2n ** 64n - 1n;
/** Seven bits each of the first seven bytes of a number are exact in a double; the rest has 15. */
const LOW_BYTES = 7;
const LOW_BITS = 49n;
const LOW_MAX = 2 ** 49 - 1;
const HIGH_MAX = 2 ** 15 - 1;
const NUMBER_BYTES_MAX = 10;
const ASCII_MAX = 127;
const NO_BYTES: Uint8Array = new Uint8Array(0);

/** @throws what protobuf-es throws */
export function readUpdate(bytes: Uint8Array): SubscribeUpdate {
  return new Cursor(bytes).update() ?? fromBinary(SubscribeUpdateSchema, bytes);
}

/** Each of its readings is nothing where protobuf-es must have a look. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** What a number has beyond its low bits. */
  #high = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  update(): SubscribeUpdate | undefined {
    const filters: string[] = [];
    let account: SubscribeUpdateAccount | undefined;
    let createdAt: Timestamp | undefined;
    const end = this.#bytes.length;
    while (this.#at < end) {
      const tag = this.#bytes[this.#at++];
      const to = this.#end(end);
      if (to < 0) return undefined;
      if (tag === UPDATE.filters) {
        const name = this.#ascii(to);
        if (name === undefined) return undefined;
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
        const low = this.#number(end);
        if (low < 0) return undefined;
        if (tag === ACCOUNT.slot) slot = this.#whole(low);
        else isStartup = low !== 0 || this.#high !== 0;
      } else {
        return undefined;
      }
    }
    if (info === undefined) return undefined;
    return { $typeName: 'geyser.SubscribeUpdateAccount', slot, isStartup, account: info };
  }

  #info(end: number): SubscribeUpdateAccountInfo | undefined {
    let [pubkey, owner, data] = [NO_BYTES, NO_BYTES, NO_BYTES];
    let signature: Uint8Array | undefined;
    let [lamports, rentEpoch, writeVersion] = [0n, 0n, 0n];
    let executable = false;
    while (this.#at < end) {
      const tag = this.#bytes[this.#at++];
      if (tag === INFO.lamports || tag === INFO.rentEpoch || tag === INFO_END.writeVersion || tag === INFO.executable) {
        const low = this.#number(end);
        if (low < 0) return undefined;
        if (tag === INFO.executable) executable = low !== 0 || this.#high !== 0;
        else if (tag === INFO.lamports) lamports = this.#whole(low);
        else if (tag === INFO.rentEpoch) rentEpoch = this.#whole(low);
        else writeVersion = this.#whole(low);
        continue;
      }
      const to = this.#end(end);
      if (to < 0) return undefined;
      const part = this.#bytes.subarray(this.#at, to);
      this.#at = to;
      if (tag === INFO.pubkey) pubkey = part;
      else if (tag === INFO.owner) owner = part;
      else if (tag === INFO_END.data) data = part;
      else if (tag === INFO_END.txnSignature) signature = part;
      else return undefined;
    }
    const $typeName = 'geyser.SubscribeUpdateAccountInfo';
    const info = { $typeName, pubkey, lamports, owner, executable, rentEpoch, data, writeVersion } as const;
    return signature === undefined ? info : { ...info, txnSignature: signature };
  }

  #timestamp(end: number): Timestamp | undefined {
    let [seconds, nanos] = [0n, 0];
    while (this.#at < end) {
      const tag = this.#bytes[this.#at++];
      const low = this.#number(end);
      if (low < 0 || this.#high !== 0) return undefined; // before 1970, or nonsense
      if (tag === TIMESTAMP.seconds) seconds = BigInt(low);
      else if (tag === TIMESTAMP.nanos && low < 2 ** 31) nanos = low;
      else return undefined;
    }
    return { $typeName: 'google.protobuf.Timestamp', seconds, nanos };
  }

  /** Where the part ends whose length stands here; below 0 where that is not within `end`. */
  #end(end: number): number {
    const length = this.#number(end);
    const to = this.#at + length;
    return length < 0 || this.#high !== 0 || to > end ? -1 : to;
  }

  #ascii(to: number): string | undefined {
    let text = '';
    while (this.#at < to) {
      const byte = this.#bytes[this.#at++]!;
      if (byte > ASCII_MAX) return undefined;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** The low bits of a number, and beside it the high ones; below 0 where it does not end in time. */
  #number(end: number): number {
    const bytes = this.#bytes;
    let [low, high, scale] = [0, 0, 1];
    for (let i = 0; i < NUMBER_BYTES_MAX && this.#at < end; i++) {
      if (i === LOW_BYTES) scale = 1;
      const byte = bytes[this.#at++]!;
      if (i < LOW_BYTES) low += (byte & 127) * scale;
      else high += (byte & 127) * scale;
      if (byte < 128) {
        this.#high = high & HIGH_MAX;
        return low;
      }
      scale *= 128;
    }
    return -1;
  }

  #whole(low: number): bigint {
    const high = this.#high;
    if (high === 0) return BigInt(low);
    return high === HIGH_MAX && low === LOW_MAX ? LARGEST : BigInt(low) + (BigInt(high) << LOW_BITS);
  }
}
