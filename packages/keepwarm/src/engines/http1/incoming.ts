/**
 * A reply as it comes in: its head noted, its body kept until it is whole, or passed on as it arrives once somebody
 * asked for that. It serves one exchange after another, so a small call makes no parser and no parts of one.
 *
 *   begin ──▶ head ──▶ body (kept) ──▶ ended
 *                        └──▶ body (piped) ──▶ ended
 *
 * Invariants:
 *   (1) Between `begin` and `ended`, `bytes` counts the body as it came and never passes `bodyBytesMax`.
 *   (2) What is kept is handed over once: to `whole`, or to the pipe.
 *   (3) After `release` nothing of the last reply is held.
 */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import type { Socket } from 'node:net';
import type { Call } from '../../core/call.ts';
import { Reply } from '../../core/reply.ts';
import { ReplyFields } from '../../core/reply-fields.ts';
import type { ResponseHead } from '../../wire/response-head.ts';
import { type MessageHandler, type ParserLimits, ResponseParser } from '../../wire/response-parser.ts';
import { LANDING_BYTES, landingFor, readBuffer } from '../reading.ts';
import { BodyHandle, BodyPipe, type PipeOwner } from './body-pipe.ts';
import type { Connection } from './connection.ts';
import { Delivery } from './delivery.ts';
import { limitReached } from './failures.ts';

const EMPTY = Buffer.alloc(0);
const NO_TRAILERS: readonly string[] = [];

/**
 * JSON up to this length that comes in one piece is kept as text: nearly everybody wants it so, and is spared a copy.
 * Who wants the bytes has them made of it again, which a longer body would feel.
 */
const TEXT_BYTES_MAX = 16 * 1024;

export class Incoming implements MessageHandler {
  /** Whether the final head has been read. */
  begun = false;
  ended = false;
  /** Once ended: whether the connection may be used again. */
  persistent = false;
  /** Whether the body is in a content coding. */
  encoded = false;
  /** Seconds the peer says it keeps the connection, or -1. */
  keepAliveSeconds = -1;
  readonly #parser: ResponseParser;
  #bodyBytesMax = 0;
  #bytes = 0;
  #status = 0;
  #head = '';
  #trailers = NO_TRAILERS;
  #first: Buffer | undefined;
  #more: Buffer[] | undefined;
  /** The whole body, where it is kept as text. */
  #text: string | undefined;
  /** The length of a body to keep as text, if it comes in one piece; or -1. */
  #textBytes = -1;
  #wantsBytes = false;
  #pipe: BodyPipe | undefined;
  /** Where the bytes of this read lie, until they are handed on for good, and up to where. */
  #landed: Buffer = readBuffer;
  #landedTo = 0;
  #onInterim: Call['onInterim'];

  constructor(limits: ParserLimits) {
    this.#parser = new ResponseParser(limits);
  }

  begin({ method, limits: { bodyBytesMax }, onInterim, wantsBytes }: Call): void {
    this.#wantsBytes = wantsBytes === true;
    this.begun = false;
    this.ended = false;
    this.#bytes = 0;
    this.#bodyBytesMax = bodyBytesMax;
    this.#onInterim = onInterim;
    this.#parser.begin(method, this);
  }

  /** @returns how many of the bytes belong to this reply @throws NetError `PROTOCOL` or `LIMIT` */
  read(bytes: Buffer, count: number): number {
    this.#landed = bytes;
    this.#landedTo = count;
    return this.#parser.read(bytes, 0, count);
  }

