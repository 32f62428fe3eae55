/** Compression of single messages: gzip or none. Small ones at once, large ones off the main thread. */
import { constants } from 'node:buffer';
import { gunzip, gunzipSync, gzip, gzipSync } from 'node:zlib';
import type { GrpcError } from './error.ts';
import { tell } from './failures.ts';

export type GrpcCoding = 'identity' | 'gzip';

/** What we say we take. */
export const ACCEPTED = 'gzip';

/** Below this, a call into another thread costs more than the work, in bytes. */
const SYNC_BYTES_MAX = 16 * 1024;

export function compress(message: Uint8Array): Uint8Array | Promise<Uint8Array> {
  if (message.length <= SYNC_BYTES_MAX) return gzipSync(message);
  return new Promise((resolve, reject) => {
    gzip(message, (error, bytes) => (error === null ? resolve(bytes) : reject(error)));
  });
}

/**
 * A compressed message as it was before.
 *
 * @param coding what `grpc-encoding` says; it is the peer's
 * @param bytesMax of the message, decompressed
 * @throws GrpcError
 */
export function decompress(
  message: Uint8Array,
  coding: string | undefined,
  bytesMax: number,
  path: string,
): Uint8Array | Promise<Uint8Array> {
  if (coding !== 'gzip') {
    const said = coding === undefined ? 'there is no grpc-encoding' : `grpc-encoding ${JSON.stringify(coding)}`;
    throw tell.coding(`a compressed message was received, but ${said}: only gzip is taken`, path);
  }
  const options = { maxOutputLength: Math.min(bytesMax, constants.MAX_LENGTH) };
  if (message.length > SYNC_BYTES_MAX) {
    return new Promise((resolve, reject) => {
      gunzip(message, options, (error, bytes) => (error === null ? resolve(bytes) : reject(broken(error))));
    });
  }
  try {
    return gunzipSync(message, options);
  } catch (error) {
    throw broken(error);
  }

  function broken(cause: unknown): GrpcError {
    const tooLarge = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
    if (tooLarge) return tell.tooLarge(undefined, bytesMax, path);
    return tell.coding('a message could not be decompressed', path, cause);
  }
}
