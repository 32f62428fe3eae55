/**
 * A streamed request body on its way out, with backpressure.
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
import { NetError } from '../../core/error.ts';
import { chunkLine, LAST_CHUNK } from '../../wire/request-head.ts';

export class Upload {
  #state: 'sending' | 'done' | 'stopped' = 'sending';
  readonly #socket: Socket;

  /** @param failed gets NetError `INVALID` for a body that is not what it announced, `ABORTED` for one that threw */
  constructor(socket: Socket, body: BodyProducer, done: () => void, failed: (error: NetError) => void) {
    this.#socket = socket;
    this.#send(body).then(
      () => {
        if (this.#state === 'done') done();
      },
      (thrown: unknown) => {
        if (this.#state !== 'sending') return;
        this.stop();
        failed(thrown instanceof NetError ? thrown : sourceFailed(thrown));
      },
    );
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  stop(): void {
    if (this.#state === 'sending') this.#state = 'stopped';
  }

  async #send(body: BodyProducer): Promise<void> {
    const chunks = body.open()[Symbol.asyncIterator]();
    const onClose = (): void => {
      this.stop();
      chunks.return?.().catch(ignored);
    };
    this.#socket.once('close', onClose);
    try {
      await this.#sendAll(chunks, body.bytes);
    } finally {
      this.#socket.off('close', onClose);
      if (this.#state !== 'done') chunks.return?.().catch(ignored);
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
      if (!sendChunk(this.#socket, chunk, announced === undefined)) await drained(this.#socket);
      if (this.#state !== 'sending') return;
    }
    if (announced === undefined) this.#socket.write(LAST_CHUNK, 'latin1');
    else if (sent !== announced) throw wrongBody(`yielded ${sent} of the ${announced} bytes it announced`);
    this.#state = 'done';
  }
}

/** A producer told to stop has nothing to say any more that would matter to the call. */
function ignored(): void {}

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
