/**
 * An update of an account as bytes, by hand: servers under test send hundreds of thousands of them, and what describes
 * every message takes ten times as long. A test compares the two.
 */
import { Buffer } from 'node:buffer';
import type { SubscribeUpdateAccountInfo } from '../../wire/geyser/generated/geyser_pb.js';

/** Numbers of fields with their wire types, as geyser.proto has them. */
const UPDATE = { account: 0x12, createdAt: 0x5a };
const ACCOUNT = { info: 0x0a, slot: 0x10, isStartup: 0x18 };
const INFO = { pubkey: 0x0a, lamports: 0x10, owner: 0x1a, executable: 0x20, rentEpoch: 0x28, data: 0x32 };
const INFO_END = { writeVersion: 0x38, txnSignature: 0x42 };
const TIMESTAMP = { seconds: 0x08, nanos: 0x10 };

/** Varints of one update, tags and lengths among them: at most ten bytes each, of twenty. */
const AROUND_BYTES = 200;

export function accountBytes(
  info: SubscribeUpdateAccountInfo,
  slot: bigint,
  isStartup: boolean,
  wallMs: number,
): Buffer {
  const { pubkey, owner, data, txnSignature } = info;
  const size = pubkey.length + owner.length + data.length + (txnSignature?.length ?? 0) + AROUND_BYTES;
  // Written from the end, so that each length is known when it is due.
  const out = new Backwards(size);
  const millis = Math.floor(wallMs % 1_000);
  const atEnd = out.at;
  if (millis !== 0) out.number(TIMESTAMP.nanos, BigInt(millis * 1_000_000));
  out.number(TIMESTAMP.seconds, BigInt(Math.floor(wallMs / 1_000)));
  out.close(UPDATE.createdAt, atEnd);
  const updateEnd = out.at;
  if (isStartup) out.number(ACCOUNT.isStartup, 1n);
  out.number(ACCOUNT.slot, slot);
  const infoEnd = out.at;
  if (txnSignature !== undefined) out.bytes(INFO_END.txnSignature, txnSignature, true);
  out.number(INFO_END.writeVersion, info.writeVersion);
  out.bytes(INFO.data, data);
  out.number(INFO.rentEpoch, info.rentEpoch);
  if (info.executable) out.number(INFO.executable, 1n);
  out.bytes(INFO.owner, owner);
  out.number(INFO.lamports, info.lamports);
  out.bytes(INFO.pubkey, pubkey);
  out.close(ACCOUNT.info, infoEnd);
  out.close(UPDATE.account, updateEnd);
  return out.taken();
}

class Backwards {
  readonly #buffer: Buffer;
  at: number;

  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafeSlow(size);
    this.at = size;
  }

  taken(): Buffer {
    return this.#buffer.subarray(this.at);
  }

  /** A field that is 0 is not sent. */
  number(tag: number, value: bigint): void {
    if (value === 0n) return;
    if (value <= Number.MAX_SAFE_INTEGER) this.#varint(Number(value));
    else this.#bigVarint(value);
    this.#buffer[--this.at] = tag;
  }

  bytes(tag: number, bytes: Uint8Array, evenIfEmpty = false): void {
    if (bytes.length === 0 && !evenIfEmpty) return;
    const end = this.at;
    this.at -= bytes.length;
    this.#buffer.set(bytes, this.at);
    this.close(tag, end);
  }

  /** Puts tag and length before what was written since `end`. */
  close(tag: number, end: number): void {
    this.#varint(end - this.at);
    this.#buffer[--this.at] = tag;
  }

  #varint(value: number): void {
    let length = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++;
    this.at -= length;
    let rest = value;
    for (let i = 0; i < length - 1; i++) {
      this.#buffer[this.at + i] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.at + length - 1] = rest;
  }

  #bigVarint(value: bigint): void {
    const septets: number[] = [];
    for (let rest = BigInt.asUintN(64, value); rest > 0n; rest >>= 7n) septets.push(Number(rest & 127n));
    this.at -= septets.length;
    for (const [i, septet] of septets.entries()) {
      this.#buffer[this.at + i] = i < septets.length - 1 ? septet + 128 : septet;
    }
  }
}
