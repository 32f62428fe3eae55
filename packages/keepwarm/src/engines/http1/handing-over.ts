/**
 * Bytes on their way from the shared read buffer to whoever runs an exchange on a lent socket. Whoever keeps what it is
 * given gets a copy of its own. Node's HTTP parser keeps nothing: it copies what it passes on, so a second copy made
 * for it, and the memory for that, would be a tenth of what a large reply costs.
 *
 * Invariants:
 *   (1) What may be held after a piece was told is never overwritten: neither by the next read nor the next piece.
 *   (2) Past the socket's own stream, which has nothing to do about bytes that are taken at once but to see to it, in
 *       another tick, that more is read, goes only what that stream would pass on unchanged: see `passesOn`.
 *   (3) The shared buffer itself is shown only to one who takes it at once, and only while it can neither fail over
 *       these bytes nor be left with a rest of them: both would go, as they are, to the code of others.
 */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import type { Socket } from 'node:net';
import { readBuffer } from '../reading.ts';

/** Where bytes go that are taken at once, one piece at a time; nothing while it is out, or when it was lost to one. */
let passing: Buffer | undefined;

/** Who takes pieces at once, as long as nothing goes wrong with them. */
export interface Passenger {
  /** Whether it may have kept the last one: it failed over it, or handed the socket on. */
  readonly mayKeep: boolean;
}

/** The first `count` bytes of the read buffer, for good. @returns false to stop reading */
export function pushCopy(socket: Socket, count: number): boolean {
  return socket.push(Buffer.from(readBuffer.subarray(0, count)));
}

/** Whether what is pushed now goes to the listeners at once, instead of waiting in the socket. */
export function passesOn(socket: Socket): boolean {
  return socket.readableFlowing === true && socket.readableLength === 0;
}

/** The same as they are, to one who takes them at once: part of a body of known length, and not past its end. */
export function passShared(socket: Socket, count: number): void {
  socket.emit('data', readBuffer.subarray(0, count));
}

/** The same to one who takes them at once, unless it may have kept them. */
export function passOn(socket: Socket, count: number, passenger: Passenger): void {
  const bytes = passing ?? Buffer.allocUnsafeSlow(readBuffer.length);
  passing = undefined;
  readBuffer.copy(bytes, 0, 0, count);
  socket.emit('data', bytes.subarray(0, count));
  if (!passenger.mayKeep) passing = bytes;
}
