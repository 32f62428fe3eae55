/**
 * Reads of all connections, whatever they speak, go through one buffer: what is read is consumed or copied before the
 * next read. A socket says for itself to whom its bytes belong, as that is known only once it has been dialled.
 *
 * An owner that hands large pieces on to somebody who keeps them is spared the copy: it names memory of its own for the
 * reads to come.
 *
 * Invariants:
 *   (1) Between reads a socket lands in the shared buffer, or in memory that its owner named after the last one. What
 *       has been handed on is never named again: no read writes over it.
 *   (2) At most `LANDINGS_MAX` sockets have memory of their own; the others share, and copy.
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { asksForBuffers, BUFFERS_CHANGE } from '../net/onread.ts';

export interface SocketOwner {
  /** So many bytes lie at the beginning of `bytes`. @returns false to stop reading */
  received(count: number, bytes: Buffer): boolean;
  /** Where its next bytes are to lie, if not in the shared buffer. Asked after each read. */
  readonly landing?: Buffer | undefined;
  /** The peer ended its side. */
  ended(): void;
  /** The socket failed, or closed under us. */
  lost(error: Error | undefined): void;
}

const OWNER = Symbol('owner');
const EARLY = Symbol('early');
const LANDING = Symbol('landing');
type Owned = Socket & { [OWNER]?: SocketOwner; [EARLY]?: Buffer; [LANDING]?: Buffer | undefined };

/** Large bodies come in as many reads, and callbacks, as this is small; twice as much gained nothing more. */
const READ_BYTES = 128 * 1024;
export const readBuffer: Buffer = Buffer.allocUnsafeSlow(READ_BYTES);

/** Memory of its own for one read. It is fresh each time: more of it costs more in pages than it saves in pieces. */
export const LANDING_BYTES = 48 * 1024;
const LANDINGS_MAX = 64;
let landings = 0;

/** What Node asks for next: the buffer that a read just told has led to, or the first one of a new socket. */
let next: Buffer | undefined = readBuffer;

/** For the dialler: reads go to whoever owns the socket by then. */
export const sharedRead = {
  buffer: BUFFERS_CHANGE
    ? (): Buffer => {
        const asked = next;
        next = readBuffer;
        return asked as Buffer; // nothing, where it stays the one it was
      }
    : readBuffer,
  callback(this: unknown, count: number): boolean {
    const socket = this as Owned;
    const owner = socket[OWNER];
    if (owner === undefined) return keepEarly(socket, count);
    const landing = socket[LANDING];
    let goesOn = false;
    try {
      goesOn = owner.received(count, landing ?? readBuffer);
    } catch (error) {
      socket.destroy(); // what has been handed on could be written over
      throw error;
    }
    const wanted = owner.landing;
    if (wanted !== landing) land(socket, wanted);
    else if (BUFFERS_CHANGE && asksForBuffers(socket)) next = undefined;
    return goesOn;
  },
};

/** It spoke before we had looked at what was agreed with it: that must not be lost, as it may be its settings. */
function keepEarly(socket: Owned, count: number): boolean {
  const before = socket[EARLY];
  const now = Buffer.from(readBuffer.subarray(0, count));
  socket[EARLY] = before === undefined ? now : Buffer.concat([before, now]);
  return socket[EARLY].length < READ_BYTES;
}

/** @returns memory for the next read of this socket and no other, unless it must share */
export function landingFor(socket: Socket): Buffer | undefined {
  if (landings >= LANDINGS_MAX || !asksForBuffers(socket)) return undefined;
  return Buffer.allocUnsafeSlow(LANDING_BYTES);
}

function land(socket: Owned, landing: Buffer | undefined): void {
  if (socket[LANDING] === undefined) landings++;
  else if (landing === undefined) landings--;
  socket[LANDING] = landing;
  next = landing ?? readBuffer;
}

/** From now on the socket's bytes and its end are the owner's. */
export function own(socket: Socket, owner: SocketOwner): void {
  const owned: Owned = socket;
  owned[OWNER] = owner;
  if (!(LANDING in owned)) owned[LANDING] = undefined; // it is asked for at each read
  socket.on('end', onEnd).on('error', onError).on('close', onClose);
}

/** Tells the owner what came before it was one; for protocols whose peer may speak first. */
export function replayEarly(socket: Socket, owner: SocketOwner): void {
  const owned: Owned = socket;
  const early = owned[EARLY];
  if (early === undefined) return;
  delete owned[EARLY];
  early.copy(readBuffer);
  if (owner.received(Math.min(early.length, READ_BYTES), readBuffer)) socket.resume();
}

function onEnd(this: Owned): void {
  this[OWNER]?.ended();
}

function onError(this: Owned, error: Error): void {
  this[OWNER]?.lost(error);
}

function onClose(this: Owned): void {
  if (this[LANDING] !== undefined) {
    this[LANDING] = undefined;
    landings--;
  }
  this[OWNER]?.lost(undefined);
}
