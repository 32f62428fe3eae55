/**
 * Reads of all connections, whatever they speak, go through one buffer: what is read is consumed or copied before the
 * next read. A socket says for itself to whom its bytes belong, as that is known only once it has been dialled.
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';

export interface SocketOwner {
  /** So many bytes lie at the beginning of `readBuffer`. @returns false to stop reading */
  received(bytes: number): boolean;
  /** The peer ended its side. */
  ended(): void;
  /** The socket failed, or closed under us. */
  lost(error: Error | undefined): void;
}

const OWNER = Symbol('owner');
const EARLY = Symbol('early');
type Owned = Socket & { [OWNER]?: SocketOwner; [EARLY]?: Buffer };

/** Large bodies come in as many reads, and callbacks, as this is small; twice as much gained nothing more. */
const READ_BYTES = 128 * 1024;
export const readBuffer: Buffer = Buffer.allocUnsafeSlow(READ_BYTES);

/** For the dialler: reads go to whoever owns the socket by then. */
export const sharedRead = {
  buffer: readBuffer,
  callback(this: unknown, bytes: number): boolean {
    const socket = this as Owned;
    const owner = socket[OWNER];
    if (owner !== undefined) return owner.received(bytes);
    // It spoke before we had looked at what was agreed with it: that must not be lost, as it may be its settings.
    const before = socket[EARLY];
    const now = Buffer.from(readBuffer.subarray(0, bytes));
    socket[EARLY] = before === undefined ? now : Buffer.concat([before, now]);
    return socket[EARLY].length < READ_BYTES;
  },
};

/** From now on the socket's bytes and its end are the owner's. */
export function own(socket: Socket, owner: SocketOwner): void {
  (socket as Owned)[OWNER] = owner;
  socket.on('end', onEnd).on('error', onError).on('close', onClose);
}

/** Tells the owner what came before it was one; for protocols whose peer may speak first. */
export function replayEarly(socket: Socket, owner: SocketOwner): void {
  const owned: Owned = socket;
  const early = owned[EARLY];
  if (early === undefined) return;
  delete owned[EARLY];
  early.copy(readBuffer);
  if (owner.received(Math.min(early.length, READ_BYTES))) socket.resume();
}

function onEnd(this: Owned): void {
  this[OWNER]?.ended();
}

function onError(this: Owned, error: Error): void {
  this[OWNER]?.lost(error);
}

function onClose(this: Owned): void {
  this[OWNER]?.lost(undefined);
}
