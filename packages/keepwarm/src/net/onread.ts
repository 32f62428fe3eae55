/**
 * Opens sockets whose reads go to a callback instead of into a stream (`onread` of node:net). Whoever reads knows the
 * socket by `this`: one callback serves all of them. Node passes it, and counts what it reads. Bun does neither, so
 * there each socket gets a callback of its own, which does both. Deno does, but begins TLS only over a socket that is
 * read as a stream. Where `buffer` is a function, Node asks it for the first buffer, and after each read, when it goes
 * on with the last one if it gets none; nobody else is relied on for that.
 */
import type { OnReadOpts, Socket } from 'node:net';

const IS_BUN = process.versions['bun'] !== undefined;
/** Whether TLS may begin over a socket that was opened with `onread`. */
export const TLS_OVER_ONREAD = process.versions['deno'] === undefined;
/** Whether a socket may read into another buffer each time. */
export const BUFFERS_CHANGE = !IS_BUN && TLS_OVER_ONREAD;

const ASKS = Symbol('asks');
type Asking = Socket & { [ASKS]?: boolean };

/** Whether this socket asks for a buffer after each read: others are read by the same callback, but from a stream. */
export function asksForBuffers(socket: Asking): boolean {
  return socket[ASKS] === true;
}

/** @param connect `connect` of node:net or node:tls */
export function withReads<Options extends { readonly onread?: OnReadOpts }, Opened extends Socket>(
  connect: (options: Options) => Opened,
  options: Options,
): Opened {
  const { onread } = options;
  if (!IS_BUN || onread === undefined) {
    const socket: Opened & Asking = connect(options);
    if (typeof onread?.buffer === 'function') socket[ASKS] = true;
    return socket;
  }
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

/** Has a socket that is read as a stream read by a callback for a while. @returns how to end it */
export function readByCallback(socket: Socket, { callback }: OnReadOpts): () => void {
  const read = (chunk: Buffer): void => void callback.call(socket, chunk.length, chunk);
  socket.on('data', read);
  return () => void socket.off('data', read).pause();
}