  /** Where the next read should lead, for a reader who keeps what it gets, after one of so many bytes. */
  landing(socket: Socket, count: number): Buffer | undefined {
    const { bytesLeft } = this.#parser;
    // The end of the body, and what may come after it, is read into the shared buffer.
    if (bytesLeft >= 0 && bytesLeft <= LANDING_BYTES) return undefined;
    if (this.#landed !== readBuffer) return this.#landed;
    return count >= LANDING_BYTES / 2 ? landingFor(socket) : undefined;
  }

  /** The peer ended its side. @throws NetError `RESET` when that cut the reply short */
  finish(): void {
    this.#parser.finish();
  }

  /** The reply with its whole body. To be asked for once, after the end. */
  whole(connection: Connection): Reply {
    const reply = this.#reply(connection, this.#text ?? this.#bytesKept());
    reply.trailers = this.#trailers;
    return reply;
  }

  /** The reply with a body that is still to come, in part or in whole; from now on what arrives goes there. */
  piped(connection: Connection, owner: PipeOwner): { readonly reply: Reply; readonly delivery: Delivery } {
    const kept = this.#first === undefined ? [] : [this.#first, ...(this.#more ?? [])];
    const { bytesLeft } = this.#parser;
    this.#pipe = new BodyPipe(owner, bytesLeft < 0 ? -1 : this.#bytes + bytesLeft, kept);
    const reply = this.#reply(connection, new BodyHandle(this.#pipe));
    return { reply, delivery: new Delivery(reply.ending!, this.#pipe) };
  }

  get trailers(): readonly string[] {
    return this.#trailers;
  }

  /** Lets go of everything the reply was made of, before the next one. */
  release(): void {
    this.#first = undefined;
    this.#more = undefined;
    this.#text = undefined;
    this.#pipe = undefined;
    this.#trailers = NO_TRAILERS;
    this.#onInterim = undefined;
  }

  onInterim(status: number, text: string): void {
    this.#onInterim?.(status, new ReplyFields(text));
  }

  onHead(head: ResponseHead, text: string, hasBody: boolean): void {
    this.begun = true;
    this.encoded = head.encoded && hasBody;
    this.keepAliveSeconds = head.keepAliveSeconds;
    this.#status = head.status;
    this.#head = text;
    const asText = head.isJson && !this.#wantsBytes && !this.encoded && head.contentLength <= TEXT_BYTES_MAX;
    this.#textBytes = asText ? head.contentLength : -1;
    if (hasBody && head.contentLength > this.#bodyBytesMax) throw this.#tooLong();
  }

  onData(bytes: Buffer, from: number, to: number): void {
    this.#bytes += to - from;
    if (this.#bytes > this.#bodyBytesMax) throw this.#tooLong();
    if (this.#pipe !== undefined) this.#pipe.push(bytes, from, to, this.#gives(bytes, from, to));
    else if (to - from === this.#textBytes && this.#keepText(bytes, from, to)) return;
    else if (this.#first === undefined) this.#first = copyOf(bytes, from, to);
    else (this.#more ??= []).push(copyOf(bytes, from, to));
  }

  onEnd(persistent: boolean, trailers: readonly string[]): void {
    this.ended = true;
    this.persistent = persistent;
    this.#trailers = trailers;
  }

  /**
   * Whether the piece is handed on with the memory it lies in: that is its own, most of it is used, and nothing behind
   * it is still to be read.
   */
  #gives(bytes: Buffer, from: number, to: number): boolean {
    if (bytes === readBuffer || to < this.#landedTo || (to - from) * 2 < bytes.length) return false;
    this.#landed = readBuffer;
    return true;
  }

  #bytesKept(): Buffer {
    const first = this.#first ?? EMPTY;
    return this.#more === undefined ? first : Buffer.concat([first, ...this.#more]);
  }

  /** @returns false for what is not UTF-8, or begins with a byte order mark: these bytes could not be had again */
  #keepText(bytes: Buffer, from: number, to: number): boolean {
    if (bytes[from] === MARK) return false;
    const text = bytes.toString('utf8', from, to);
    if (text.includes(REPLACED)) return false;
    this.#text = text;
    return true;
  }

  #reply(connection: Connection, body: Uint8Array | string | BodyHandle): Reply {
    const reply = new Reply(this.#status, this.#head, body, this.encoded, connection.id, connection.leases > 1);
    reply.from = connection.origin;
    return reply;
  }

  #tooLong(): Error {
    return limitReached('bodyBytesMax', this.#bodyBytesMax, 'bytes of body');
  }
}

/** What stands for each piece that is not UTF-8; where it is itself in the text, that is kept as bytes. */
const REPLACED = '\ufffd';
/** The first byte of a byte order mark. */
const MARK = 0xef;

/** Cheaper for small ranges than a view and a copy of it. */
function copyOf(bytes: Buffer, from: number, to: number): Buffer {
  const copy = Buffer.allocUnsafe(to - from);
  bytes.copy(copy, 0, from, to);
  return copy;
}
