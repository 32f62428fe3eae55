/**
 * WebSocket frames as bytes (RFC 6455 § 5), for either end: what comes in is read strictly. What a client sends is
 * masked and what a server sends is not, and each end holds the other to that.
 *
 *           fin ┌──────────┐
 *   head ──▶ payload ──▶ head       a message ends with the frame that says so
 *    └─ fault ──▶ broken            where the next frame begins is no longer known
 *
 * Invariants:
 *   (1) The result does not depend on how the bytes were cut.
 *   (2) Messages are reported in order, each once, whole; control frames as they come, even between fragments.
 *   (3) No more than `messageBytesMax` are kept of a message, and no more than have arrived: an announced length takes
 *       no memory.
 *   (4) What § 5 forbids is PROTOCOL: a server's mask, a client without one, reserved bits or opcodes, long or cut
 *       control frames, lengths not written the shortest way, continuations of nothing, text that is not UTF-8, close
 *       codes nobody may send.
 *   (5) After a close frame or a fault nothing more is read.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { NetError } from '../core/error.ts';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameHandler {
  onText(text: string): void;
  /** The bytes are the handler's to keep. */
  onBinary(bytes: Buffer): void;
  onPing(payload: Buffer): void;
  onPong(): void;
  /** 1005 stands for a close frame without a code (§ 7.1.5). */
  onClose(code: number, reason: string): void;
}

const NOTHING = Buffer.alloc(0);
/** A frame's head: two bytes, up to eight of length, and a client's mask (§ 5.1). */
const HEAD_BYTES_MAX = 14;
const MASK_BYTES = 4;
const CONTROL_BYTES_MAX = 125;
/** Of these the code takes two. */
const REASON_BYTES_MAX = CONTROL_BYTES_MAX - 2;
/** The first piece kept of a message, in bytes; doubled as more arrives. */
const KEPT_BYTES = 1024;
const NO_CODE = 1005;
/** What a peer is told (§ 7.4.1). */
const FAULT = { protocol: 1002, text: 1007, size: 1009 } as const;

