/** A caller's connection by HTTP/1.1: what its requests have in common, kept on its socket. */
import type { Socket } from 'node:net';

/** Fires when the connection closes; shared by all its requests, so that none needs one of its own. */
const CLOSED = Symbol('closed');
/** Set when a request on this connection was refused: what follows it there may be a part of it, and is not served. */
const DISTRUSTED = Symbol('distrusted');
/** Requests of this connection that have not been answered to the end. */
const UNDER_WAY = Symbol('under way');

type Caller = Socket & { [CLOSED]?: AbortSignal; [DISTRUSTED]?: true; [UNDER_WAY]?: number };

/** As soon as it has been accepted. */
export function attendClose(socket: Caller): void {
  const closing = new AbortController();
  socket[CLOSED] = closing.signal;
  socket.once('close', () => closing.abort());
}

/** @param socket that has been attended to */
export const closedOf = (socket: Caller): AbortSignal => socket[CLOSED]!;

export function distrust(socket: Caller): void {
  socket[DISTRUSTED] = true;
}
export const isDistrusted = (socket: Caller): boolean => socket[DISTRUSTED] === true;

export function requestBegun(socket: Caller): void {
  socket[UNDER_WAY] = (socket[UNDER_WAY] ?? 0) + 1;
}
export function requestEnded(socket: Caller): void {
  socket[UNDER_WAY]!--;
}

/** It has been silent for `callerStallMs`. */
export function giveUpStalled(socket: Caller): void {
  // With a request under way and nothing left to be taken, the silence is the upstream's, which has limits of its own.
  if ((socket[UNDER_WAY] ?? 0) === 0 || socket.writableLength > 0) socket.destroy();
}
