/**
 * Reads a reply nobody wants to its end, so that its connection can be used again. On HTTP/1.1 giving a body up closes
 * the connection, and the next call would pay for another; a short rest is read sooner than a connection is opened.
 */
import { NetError } from './error.ts';
import type { BodySource, Reply } from './reply.ts';

/**
 * Bytes read at most; a longer body is given up together with its connection. 64 KiB come in one or two round trips, as
 * opening a connection does.
 */
export const DRAIN_BYTES_MAX = 64 * 1024;

/**
 * Takes the body, unless a policy below has read it already. The limits of the call still hold for what arrives.
 */
export function drain(reply: Reply): void {
  if (reply.used) return;
  const body = reply.take();
  if (body instanceof Uint8Array) return;
  if (body.bytesExpected > DRAIN_BYTES_MAX) return body.cancel(unwanted());
  let left = DRAIN_BYTES_MAX;
  body.start({
    data(chunk) {
      left -= chunk.length;
      if (left < 0) body.cancel(unwanted());
      return left >= 0;
    },
    end() {},
    fail() {}, // what nobody wants may as well fail
  } satisfies Parameters<BodySource['start']>[0]);
}

function unwanted(): NetError {
  return new NetError('ABORTED', `the reply was not wanted, and longer than ${DRAIN_BYTES_MAX} bytes`, {
    reach: 'answered',
    phase: 'body',
  });
}
