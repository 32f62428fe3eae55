/**
 * Opens sockets whose reads go to a callback instead of into a stream (`onread` of node:net). Whoever reads knows the
 * socket by `this`: one callback serves all of them. Node passes it, and counts what it reads. Bun does neither, so
 * there each socket gets a callback of its own, which does both.
 */
import type { OnReadOpts, Socket } from 'node:net';

const IS_BUN = process.versions['bun'] !== undefined;

/** @param connect `connect` of node:net or node:tls */
export function withReads<Options extends { readonly onread?: OnReadOpts }, Opened extends Socket>(
  connect: (options: Options) => Opened,
  options: Options,
): Opened {
  const { onread } = options;
  if (!IS_BUN || onread === undefined) return connect(options);
  let bytesRead = 0;
  const { buffer, callback } = onread;
  const counted: OnReadOpts = {
    buffer,
    callback(count, bytes) {
      bytesRead += count;
      return callback.call(socket, count, bytes);
    },
  };
  const socket = connect({ ...options, onread: counted });
  return Object.defineProperty(socket, 'bytesRead', { get: () => bytesRead });
}
