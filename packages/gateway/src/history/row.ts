/** One upstream's figures of one minute or hour, and how two of them become one. */
import { BUCKETS } from '../figures/rolling.ts';

export interface Row {
  readonly upstream: string;
  /** When the minute or hour began, in ms since 1970. */
  readonly at: number;
  /** How much of it was seen: less than all where the gateway was started or stopped within. */
  readonly seconds: number;
  readonly calls: number;
  /** Calls that failed, and replies with 5xx. */
  readonly errors: number;
  readonly fresh: number;
  readonly reused: number;
  readonly retries: number;
  readonly limitWaits: number;
  /** The highest seen. */
  readonly saturation: number;
  /** Lengths of calls, in the buckets of `figures/rolling.ts`. */
  readonly latency: Uint8Array;
}

/** Counts per bucket as bytes: for each bucket that has some, how many it is further on, and how many they are. */
export function packed(counts: Uint32Array): Uint8Array {
  const bytes: number[] = [];
  let last = -1;
  for (const [bucket, count] of counts.entries()) {
    if (count === 0) continue;
    varint(bytes, bucket - last);
    varint(bytes, count);
    last = bucket;
  }
  return Uint8Array.from(bytes);
}

/** Adds packed counts to `sums`; what does not fit is left out, as a file may have been made by another version. */
export function unpackInto(sums: Uint32Array, bytes: Uint8Array): void {
  let bucket = -1;
  for (let at = 0; at < bytes.length; ) {
    const step = readVarint(bytes, at);
    const count = readVarint(bytes, step.next);
    at = count.next;
    bucket += step.value;
    if (bucket < BUCKETS) sums[bucket]! += count.value;
  }
}

/** Both of them as one, of the first one's name and instant. */
export function merged(a: Row, b: Row): Row {
  const sums = new Uint32Array(BUCKETS);
  unpackInto(sums, a.latency);
  unpackInto(sums, b.latency);
  return {
    upstream: a.upstream,
    at: a.at,
    seconds: a.seconds + b.seconds,
    calls: a.calls + b.calls,
    errors: a.errors + b.errors,
    fresh: a.fresh + b.fresh,
    reused: a.reused + b.reused,
    retries: a.retries + b.retries,
    limitWaits: a.limitWaits + b.limitWaits,
    saturation: Math.max(a.saturation, b.saturation),
    latency: packed(sums),
  };
}

/** Seven bits a byte, the lowest first; all but the last have the eighth. */
function varint(bytes: number[], value: number): void {
  let left = value;
  while (left >= 0x80) {
    bytes.push((left % 0x80) | 0x80);
    left = Math.floor(left / 0x80);
  }
  bytes.push(left);
}

function readVarint(bytes: Uint8Array, from: number): { readonly value: number; readonly next: number } {
  let value = 0;
  let at = from;
  for (let factor = 1; at < bytes.length; factor *= 0x80) {
    const byte = bytes[at++]!;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) break;
  }
  return { value, next: at };
}
