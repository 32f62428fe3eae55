/**
 * A server that wants no more of a request often answers and closes without reading the rest, such as with 413 in the
 * middle of an upload; its system then resets the connection. The answer lies in ours, but Node destroys a socket whose
 * write has failed before anybody has read it. Here such a socket is read once more first.
 *
 *   write fails ──▶ (two turns of the event loop) ──▶ the answer has been read, or the failure is told
 */
import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';

/** @param waiting whether somebody waits for an answer on it */
export function hearOut(socket: Socket, clock: Clock, waiting: () => boolean): void {
  const { destroy } = socket;
  let heard = false;
  socket.destroy = (error?: Error): Socket => {
    if (heard || !isFailedWrite(error) || !waiting()) return destroy.call(socket, error);
    heard = true;
    // The turn at hand may have polled before the answer came; the next one has not.
    clock.nextTurn(() => clock.nextTurn(() => destroy.call(socket, error)));
    return socket;
  };
}

function isFailedWrite(error: (Error & { readonly syscall?: string; readonly code?: string }) | undefined): boolean {
  return error?.syscall === 'write' && (error.code === 'EPIPE' || error.code === 'ECONNRESET');
}
