/**
 * A request body on its way out in pieces, with backpressure: one that is streamed, or the rest of a large one.
 *
 *   sending ──▶ done         the connection may be used again
 *      └──▶ stopped          it may not: the body is cut short, and the producer was told at once
 *
 * Invariants:
 *   (1) `failed` is told at most once, and never after `stop` or once the socket is gone: whoever stopped it knows why.
 *   (2) The producer's `return` is called whenever it was not read to its end, even while it keeps us waiting.
 */
import type { Socket } from 'node:net';
import type { BodyProducer } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import { chunkLine, LAST_CHUNK } from '../../wire/request-head.ts';
import type { Awaiting } from '../patience.ts';
import { stopSource } from '../stop-source.ts';

/**
 * Bytes that go out at a time. A connection does not tell how much of a write has been taken, only when all of it has:
 * in pieces, a body that moves slowly is told from one that the peer takes nothing of. At 30 s (`firstByteMs`) for
 * each, 9 KB/s are fast enough. Each costs a write and a wait, over TLS more than a tenth of what 1 MB costs: so they
 * are longer where the last one was taken quickly, and to begin with.
 */
const PIECE_BYTES = 256 * 1024;
const FIRST_PIECE_BYTES = 512 * 1024;
const QUICK_PIECE_BYTES = 1024 * 1024;
const QUICK_MS = 1_000;

/** Whose body it is. */
export interface UploadOwner {
  /** What it `awaits` is another now; after the last piece, nobody. */
  uploadMoved(): void;
  /** With NetError `INVALID` for a body that is not what it announced, `ABORTED` for one that threw. */
  uploadFailed(error: NetError): void;
}

export class Upload {
  #state: 'sending' | 'done' | 'stopped' = 'sending';
  awaiting: Awaiting = 'source';
  readonly #socket: Socket;
  readonly #owner: UploadOwner;
  readonly #clock: Clock;
  #pieceBytes = FIRST_PIECE_BYTES;

  constructor(socket: Socket, body: BodyProducer, owner: UploadOwner, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.#owner = owner;
    this.#send(body).then(
      () => {
        if (this.#state === 'done') this.#awaits('nobody');
      },
      (thrown: unknown) => {
        if (this.#state !== 'sending') return;
        this.stop();
        owner.uploadFailed(thrown instanceof NetError ? thrown : sourceFailed(thrown));
      },
    );
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  stop(): void {
    if (this.#state === 'sending') this.#state = 'stopped';
  }

  #awaits(awaiting: Awaiting): void {
    this.awaiting = awaiting;
    this.#owner.uploadMoved();
  }

  async #send(body: BodyProducer): Promise<void> {
    const chunks = body.open()[Symbol.asyncIterator]();
    const onClose = (): void => {
      this.stop();
      stopSource(chunks);
    };
    this.#socket.once('close', onClose);
    try {
      await this.#sendAll(chunks, body.bytes);
    } finally {
      this.#socket.off('close', onClose);
      if (this.#state !== 'done') stopSource(chunks);
    }
  }

  async #sendAll(chunks: AsyncIterator<Uint8Array>, announced: number | undefined): Promise<void> {
    let sent = 0;
    for (;;) {
      const { done, value: chunk } = await chunks.next();
      if (this.#state !== 'sending') return;
      if (done) break;
      if (!(chunk instanceof Uint8Array)) throw wrongBody('yielded something that is not bytes');
      if (chunk.length === 0) continue;
      sent += chunk.length;
      if (announced !== undefined && sent > announced) {
        throw wrongBody(`yielded more than the ${announced} bytes it announced`);
      }
      await this.#give(chunk, announced === undefined);
      if (this.#state !== 'sending') return;
    }
    if (announced === undefined) this.#socket.write(LAST_CHUNK, 'latin1');
    else if (sent !== announced) throw wrongBody(`yielded ${sent} of the ${announced} bytes it announced`);
    this.#state = 'done';
  }

  /** Piece by piece: that a part of it was taken could not be seen otherwise. */
  async #give(chunk: Uint8Array, chunked: boolean): Promise<void> {
    for (let at = 0; at < chunk.length && this.#state === 'sending'; ) {
      const left = chunk.length - at;
      const piece =
        left === chunk.length && left <= this.#pieceBytes ? chunk : chunk.subarray(at, at + this.#pieceBytes);
      at += piece.length;
      if (!sendChunk(this.#socket, piece, chunked)) await this.#taken();
    }
  }

  /** Waits until the peer, or the system, has taken all that was written. */
  async #taken(): Promise<void> {
    const since = this.#clock.now();
    this.#awaits('peer');
    await drained(this.#socket);
    this.#pieceBytes = this.#clock.now() - since < QUICK_MS ? QUICK_PIECE_BYTES : PIECE_BYTES;
    if (this.#state === 'sending') this.#awaits('source');
  }
}

function sendChunk(socket: Socket, chunk: Uint8Array, chunked: boolean): boolean {
  if (!chunked) return socket.write(chunk);
  socket.cork();
  socket.write(chunkLine(chunk.length), 'latin1');
  socket.write(chunk);
  const more = socket.write('\r\n', 'latin1');
  socket.uncork();
  return more;
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}

export function wrongBody(what: string): NetError {
  return new NetError('INVALID', `the request body ${what}`, { reach: 'unknown', phase: 'write' });
}

export function sourceFailed(cause: unknown): NetError {
  const details = { reach: 'unknown', phase: 'write', cause } as const;
  return new NetError('ABORTED', 'the request body failed while it was sent', details);
}
