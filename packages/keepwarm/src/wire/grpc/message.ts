/**
 * Messages in a body: one byte that says whether it is compressed, four of length, then the message
 * (grpc/grpc doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message").
 *
 *   prefix (0…5 bytes) ──length known, within the limit──▶ message (0…length bytes) ──whole──▶ told, prefix again
 *
 * Invariants of the reader:
 *   (1) A message is told once, whole, in memory that is never written again: the bytes it came in are the
 *       connection's. Small ones that came together lie in one memory.
 *   (2) Memory follows what has come, not what was announced; every byte is copied at most a constant number of times.
 *   (3) Nothing is told after a fault.
 */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel

export const PREFIX_BYTES = 5;

/** What a length can say at most (32 bits). */
const LENGTH_MAX = 2 ** 32 - 1;

/** A message with its prefix. */
export function framed(message: Uint8Array, compressed: boolean): Uint8Array {
  const { length } = message;
  if (length > LENGTH_MAX) throw new MessageFault('too large', length);
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + length);
  bytes[0] = compressed ? 1 : 0;
  bytes.writeUInt32BE(length, 1);
  bytes.set(message, PREFIX_BYTES);
  return bytes;
}

/** What is wrong with a message: its length is beyond the limit, or its first byte is neither 0 nor 1. */
export class MessageFault extends Error {
  override readonly name = 'MessageFault';
  readonly why: 'too large' | 'bad flag';
  /** The length it announced, or that byte. */
  readonly value: number;

  constructor(why: MessageFault['why'], value: number) {
    super(`a message with ${why === 'too large' ? 'a length of' : 'the flag'} ${value}`);
    this.why = why;
    this.value = value;
  }
}

/** Messages of up to so many bytes that come in one piece are copied at once. */
const SMALL_BYTES_MAX = 4 * 1024;
/** So many bytes of them; then the next copy begins: each of them keeps all of it, and Node's pool holds several. */
const SHARED_BYTES_MAX = 16 * 1024;
/** Memory taken for a message before any of it has come; a longer one grows into its own, twofold each time. */
const AHEAD_BYTES = 1024 * 1024;
const NOTHING = Buffer.alloc(0);

export class MessageReader {
  readonly #bytesMax: number;
  readonly #tell: (message: Buffer, compressed: boolean) => void;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  #prefixBytes = 0;
  /** Nothing while a prefix is being read. */
  #message: Buffer | undefined;
  #length = 0;
  #at = 0;

  /** @param bytesMax of one message, as it comes */
  constructor(bytesMax: number, tell: (message: Buffer, compressed: boolean) => void) {
    this.#bytesMax = bytesMax;
    this.#tell = tell;
  }

  /** Whether a message has begun that is not whole. */
  get partial(): boolean {
    return this.#prefixBytes > 0;
  }

  /** @throws MessageFault, after which it must not be fed again */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#message !== undefined) at = this.#readMessage(chunk, at, this.#message);
      else if (this.#prefixBytes === 0) at = this.#readRun(chunk, at);
      else at = this.#readPrefix(chunk, at);
    }
  }

  /** Small messages that lie whole one behind the other are copied at once; what follows is read step by step. */
  #readRun(chunk: Uint8Array, from: number): number {
    let end = from;
    for (let next = from; next >= 0; next = this.#smallEnd(chunk, end)) {
      end = next;
      if (end - from >= SHARED_BYTES_MAX) break;
    }
    if (end === from) return this.#readPrefix(chunk, from);
    const run = Buffer.allocUnsafe(end - from);
    run.set(from === 0 && end === chunk.length ? chunk : chunk.subarray(from, end));
    for (let at = 0; at < run.length; ) {
      const to = at + PREFIX_BYTES + lengthAt(run, at);
      this.#tell(run.subarray(at + PREFIX_BYTES, to), run[at] === 1);
      at = to;
    }
    return end;
  }

  /** Where the small message ends that begins here; below 0 where it is none, is not whole, or would be a fault. */
  #smallEnd(chunk: Uint8Array, at: number): number {
    if (at + PREFIX_BYTES > chunk.length || chunk[at]! > 1) return -1;
    const length = lengthAt(chunk, at);
    const end = at + PREFIX_BYTES + length;
    return length > SMALL_BYTES_MAX || length > this.#bytesMax || end > chunk.length ? -1 : end;
  }

  #readPrefix(chunk: Uint8Array, from: number): number {
    const prefix = this.#prefix;
    let at = from;
    while (this.#prefixBytes < PREFIX_BYTES && at < chunk.length) prefix[this.#prefixBytes++] = chunk[at++]!;
    if (this.#prefixBytes < PREFIX_BYTES) return at;
    const flag = prefix[0]!;
    if (flag > 1) throw new MessageFault('bad flag', flag);
    this.#length = prefix.readUInt32BE(1);
    if (this.#length > this.#bytesMax) throw new MessageFault('too large', this.#length);
    this.#at = 0;
    if (this.#length === 0) this.#whole(NOTHING);
    else this.#message = Buffer.allocUnsafe(Math.min(this.#length, AHEAD_BYTES));
    return at;
  }

  #readMessage(chunk: Uint8Array, from: number, message: Buffer): number {
    const to = Math.min(chunk.length, from + this.#length - this.#at);
    const needed = this.#at + to - from;
    const into = needed <= message.length ? message : this.#grow(message, needed);
    into.set(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to), this.#at);
    this.#at = needed;
    if (needed === this.#length) this.#whole(into);
    return to;
  }

  #grow(message: Buffer, needed: number): Buffer {
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#length, Math.max(message.length * 2, needed)));
    message.copy(larger, 0, 0, this.#at);
    this.#message = larger;
    return larger;
  }

  #whole(message: Buffer): void {
    this.#message = undefined;
    this.#prefixBytes = 0;
    this.#tell(message, this.#prefix[0] === 1);
  }
}

/** The length in the prefix that begins here. */
function lengthAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!) >>> 0;
}
