/**
 * Request bodies on their way out of one session, in turns of a frame each, as far as both windows let them
 * (RFC 9113 § 5.2).
 *
 * Invariants:
 *   (1) No DATA goes out beyond the window of its stream or of the session.
 *   (2) `queued` is set exactly while a body stands in the queue; there it stands only if its stream's window, or the
 *       lack of anything to count, lets it send.
 *   (3) Each body has one chunk at a time, and `taken` is told once for each.
 *   (4) A large body does not keep a small one waiting for longer than a frame of each other body.
 */
import { PassingMap } from '../../core/passing-map.ts';
import { WINDOW_INITIAL, WINDOW_MAX } from '../../wire/h2/codes.ts';
import type { FrameWriter } from '../../wire/h2/frame-writer.ts';

const NOTHING = new Uint8Array(0);
/** Servers read by 4 KiB and more. */
const PIECE_BYTES = 4_096;

/** One stream's body. */
export class Outgoing {
  readonly id: number;
  /** Bytes the peer takes of it at the moment; below 0 after it took some of them back. */
  window: number;
  /** Ended, or given up. */
  over = false;
  /** A text is one of ASCII, whose characters are its bytes. */
  chunk: Uint8Array | string = NOTHING;
  at = 0;
  last = false;
  queued = false;
  readonly taken: () => void;
  readonly moved: () => void;

  /**
   * @param taken the chunk has gone out whole: offer the next
   * @param moved a part of it has
   */
  constructor(id: number, window: number, taken: () => void, moved: () => void = nothing) {
    this.id = id;
    this.window = window;
    this.taken = taken;
    this.moved = moved;
  }
}

function nothing(): void {}

export class Outflow {
  /** Bytes the peer takes on the session at the moment. */
  window = WINDOW_INITIAL;
  /** Pieces that a peer may have read them in, and credited one by one: frames, and what large ones are read by. */
  pieces = 0;
  #queue: Outgoing[] = [];
  readonly #bodies = new PassingMap<number, Outgoing>();

  /** Whether anything waits to be sent. */
  get ready(): boolean {
    return this.#queue.length > 0;
  }

  add(body: Outgoing): void {
    this.#bodies.set(body.id, body);
  }

  /** Whether a body is under way, or its end still to be told. */
  has(id: number): boolean {
    return this.#bodies.get(id) !== undefined;
  }

  /** Its stream is over. */
  drop(id: number): void {
    const body = this.#bodies.get(id);
    if (body === undefined) return;
    body.over = true;
    this.#bodies.delete(id);
  }

  offer(body: Outgoing, chunk: Uint8Array | string, last: boolean): void {
    body.chunk = chunk;
    body.at = 0;
    body.last = last;
    this.#wake(body);
  }

  /** @returns whether the window is one there may be (§ 6.9.1) */
  widen(id: number, bytes: number): boolean {
    if (id === 0) return (this.window += bytes) <= WINDOW_MAX;
    const body = this.#bodies.get(id);
    if (body === undefined) return true; // nothing more is sent there
    body.window += bytes;
    this.#wake(body);
    return body.window <= WINDOW_MAX;
  }

  /** The peer has changed the window of all streams (§ 6.9.2). @returns as `widen` */
  shift(bytes: number): boolean {
    let allowed = true;
    for (const { id } of this.#bodies.values()) allowed = this.widen(id, bytes) && allowed;
    return allowed;
  }

  /** Writes what may go out, until about `bytesMax` lie in the writer. @returns whether more could follow at once */
  pump(writer: FrameWriter, frameBytesMax: number, bytesMax: number): boolean {
    while (this.#queue.length > 0 && writer.size < bytesMax) {
      const body = this.#queue[0]!;
      const left = body.chunk.length - body.at;
      if (!body.over && left > 0 && this.window <= 0) return false;
      this.#queue.shift();
      body.queued = false;
      if (body.over) continue;
      const count = Math.max(Math.min(left, body.window, this.window, frameBytesMax), 0);
      if (count === 0 && left > 0) continue; // its window went while it stood here
      this.#send(writer, body, count, body.last && count === left);
    }
    return this.#queue.length > 0;
  }

  #send(writer: FrameWriter, body: Outgoing, count: number, end: boolean): void {
    writer.data(body.id, body.chunk, body.at, body.at + count, end);
    body.at += count;
    body.window -= count;
    this.window -= count;
    this.pieces += Math.max(1, Math.floor(count / PIECE_BYTES));
    if (body.at < body.chunk.length) {
      if (count > 0) body.moved();
      return this.#wake(body);
    }
    body.chunk = NOTHING;
    body.at = 0;
    if (end) this.drop(body.id);
    body.taken();
  }

  #wake(body: Outgoing): void {
    if (body.queued || body.over) return;
    if (body.at < body.chunk.length) {
      if (body.window <= 0) return;
      this.#queue.push(body);
    } else if (body.last) {
      this.#queue.unshift(body); // an end weighs nothing: no window keeps it back
    } else return;
    body.queued = true;
  }
}
