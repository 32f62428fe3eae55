/**
 * Two sockets as one way: what comes out of either goes into the other, at the pace of the slower, until both have said
 * that they are done, or one is lost.
 *
 *   joined ──▶ half (one side has ended; the other way stays open) ──▶ over
 *     └──────────────────────┴── lost, silent for `idleMs`, close() ──▶ over
 *
 * Invariants:
 *   (1) Bytes cross in order, unchanged, each once; while a reader takes nothing, nothing more is read for it.
 *   (2) The end of one side is told to the other after all its bytes, and only that way.
 *   (3) A side that is lost takes the other with it, by a reset where that can be: a cut way never looks ended.
 *   (4) `over` is told once, when neither socket is open any more.
 */
import type { Socket } from 'node:net';

export interface SpliceOptions {
  /** Nothing either way for so long, and it is closed, in ms; `Infinity` for never. */
  readonly idleMs: number;
  over(): void;
}

export class Splice {
  readonly #caller: Socket;
  readonly #upstream: Socket;
  readonly #options: SpliceOptions;
  #open = 2;
  bytesUp = 0;
  bytesDown = 0;

  constructor(caller: Socket, upstream: Socket, options: SpliceOptions) {
    this.#caller = caller;
    this.#upstream = upstream;
    this.#options = options;
  }

  /** With what has been read already of each side, beyond its head. */
  start(fromCaller: Buffer, fromUpstream: Buffer): void {
    const { idleMs } = this.#options;
    // All that crosses goes through the caller's socket, whose own silence is therefore that of both.
    this.#caller.setTimeout(idleMs > TIMER_MS_MAX ? 0 : idleMs, () => this.close());
    this.#upstream.setTimeout(0);
    this.#caller.setNoDelay(true);
    this.#upstream.setNoDelay(true);
    this.#watch(this.#caller, this.#upstream);
    this.#watch(this.#upstream, this.#caller);
    this.#pass(this.#caller, this.#upstream, (count) => (this.bytesUp += count), fromCaller);
    this.#pass(this.#upstream, this.#caller, (count) => (this.bytesDown += count), fromUpstream);
  }

  /** At once, both ways. Twice is harmless. */
  close(): void {
    this.#caller.destroy();
    this.#upstream.destroy();
  }

  #watch(side: Socket, other: Socket): void {
    // An 'error' is always followed by 'close'.
    side
      .on('error', () => {})
      .on('close', () => {
        if (!(side.readableEnded && side.writableFinished)) reset(other);
        if (--this.#open === 0) this.#options.over();
      });
    if (side.destroyed) side.emit('close');
  }

  #pass(from: Socket, to: Socket, count: (bytes: number) => void, first: Buffer): void {
    const write = (bytes: Buffer): void => {
      count(bytes.length);
      if (!to.write(bytes)) from.pause();
    };
    from.allowHalfOpen = true;
    if (first.length > 0) write(first);
    from.on('data', write).on('end', () => to.end());
    to.on('drain', () => from.resume());
    if (from.readableEnded) to.end();
    else from.resume();
  }
}

/** The longest delay that a timer takes (2³¹ − 1 ms). */
const TIMER_MS_MAX = 2_147_483_647;

/** Where the system can tell a cut from an end; not under TLS, which tells it by itself, nor on Unix domain sockets. */
function reset(socket: Socket): void {
  if (socket.destroyed) return;
  if ('encrypted' in socket || socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}
