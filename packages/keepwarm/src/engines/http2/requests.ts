/**
 * Requests as frames on one session: field blocks in the order of their streams, small bodies in the same breath, large
 * and streamed ones as the windows let them.
 */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import type { CallBody } from '../../core/call.ts';
import type { FrameWriter } from '../../wire/h2/frame-writer.ts';
import type { PeerSettings } from '../../wire/h2/settings.ts';
import { BEGIN_BYTES_MAX, HpackEncoder } from '../../wire/hpack/encoder.ts';
import { HTTP2 } from './options.ts';
import { Outflow, Outgoing } from './outflow.ts';
import type { OriginFields } from './request-fields.ts';
import type { Stream } from './stream.ts';
import { Upload } from './upload.ts';

/** Where field blocks are put together, before they are copied behind their frame header. One serves all sessions. */
let scratch = Buffer.allocUnsafeSlow(16 * 1024);

/** What `:path` and `content-length` may take besides their text. */
const EXTRA_BYTES = 96;

/** Bytes gathered for the next write, beyond which bodies wait for their turn, small ones too. */
const GATHERED_BYTES_MAX = 256 * 1024;

/** Methods whose missing body is announced by a length of 0 (RFC 9110 § 8.6). */
const EXPECTS_BODY = new Set(['POST', 'PUT', 'PATCH']);

export class Requests {
  readonly encoder: HpackEncoder;
  readonly outflow = new Outflow();
  /** Number of the next stream. */
  nextId = 1;
  readonly #out: FrameWriter;
  readonly #peer: PeerSettings;

  constructor(out: FrameWriter, peer: PeerSettings, tableBytesMax: number) {
    this.encoder = new HpackEncoder({ tableBytesMax });
    this.#out = out;
    this.#peer = peer;
  }

  /** Writes the stream's HEADERS and what of its body can follow at once. @param flush is asked for when more can */
  begin(stream: Stream, fields: OriginFields, now: number, flush: () => void): void {
    const { body } = stream.call;
    stream.id = this.nextId;
    this.nextId += 2;
    if (body === undefined) {
      this.#headers(stream, fields, EXPECTS_BODY.has(stream.call.method) ? 0 : -1, true);
      stream.awaits('nobody', now);
    } else if (typeof body === 'string') {
      this.#beginText(stream, fields, body, now, flush);
    } else if (body instanceof Uint8Array) {
      this.#headers(stream, fields, body.length, body.length === 0);
      if (body.length === 0) stream.awaits('nobody', now);
      else this.#sendBytes(stream, body, now, flush);
    } else {
      this.#headers(stream, fields, body.bytes ?? -1, false);
      this.#sendStreamed(stream, body, flush);
    }
  }

  /** The stream is over. */
  drop(id: number): void {
    this.outflow.drop(id);
  }

  /** @returns whether more could follow at once */
  pump(bytesMax: number): boolean {
    return this.outflow.ready && this.outflow.pump(this.#out, this.#dataBytesMax, bytesMax);
  }

  get #dataBytesMax(): number {
    return Math.min(this.#peer.maxFrameSize, HTTP2.dataFrameBytesMax);
  }

  #beginText(stream: Stream, fields: OriginFields, text: string, now: number, flush: () => void): void {
    const length = Buffer.byteLength(text);
    this.#headers(stream, fields, length, length === 0);
    const fits = length <= Math.min(this.outflow.window, this.#peer.initialWindowSize, this.#dataBytesMax);
    if (!fits || this.#out.size > GATHERED_BYTES_MAX) {
      // ASCII goes out of the string frame by frame: to make bytes of a megabyte first costs more than to send it.
      return this.#sendBytes(stream, length === text.length ? text : Buffer.from(text), now, flush);
    }
    if (length > 0) {
      this.#out.textData(stream.id, text, length);
      this.outflow.window -= length;
    }
    stream.awaits('nobody', now);
  }

  #sendBytes(stream: Stream, bytes: Uint8Array | string, now: number, flush: () => void): void {
    const taken = (): void => {
      if (body.over) stream.awaits('nobody');
    };
    const body = new Outgoing(stream.id, this.#peer.initialWindowSize, taken, () => stream.awaits('peer'));
    this.outflow.add(body);
    stream.awaits('peer', now);
    this.outflow.offer(body, bytes, true);
    flush();
  }

  #sendStreamed(stream: Stream, producer: Exclude<CallBody, string | Uint8Array>, flush: () => void): void {
    const taken = (): void => {
      stream.awaits('source');
      stream.upload?.taken();
    };
    const body = new Outgoing(stream.id, this.#peer.initialWindowSize, taken, () => stream.awaits('peer'));
    this.outflow.add(body);
    stream.awaits('source');
    const offer = (chunk: Uint8Array, last: boolean): void => {
      stream.awaits('peer');
      this.outflow.offer(body, chunk, last);
      flush();
    };
    stream.upload = new Upload(
      producer,
      offer,
      () => stream.awaits('nobody'),
      (error) => stream.giveUp(error),
    );
    if (body.over) stream.upload.stop(); // it has ended its own call as it was opened
  }

  /** @param length of the body, -1 where it is not known or there is none to speak of */
  #headers(stream: Stream, origin: OriginFields, length: number, endStream: boolean): void {
    const { call, fields } = stream;
    const { list, bytesMax } = origin.of(call.method, fields);
    const needed = BEGIN_BYTES_MAX + bytesMax + call.path.length + EXTRA_BYTES;
    if (scratch.length < needed) scratch = Buffer.allocUnsafeSlow(needed * 2);
    const { encoder } = this;
    let at = encoder.begin(scratch, 0);
    at = encoder.field(scratch, at, ':path', call.path);
    at = encoder.constant(scratch, at, list);
    if (length >= 0 && fields.contentLength === undefined) {
      at = encoder.field(scratch, at, 'content-length', String(length));
    }
    this.#out.headers(stream.id, scratch, at, endStream, this.#peer.maxFrameSize);
  }
}
