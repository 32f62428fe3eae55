/** One connection of the server under the gRPC clients: reads frames, answers calls, keeps to the client's windows. */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import {
  ACK,
  END_STREAM,
  FRAME,
  frame,
  GREETING,
  HEAD_BYTES,
  headersFrame,
  message,
  PREFACE_BYTES,
  SETTINGS_ACK,
  trailersFrame,
  WINDOW_BYTES,
  windowOf,
} from './wire.ts';

/** What a port answers: each call with one message, or each with updates without an end. */
export type Service =
  | { readonly kind: 'unary'; readonly answer: Buffer }
  | { readonly kind: 'stream'; updates(request: Buffer, stream: number): Updates | undefined };

/** Messages of gRPC one after the other, in frames of DATA of one stream. */
export interface Updates {
  /** Whole frames, as many as there is room for by their payloads; nothing where not even one fits. */
  next(room: number): Frames | undefined;
  /** Whether what was given so far ends with a message. */
  readonly whole: boolean;
}

export interface Frames {
  readonly bytes: Buffer;
  readonly payloadBytes: number;
  /** To be told once, when they have left: their memory serves again. */
  sent(): void;
}

/** What may wait in a socket before the next is made. */
const AHEAD_BYTES = 256 * 1024;

interface Stream {
  readonly id: number;
  window: number;
  /** What it has been sent so far, until it is a whole message. */
  request: Buffer;
  updates: Updates | undefined;
  /** What the last request asked for, until the message under way has been sent. */
  following: Updates | undefined;
}

const NOTHING = { updates: undefined, following: undefined } as const;

export class Peer {
  readonly #socket: Socket;
  readonly #service: Service;
  readonly #streams = new Map<number, Stream>();
  #unread: Buffer = Buffer.alloc(0);
  #greeted = false;
  #window = WINDOW_BYTES;
  #windowOfStreams = WINDOW_BYTES;
  #out: Buffer[] = [];

  constructor(socket: Socket, service: Service) {
    this.#socket = socket;
    this.#service = service;
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy()); // clients end as they like
    socket.on('close', () => this.#streams.clear());
    socket.on('drain', () => this.#pump());
    socket.on('data', (chunk) => this.#read(chunk));
    socket.write(GREETING);
  }

  #read(chunk: Buffer): void {
    let bytes = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    if (!this.#greeted) {
      if (bytes.length < PREFACE_BYTES) {
        this.#unread = bytes;
        return;
      }
      this.#greeted = true;
      bytes = bytes.subarray(PREFACE_BYTES);
    }
    let at = 0;
    while (bytes.length - at >= HEAD_BYTES) {
      const end = at + HEAD_BYTES + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      this.#frame(bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5), bytes.subarray(at + HEAD_BYTES, end));
      at = end;
    }
    this.#unread = bytes.subarray(at);
    this.#pump();
    this.#flush();
  }

  #frame(type: number, flags: number, id: number, payload: Buffer): void {
    const stream = this.#streams.get(id);
    if (type === FRAME.headers) {
      const made: Stream = { id, window: this.#windowOfStreams, request: Buffer.alloc(0), ...NOTHING };
      this.#streams.set(id, made);
      if (this.#service.kind === 'stream') this.#out.push(to(id, headersFrame()));
      if ((flags & END_STREAM) !== 0) this.#ended(made);
    } else if (type === FRAME.data && stream !== undefined) {
      this.#sent(stream, payload);
      if ((flags & END_STREAM) !== 0) this.#ended(stream);
    } else if (type === FRAME.reset) {
      this.#streams.delete(id);
    } else if (type === FRAME.windowUpdate) {
      const more = payload.readUInt32BE(0);
      if (id === 0) this.#window += more;
      else if (stream !== undefined) stream.window += more;
    } else if (type === FRAME.settings && (flags & ACK) === 0) {
      const window = windowOf(payload) ?? this.#windowOfStreams;
      for (const each of this.#streams.values()) each.window += window - this.#windowOfStreams;
      this.#windowOfStreams = window;
      this.#out.push(SETTINGS_ACK);
    } else if (type === FRAME.ping && (flags & ACK) === 0) {
      this.#out.push(frame(FRAME.ping, ACK, 0, payload));
    }
  }

  /** Every request says anew what is to be sent. */
  #sent(stream: Stream, payload: Buffer): void {
    if (this.#service.kind === 'unary') return;
    stream.request = Buffer.concat([stream.request, payload]);
    while (stream.request.length >= 5) {
      const end = 5 + stream.request.readUInt32BE(1);
      if (stream.request.length < end) return;
      stream.following = this.#service.updates(stream.request.subarray(5, end), stream.id) ?? stream.following;
      stream.request = stream.request.subarray(end);
    }
  }

  #ended(stream: Stream): void {
    if (this.#service.kind === 'stream') return;
    this.#streams.delete(stream.id);
    this.#out.push(
      Buffer.concat([
        to(stream.id, headersFrame()),
        to(stream.id, this.#service.answer),
        to(stream.id, trailersFrame()),
      ]),
    );
  }

  #flush(): void {
    if (this.#out.length === 0) return;
    this.#socket.write(this.#out.length === 1 ? this.#out[0]! : Buffer.concat(this.#out));
    this.#out = [];
  }

  #pump(): void {
    this.#flush();
    for (const stream of this.#streams.values()) {
      if (stream.updates === undefined) stream.updates = stream.following;
      while (stream.updates !== undefined && this.#socket.writableLength < AHEAD_BYTES && !this.#socket.destroyed) {
        if (stream.updates.whole) stream.updates = stream.following!;
        const frames = stream.updates.next(Math.min(stream.window, this.#window));
        if (frames === undefined) break;
        stream.window -= frames.payloadBytes;
        this.#window -= frames.payloadBytes;
        this.#socket.write(frames.bytes, frames.sent);
      }
    }
  }
}

/** The same frames for a stream: its number stands in the same place of each. */
function to(stream: number, frames: Buffer): Buffer {
  const bytes = Buffer.from(frames);
  bytes.writeUInt32BE(stream, 5);
  return bytes;
}

export const unaryAnswer = (bytes: Uint8Array): Buffer => frame(FRAME.data, 0, 0, message(bytes));
