/**
 * A caller's connection by HTTP/1.1: what its requests have in common, kept on its socket.
 *
 * Invariants:
 *   (1) Answers come in the order of what was asked: what Node would have us write on the socket itself waits for those
 *       that are owed, or closes the connection.
 *   (2) Each request that has begun ends, with its answer or with the connection, wherever it stands in line.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Fires when the connection closes; shared by all its requests, so that none needs one of its own. */
const CLOSED = Symbol('closed');
/** Set when a request on this connection was refused: what follows it there may be a part of it, and is not served. */
const DISTRUSTED = Symbol('distrusted');
/** Answers owed to this connection, in the order of their requests. */
const OWED = Symbol('owed');
/** What is to be done when none of them is left. */
const AFTERWARDS = Symbol('afterwards');

type Caller = Socket & {
  [CLOSED]?: AbortSignal;
  [DISTRUSTED]?: true;
  [OWED]?: Set<ServerResponse>;
  [AFTERWARDS]?: (() => void) | undefined;
};

/** As soon as it has been accepted. */
export function attendClose(socket: Caller): void {
  const closing = new AbortController();
  socket[CLOSED] = closing.signal;
  socket[OWED] = new Set();
  socket.once('close', () => {
    closing.abort();
    // Node tells the first in line by itself, and those behind it never.
    setImmediate(() => {
      for (const response of owedTo(socket)) response.emit('close');
    });
  });
}

/** @param socket that has been attended to */
export const closedOf = (socket: Caller): AbortSignal => socket[CLOSED]!;

export function distrust(socket: Caller): void {
  socket[DISTRUSTED] = true;
}
export const isDistrusted = (socket: Caller): boolean => socket[DISTRUSTED] === true;

const owedTo = (socket: Caller): ServerResponse[] => [...(socket[OWED] ?? [])];

/** How many of its requests have begun and not ended. */
export const asking = (socket: Caller): number => socket[OWED]?.size ?? 0;

export function requestBegun(socket: Caller, response: ServerResponse): void {
  socket[OWED]!.add(response);
}

/** Twice is harmless. */
export function requestEnded(socket: Caller, response: ServerResponse): void {
  if (!socket[OWED]!.delete(response) || asking(socket) > 0) return;
  const afterwards = socket[AFTERWARDS];
  socket[AFTERWARDS] = undefined;
  if (!socket.destroyed) afterwards?.();
}

/** Has `write` write what is to be the last on this connection, when it is its turn; once is enough. */
export function asLast(socket: Caller, write: () => void): void {
  const owed = owedTo(socket);
  const last = owed.at(-1);
  if (last === undefined) write();
  else if (last.req.complete) socket[AFTERWARDS] ??= write;
  // It is about this request, which will never be whole.
  else if (owed.length === 1 && !last.headersSent) write();
  else socket.destroy();
}

/** It has been silent for `callerStallMs`. */
export function giveUpStalled(socket: Caller): void {
  // With a request under way and nothing left to be taken, the silence is the upstream's, which has limits of its own.
  if (asking(socket) === 0 || socket.writableLength > 0) socket.destroy();
}
