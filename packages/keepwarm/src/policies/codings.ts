/** The codings of content: how each is named (RFC 9110 § 8.4.1) and undone, at once and as it arrives. */
import type { Transform } from 'node:stream';
import {
  brotliDecompressSync,
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  zstdDecompressSync,
} from 'node:zlib';
import { NetError } from '../core/error.ts';

/** A window of 8 MiB is all that RFC 9659 § 3 allows in a reply; more is a way to make us take memory. */
const ZSTD = { params: { [constants.ZSTD_d_windowLogMax]: 23 } };

export type Coding = 'gzip' | 'deflate' | 'br' | 'zstd';

/** Codings in the order they are to be undone, or nothing when one is unknown (RFC 9110 § 8.4.1). */
export function codingsOf(field: string): Coding[] | undefined {
  const codings: Coding[] = [];
  for (const part of field.toLowerCase().split(',')) {
    const name = part.trim();
    if (name === '' || name === 'identity') continue;
    if (name === 'gzip' || name === 'x-gzip') codings.unshift('gzip');
    else if (name === 'deflate' || name === 'br' || name === 'zstd') codings.unshift(name);
    else return undefined;
  }
  return codings;
}

/** `deflate` means zlib-wrapped, but some servers send it bare: the wrapper's first byte tells (RFC 1950 § 2.2). */
function isBareDeflate(first: number): boolean {
  return (first & 0x0f) !== 8;
}

export function decodeOne(coding: Coding, bytes: Uint8Array, maxOutputLength: number): Uint8Array {
  switch (coding) {
    case 'gzip':
      return gunzipSync(bytes, { maxOutputLength });
    case 'br':
      return brotliDecompressSync(bytes, { maxOutputLength });
    case 'zstd':
      return zstdDecompressSync(bytes, { maxOutputLength, ...ZSTD });
    default:
      return isBareDeflate(bytes[0]!)
        ? inflateRawSync(bytes, { maxOutputLength })
        : inflateSync(bytes, { maxOutputLength });
  }
}

export function decoder(coding: Coding, first: number): Transform {
  switch (coding) {
    case 'gzip':
      return createGunzip();
    case 'br':
      return createBrotliDecompress();
    case 'zstd':
      return createZstdDecompress(ZSTD);
    default:
      return isBareDeflate(first) ? createInflateRaw() : createInflate();
  }
}

export function undecodable(coding: Coding, cause: unknown): NetError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new NetError('DECODE', `the body is not the ${coding} its content-encoding says: ${why}`, {
    reach: 'answered',
    phase: 'body',
    cause,
  });
}
