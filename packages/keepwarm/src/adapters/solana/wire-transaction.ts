/**
 * The signature by which a transaction is known: the first of those in front of its bytes.
 *
 * Wire format: a count (one byte while below 128), that many signatures of 64 bytes, the message. Format 1 (SIMD-0385)
 * begins with 129 and has them at its end; it has no identity here, and so is treated as different each time.
 */
import { fromBase58, toBase58 } from '../../wire/base58.ts';

const SIGNATURE_BYTES = 64;
/** The largest transaction in any encoding is 4,096 bytes (SIMD-0296), in base64. */
const TEXT_MAX = 8_192;
/** The largest that may come in base58 is 1,232 bytes. */
const BASE58_MAX = 1_683;
const COUNT_MAX = 127;

/** @param params those of `sendTransaction`: the encoded transaction, and a configuration with its encoding */
export function signatureOf(params: unknown): string | undefined {
  if (!Array.isArray(params)) return undefined;
  const [encoded, config] = params;
  if (typeof encoded !== 'string' || encoded.length > TEXT_MAX) return undefined;
  const bytes = encodingOf(config) === 'base64' ? fromBase64(encoded) : fromShortBase58(encoded);
  const count = bytes?.[0] ?? 0;
  if (bytes === undefined || count < 1 || count > COUNT_MAX || bytes.length <= 1 + count * SIGNATURE_BYTES) {
    return undefined;
  }
  const signature = bytes.subarray(1, 1 + SIGNATURE_BYTES);
  return signature.every((byte) => byte === 0) ? undefined : toBase58(signature);
}

const encodingOf = (config: unknown): unknown =>
  typeof config === 'object' && config !== null && 'encoding' in config ? config.encoding : undefined;

const fromShortBase58 = (text: string): Uint8Array | undefined =>
  text.length > BASE58_MAX ? undefined : fromBase58(text);

/** Strictly: what a node would refuse has no signature either. */
function fromBase64(text: string): Uint8Array | undefined {
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.length % 4 === 0 ? Buffer.from(text, 'base64') : undefined;
}
