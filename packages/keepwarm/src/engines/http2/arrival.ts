/**
 * A reply as it comes in on a stream: its head noted, its body kept until it is whole, or passed on as it arrives once
 * somebody asked for that.
 *
 *   (nothing) ──▶ head ──▶ body (kept) ──▶ whole
 *                             └──▶ body (piped) ──▶ end
 *
 * Invariants:
 *   (1) `bytes` counts the body as it came and never passes `bodyBytesMax`, nor what the head announced.
 *   (2) What is kept is handed over once: to `whole`, or to the pipe.
 */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import type { Call } from '../../core/call.ts';
import type { NetError } from '../../core/error.ts';
import { Reply } from '../../core/reply.ts';
import { ReplyFields } from '../../core/reply-fields.ts';
import type { FieldSection } from '../../wire/hpack/section.ts';
import { BodyHandle, BodyPipe, type PipeOwner } from '../http1/body-pipe.ts';
import { Delivery } from '../http1/delivery.ts';
import { limitReached } from '../http1/failures.ts';
import { tell } from './failures.ts';
import { headOf, type ReplyHead, trailersOf } from './reply-head.ts';

const EMPTY = Buffer.alloc(0);
const NO_TRAILERS: readonly string[] = [];

export class Arrival {
  head: ReplyHead | undefined;
  trailers = NO_TRAILERS;
  readonly #call: Call;
  readonly #interimMax: number;
  #interims = 0;
  #hasBody = false;
  #bytes = 0;
  #first: Buffer | undefined;
  #more: Buffer[] | undefined;
  #pipe: BodyPipe | undefined;

  constructor(call: Call, interimMax: number) {
    this.#call = call;
    this.#interimMax = interimMax;
  }

  /** Bytes still to come, as far as that is known: `Infinity` where it is not. */
  get bytesLeft(): number {
    const announced = this.head?.contentLength ?? -1;
    return announced < 0 ? Number.POSITIVE_INFINITY : announced - this.#bytes;
  }

  /** An interim head, the final one, or trailers. @throws NetError `PROTOCOL` or `LIMIT` */
  take(section: FieldSection<ReplyHead>, endStream: boolean): void {
    if (this.head !== undefined) return this.#takeTrailers(section.fields, endStream);
    const head = headOf(section);
    if (head.fault !== undefined) throw tell.broken(head.fault, 'answered', 'head');
    if (head.status < 200) {
      if (endStream) throw tell.broken('an interim reply that ends the stream', 'answered', 'head');
      if (++this.#interims > this.#interimMax)
        throw limitReached('interimMax', this.#interimMax, 'interim replies', 'head');
      this.#call.onInterim?.(head.status, new ReplyFields(head.text));
      return;
    }
    this.head = head;
    // After HEAD, and with 204 and 304, there is none (RFC 9110 § 6.4.1).
    this.#hasBody = this.#call.method !== 'HEAD' && head.status !== 204 && head.status !== 304;
    if (this.#hasBody && head.contentLength > this.#call.limits.bodyBytesMax) throw this.#tooLong();
  }

  #takeTrailers(fields: readonly string[], endStream: boolean): void {
    const trailers = endStream ? trailersOf(fields) : 'a second head';
    if (typeof trailers === 'string') throw tell.broken(trailers, 'answered', 'body');
    this.trailers = trailers;
  }

  /** @throws NetError `PROTOCOL` or `LIMIT` */
  add(bytes: Buffer, from: number, to: number): void {
    if (this.head === undefined) throw tell.broken('DATA before its HEADERS', 'answered', 'head');
    if (!this.#hasBody) throw tell.broken('a body where there can be none', 'answered', 'body');
    this.#bytes += to - from;
    const { contentLength } = this.head;
    if (contentLength >= 0 && this.#bytes > contentLength) {
      throw tell.broken(`a body longer than its content-length of ${contentLength} bytes`, 'answered', 'body');
    }
    if (this.#bytes > this.#call.limits.bodyBytesMax) throw this.#tooLong();
    if (this.#pipe !== undefined) this.#pipe.push(bytes, from, to);
    else if (this.#first === undefined) this.#first = copyOf(bytes, from, to);
    else (this.#more ??= []).push(copyOf(bytes, from, to));
  }

  /** The stream has ended. @throws NetError `PROTOCOL` when the reply is not what it said it would be */
  finish(): void {
    if (this.head === undefined) throw tell.broken('a stream that ends without a reply', 'answered', 'head');
    const { contentLength } = this.head;
    if (!this.#hasBody || contentLength < 0 || this.#bytes === contentLength) return;
    const why = `a body of ${this.#bytes} bytes, where its content-length says ${contentLength}`;
    throw tell.broken(why, 'answered', 'body');
  }

  /** The reply with its whole body. To be asked for once, after the end. */
  whole(socketId: number, reused: boolean): Reply {
    const first = this.#first ?? EMPTY;
    const body = this.#more === undefined ? first : Buffer.concat([first, ...this.#more]);
    const { status, text, encoded } = this.head!;
    const reply = new Reply(status, text, body, encoded && this.#hasBody, socketId, reused);
    reply.trailers = this.trailers;
    reply.from = this.#call.origin;
    return reply;
  }

  /** The reply with a body that is still to come, in part or in whole; from now on what arrives goes there. */
  piped(socketId: number, reused: boolean, owner: PipeOwner): { readonly reply: Reply; readonly delivery: Delivery } {
    const kept = this.#first === undefined ? [] : [this.#first, ...(this.#more ?? [])];
    this.#first = this.#more = undefined;
    const { status, text, encoded, contentLength } = this.head!;
    this.#pipe = new BodyPipe(owner, contentLength, kept);
    const reply = new Reply(status, text, new BodyHandle(this.#pipe), encoded && this.#hasBody, socketId, reused);
    reply.from = this.#call.origin;
    return { reply, delivery: new Delivery(reply.ending!, this.#pipe) };
  }

  #tooLong(): NetError {
    return limitReached('bodyBytesMax', this.#call.limits.bodyBytesMax, 'bytes of body');
  }
}

function copyOf(bytes: Buffer, from: number, to: number): Buffer {
  const copy = Buffer.allocUnsafe(to - from);
  bytes.copy(copy, 0, from, to);
  return copy;
}