export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #bytesMax: number;
  /** The peer is a client. */
  readonly #masked: boolean;
  /** The close code for what the peer did wrong, once it has. */
  fault: number | undefined;
  readonly #head = Buffer.alloc(HEAD_BYTES_MAX);
  #headBytes = 0;
  #state: 'head' | 'payload' | 'ended' = 'head';
  #fin = false;
  #opcode = 0;
  /** Of the present frame's payload, what has not arrived. */
  #left = 0;
  readonly #mask = new Uint8Array(MASK_BYTES);
  /** Which byte of the mask is next. */
  #maskAt = 0;
  /** What the fragments of the present message are: 0 between messages. */
  #kind = 0;
  /** The present message, in the first `#keptBytes`. */
  #kept = NOTHING;
  #keptBytes = 0;
  /** A control frame's payload: it may stand between the fragments of a message. */
  #control = NOTHING;
  #controlBytes = 0;

  /** @param peer who sends the frames: a server does not mask them, a client does */
  constructor(handler: FrameHandler, messageBytesMax: number, peer: 'server' | 'client' = 'server') {
    this.#handler = handler;
    this.#bytesMax = messageBytesMax;
    this.#masked = peer === 'client';
  }

  /**
   * The bytes of a client are unmasked where they are.
   *
   * @throws NetError `PROTOCOL` or `LIMIT`; `fault` is then what to tell the peer
   */
  read(bytes: Buffer, from: number, to: number): void {
    let at = from;
    try {
      while (this.#state !== 'ended' && (at < to || (this.#state === 'payload' && this.#left === 0))) {
        at = this.#state === 'head' ? this.#readHead(bytes, at, to) : this.#readPayload(bytes, at, to);
      }
    } catch (error) {
      this.fault ??= error instanceof NetError && error.code === 'LIMIT' ? FAULT.size : FAULT.protocol;
      this.#end();
      throw error;
    }
  }

  #readHead(bytes: Buffer, from: number, to: number): number {
    let at = from;
    let needed = 2;
    for (;;) {
      while (this.#headBytes < needed && at < to) this.#head[this.#headBytes++] = bytes[at++]!;
      if (this.#headBytes < needed) return at;
      const short = this.#head[1]! & 0x7f;
      const all = (short === 126 ? 4 : short === 127 ? 10 : 2) + ((this.#head[1]! & 0x80) === 0 ? 0 : MASK_BYTES);
      if (needed === all) break;
      needed = all;
    }
    this.#headBytes = 0;
    this.#begin(this.#head);
    return at;
  }

  #begin(head: Buffer): void {
    const first = head[0]!;
    const second = head[1]!;
    this.#fin = (first & 0x80) !== 0;
    this.#opcode = first & 0x0f;
    if ((first & 0x70) !== 0) throw broken('a reserved bit is set, and no extension was agreed');
    const masked = (second & 0x80) !== 0;
    if (masked !== this.#masked) throw broken(masked ? 'a masked frame from the server' : 'a frame without a mask');
    const short = second & 0x7f;
    const length = lengthOf(head, short);
    if (masked) {
      const start = short === 126 ? 4 : short === 127 ? 10 : 2;
      for (let i = 0; i < MASK_BYTES; i++) this.#mask[i] = head[start + i]!;
      this.#maskAt = 0;
    }
    if (this.#opcode >= OPCODE.close) this.#beginControl(length);
    else this.#beginData(length);
    this.#left = length;
    this.#state = 'payload';
  }

  #beginControl(length: number): void {
    if (this.#opcode > OPCODE.pong) throw broken(`reserved opcode ${this.#opcode}`);
    if (!this.#fin) throw broken('a control frame in pieces');
    if (length > CONTROL_BYTES_MAX) throw broken(`a control frame of ${length} bytes`);
    this.#control = length === 0 ? NOTHING : Buffer.allocUnsafe(length);
    this.#controlBytes = 0;
  }

  #beginData(length: number): void {
    if (this.#opcode > OPCODE.binary) throw broken(`reserved opcode ${this.#opcode}`);
    const continues = this.#opcode === OPCODE.continuation;
    if (continues && this.#kind === 0) throw broken('a continuation of nothing');
    if (!continues && this.#kind !== 0) throw broken('a new message within another');
    if (!continues) this.#kind = this.#opcode;
    if (this.#keptBytes + length > this.#bytesMax) {
      throw new NetError(
        'LIMIT',
        `a message has more than ${this.#bytesMax} bytes (limit messageBytesMax ${this.#bytesMax})`,
        { reach: 'answered', phase: 'body', limit: 'messageBytesMax', value: this.#bytesMax },
      );
    }
  }

  #readPayload(bytes: Buffer, from: number, to: number): number {
    const end = Math.min(to, from + this.#left);
    this.#left -= end - from;
    if (this.#masked) this.#unmask(bytes, from, end);
    const whole = this.#left === 0;
    if (this.#opcode >= OPCODE.close) {
      bytes.copy(this.#control, this.#controlBytes, from, end);
      this.#controlBytes += end - from;
      if (whole) this.#endControl();
    } else if (whole && this.#fin && this.#keptBytes === 0) {
      this.#endMessage(bytes, from, end); // arrived in one piece: nothing is copied but what is handed over
    } else {
      this.#keep(bytes, from, end);
      if (whole && this.#fin) this.#endMessage(this.#kept, 0, this.#keptBytes);
    }
    if (whole && this.#state === 'payload') this.#state = 'head';
    return end;
  }

  #unmask(bytes: Buffer, from: number, to: number): void {
    const mask = this.#mask;
    let at = this.#maskAt;
    for (let i = from; i < to; i++) bytes[i] = bytes[i]! ^ mask[at++ & 3]!;
    this.#maskAt = at & 3;
  }

  #keep(bytes: Buffer, from: number, to: number): void {
    const needed = this.#keptBytes + to - from;
    if (needed > this.#kept.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, Math.min(this.#kept.length * 2, this.#bytesMax), KEPT_BYTES));
      this.#kept.copy(grown, 0, 0, this.#keptBytes);
      this.#kept = grown;
    }
    bytes.copy(this.#kept, this.#keptBytes, from, to);
    this.#keptBytes = needed;
  }

  #endMessage(bytes: Buffer, from: number, to: number): void {
    const kind = this.#kind;
    const message = bytes.subarray(from, to);
    this.#kind = 0;
    this.#kept = NOTHING;
    this.#keptBytes = 0;
    if (kind === OPCODE.binary) return this.#handler.onBinary(Buffer.from(message));
    if (!isUtf8(message)) throw this.#notText('text that is not UTF-8');
    this.#handler.onText(message.toString('utf8'));
  }

  #endControl(): void {
    const payload = this.#control;
    this.#control = NOTHING;
    if (this.#opcode === OPCODE.ping) return this.#handler.onPing(payload);
    if (this.#opcode === OPCODE.pong) return this.#handler.onPong();
    if (payload.length === 1) throw broken('a close code of one byte');
    const code = payload.length === 0 ? NO_CODE : payload.readUInt16BE(0);
    if (payload.length > 0 && !maySend(code)) throw broken(`close code ${code}`);
    const reason = payload.subarray(2);
    if (!isUtf8(reason)) throw this.#notText('a close reason that is not UTF-8');
    this.#end();
    this.#handler.onClose(code, reason.toString('utf8'));
  }

  #notText(what: string): NetError {
    this.fault = FAULT.text;
    return broken(what);
  }

  #end(): void {
    this.#state = 'ended';
    this.#kept = NOTHING;
    this.#keptBytes = 0;
  }
}

function lengthOf(head: Buffer, short: number): number {
  if (short < 126) return short;
  const length = short === 126 ? head.readUInt16BE(2) : head.readUInt32BE(2) * 2 ** 32 + head.readUInt32BE(6);
  if (head[2]! >= 0x80 && short === 127) throw broken('a length with its highest bit set');
  if (length < 126 || (short === 127 && length < 65_536)) throw broken('a length not written the shortest way');
  return length;
}

/** § 7.4.1 and the registry it began. */
function maySend(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

/** One whole frame from a server. */
export function plainFrame(opcode: number, payload: Buffer): Buffer {
  const start = lengthBytes(payload.length);
  const frame = Buffer.allocUnsafe(start + payload.length);
  writeHead(frame, opcode, payload.length, 0);
  payload.copy(frame, start);
  return frame;
}

/** A close frame's payload: the code, and as much of the reason as fits (§ 5.5.1). */
export function closePayload(code: number, reason: string): Buffer {
  let words = Buffer.from(reason);
  if (words.length > REASON_BYTES_MAX) {
    let end = REASON_BYTES_MAX;
    while ((words[end]! & 0xc0) === 0x80) end--; // a character is kept whole or not at all
    words = words.subarray(0, end);
  }
  const payload = Buffer.allocUnsafe(2 + words.length);
  payload.writeUInt16BE(code, 0);
  words.copy(payload, 2);
  return payload;
}

/** One whole frame from the client, masked with the four bytes of `mask` (§ 5.3). */
export function maskedFrame(opcode: number, payload: Buffer, mask: Uint8Array): Buffer {
  const { length } = payload;
  const start = lengthBytes(length) + MASK_BYTES;
  const frame = Buffer.allocUnsafe(start + length);
  writeHead(frame, opcode, length, 0x80);
  frame.set(mask, start - MASK_BYTES);
  for (let i = 0; i < length; i++) frame[start + i] = payload[i]! ^ mask[i & 3]!;
  return frame;
}

const lengthBytes = (length: number): number => (length < 126 ? 2 : length < 65_536 ? 4 : 10);

function writeHead(frame: Buffer, opcode: number, length: number, masked: number): void {
  frame[0] = 0x80 | opcode;
  if (length < 126) {
    frame[1] = masked | length;
  } else if (length < 65_536) {
    frame[1] = masked | 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = masked | 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
}

function broken(what: string): NetError {
  return new NetError('PROTOCOL', `the peer broke the WebSocket protocol: ${what}`, {
    reach: 'answered',
    phase: 'body',
  });
}
