/** The hash of a signed transaction, by which its copies are one. */
import { keccak256 } from './keccak.ts';

/** A blob transaction (EIP-4844) is sent with its blobs, and named without them. */
const BLOB_TYPE = 0x03;
/** More than any client takes: geth refuses plain transactions above 128 KiB, and blobs add 128 KiB each. */
const BYTES_MAX = 4 * 1024 * 1024;

/** @returns `0x` and 64 lower-case digits; nothing for what is no transaction */
export function transactionHash(raw: unknown): string | undefined {
  if (typeof raw !== 'string' || !/^0x(?:[0-9a-f]{2})+$/i.test(raw) || raw.length > 2 * BYTES_MAX) return undefined;
  const bytes = Buffer.from(raw.slice(2), 'hex');
  const named = bytes[0] === BLOB_TYPE ? withoutBlobs(bytes) : bytes;
  return named === undefined ? undefined : `0x${Buffer.from(keccak256(named)).toString('hex')}`;
}

/** `0x03 ‖ [[fields], blobs, …]` becomes `0x03 ‖ [fields]`; what has no blobs with it stays. */
function withoutBlobs(bytes: Uint8Array): Uint8Array | undefined {
  const whole = listAt(bytes, 1);
  if (whole === undefined || whole.to !== bytes.length) return undefined;
  const inner = listAt(bytes, whole.from);
  if (inner === undefined) return bytes;
  if (inner.to > whole.to) return undefined;
  return Buffer.concat([Uint8Array.of(BLOB_TYPE), bytes.subarray(whole.from, inner.to)]);
}

/** Where the content of the RLP list that begins here is (Ethereum yellow paper, appendix B). */
function listAt(bytes: Uint8Array, at: number): { readonly from: number; readonly to: number } | undefined {
  const first = bytes[at];
  if (first === undefined || first < 0xc0) return undefined;
  if (first <= 0xf7) return { from: at + 1, to: at + 1 + first - 0xc0 };
  const digits = first - 0xf7;
  let length = 0;
  for (let i = 1; i <= digits; i++) length = length * 256 + (bytes[at + i] ?? Number.NaN);
  return Number.isSafeInteger(length) ? { from: at + 1 + digits, to: at + 1 + digits + length } : undefined;
}
