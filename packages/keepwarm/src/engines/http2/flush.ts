/**
 * When and how what a session has to say goes out: at the end of what is being read, or of the turn of the event loop
 * when much is under way, and at once otherwise; always all of it in one write.
 *
 * Invariants:
 *   (1) After `end` nothing is written, whatever was put off.
 *   (2) `writtenId` is the last stream whose HEADERS the system has taken: none above it can have been processed.
 *   (3) At most `WRITES_MAX` writes are under way; what there is to say meanwhile gathers, up to `unsentBytesMax`: a
 *       peer that asks without reading the answers costs no more than that, and then its session.
 */
import type { Socket } from 'node:net';
import type { FrameWriter } from '../../wire/h2/frame-writer.ts';
import type { Writer } from '../http1/turn.ts';
import type { Http2Host } from './host.ts';
import type { Sending } from './liveness.ts';
import { HTTP2 } from './options.ts';
import type { Requests } from './requests.ts';

/** DATA gathered for one write, and writes under way at once: a buffer each, used again and again. */
const WRITE_BYTES = 128 * 1024;
const WRITES_MAX = 2;

/** Why nothing can be written any more. */
export interface Unwritable {
  /** The system knows that the connection is dead, and has taken nothing of this write. */
  refused(error: Error): void;
  /** So much is to be read by a peer that does not. */
  deaf(bytes: number): void;
}

export class Flush implements Writer, Sending {
  writtenId = 0;
  taken = 0;
  readonly #host: Http2Host;
  readonly #socket: Socket;
  readonly #out: FrameWriter;
  readonly #requests: Requests;
  readonly #unwritable: Unwritable;
  readonly #writing: Buffer[] = [];
  #held = false;
  #comes = false;
  #over = false;

  constructor(host: Http2Host, socket: Socket, out: FrameWriter, requests: Requests, unwritable: Unwritable) {
    this.#host = host;
    this.#socket = socket;
    this.#out = out;
    this.#requests = requests;
    this.#unwritable = unwritable;
  }

  get heldUp(): boolean {
    return this.#writing.length > 0;
  }

  /** Nothing goes out before all of this has been done; then it is for the caller to ask for it. */
  together(work: () => void): void {
    const held = this.#held;
    this.#held = true;
    try {
      work();
    } finally {
      this.#held = held;
    }
  }

  /** @param quiet the connection was silent for long: it gets a turn to report its death before it is written to */
  readonly soon = (quiet = false): void => {
    if (this.#comes || this.#held || this.#over) return;
    if (this.#host.turn.defers(this, quiet, this.#host.due.size)) this.#comes = true;
    else this.writeNow();
  };

  readonly writeNow = (): void => {
    this.#comes = false;
    const socket = this.#socket;
    for (let more = true; more && !this.#over && this.#writing.length < WRITES_MAX; ) {
      more = this.#requests.pump(WRITE_BYTES);
      if (this.#out.size === 0) break;
      const bytes = this.#out.take();
      this.#writing.push(bytes);
      socket.write(bytes, this.#wrote);
      if (socket.errored !== null) return this.#unwritable.refused(socket.errored);
      this.writtenId = this.#requests.nextId - 2;
    }
    const unsent = this.#out.size + socket.writableLength;
    if (unsent > HTTP2.unsentBytesMax && !this.#over) this.#unwritable.deaf(HTTP2.unsentBytesMax);
  };

  /** The last words, if there are any, and then no more. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#out.size > 0 && this.#socket.writable) this.#socket.write(this.#out.take());
  }

  readonly #wrote = (error?: Error | null): void => {
    const bytes = this.#writing.shift();
    // Of a write that failed, nobody says when the system has let go of it.
    if (!error) this.taken++;
    if (bytes !== undefined && !error) this.#out.reuse(bytes);
    if (this.#out.size > 0 || this.#requests.outflow.ready) this.soon();
  };
}
