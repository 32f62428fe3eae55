/**
 * Node's own HTTP/2 server session over a pair of streams in memory, and the other end of it as frames by hand, so that
 * nothing but HPACK is between Node's encoder and our decoder, and the reverse.
 */
import { Buffer } from 'node:buffer';
import {
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  sensitiveHeaders,
} from 'node:http2';
import { duplexPair } from 'node:stream';
import type { FieldPair } from '../../../src/wire/hpack/encoder.ts';

export const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const END_STREAM_AND_HEADERS = 5;
const HEADER_TABLE_SIZE = 1;

/** What Node's session heard of one request. */
export interface Heard {
  readonly fields: readonly FieldPair[];
  readonly sensitive: readonly string[];
}

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly payload: Buffer;
}

export class NodeSession {
  readonly session: ServerHttp2Session;
  readonly heard: Heard[] = [];
  /** How Node answers; without a body, so that each answer is one HEADERS frame. */
  answer: (nth: number) => IncomingHttpHeaders = () => ({ ':status': '200' });
  /** Table sizes that Node's SETTINGS have announced and we have not yet looked at. */
  readonly tableSizes: number[] = [];
  readonly #ours;
  #rest: Buffer = Buffer.alloc(0);
  readonly #frames: Frame[] = [];
  #wake = (): void => {};
  #stream = 1;
  #closed = false;

  constructor(headerTableSize: number) {
    const [ours, theirs] = duplexPair();
    this.#ours = ours;
    this.session = performServerHandshake(theirs, { settings: { headerTableSize } });
    this.session.on('stream', (stream, headers, _flags, raw: unknown) => {
      stream.on('error', ignored);
      const flat = raw as string[];
      const fields = flat.flatMap((name, i): FieldPair[] => (i % 2 === 0 ? [[name, flat[i + 1]!]] : []));
      this.heard.push({ fields, sensitive: (headers as { [sensitiveHeaders]?: string[] })[sensitiveHeaders] ?? [] });
      stream.respond(this.answer(this.heard.length - 1) as Record<string, string>, { endStream: true });
    });
    this.session.on('error', ignored);
    this.session.on('close', () => this.#end());
    ours.on('data', (bytes: Buffer) => this.#take(bytes));
    ours.on('error', ignored);
    ours.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
  }

  /** Sends SETTINGS, with our table size in it unless it is left out. */
  settings(tableBytes?: number): void {
    const payload = Buffer.alloc(tableBytes === undefined ? 0 : 6);
    if (tableBytes !== undefined) {
      payload.writeUInt16BE(HEADER_TABLE_SIZE);
      payload.writeUInt32BE(tableBytes, 2);
    }
    this.#write(SETTINGS, 0, 0, payload);
  }

  /** Sends a request with this field block. */
  request(block: Uint8Array): void {
    this.#write(HEADERS, END_STREAM_AND_HEADERS, this.#stream, block);
    this.#stream += 2;
  }

  /** Waits until Node has read all that was sent; tells what it sent meanwhile, and the code of its GOAWAY, if any. */
  async settled(): Promise<{ readonly blocks: readonly Buffer[]; readonly goaway: number | undefined }> {
    this.#write(PING, 0, 0, Buffer.alloc(8));
    const over = ({ type, flags }: Frame): boolean => type === GOAWAY || (type === PING && flags === 1);
    while (!this.#closed && !this.#frames.some(over)) await new Promise<void>((resolve) => (this.#wake = resolve));
    const frames = this.#frames.splice(0);
    const reset = frames.find(({ type }) => type === RST_STREAM);
    if (reset !== undefined && reset.payload.readUInt32BE() === 9) throw new Error('COMPRESSION_ERROR on a stream');
    return {
      blocks: frames.filter(({ type }) => type === HEADERS).map(({ payload }) => payload),
      goaway: frames.find(({ type }) => type === GOAWAY)?.payload.readUInt32BE(4),
    };
  }

  /** As `settled`, once Node has also answered the request just sent; it may see to a PING first. */
  async answered(): Promise<{ readonly blocks: readonly Buffer[]; readonly goaway: number | undefined }> {
    for (;;) {
      const told = await this.settled();
      if (told.blocks.length > 0 || told.goaway !== undefined || this.#closed) return told;
    }
  }

  close(): void {
    this.session.destroy();
    this.#ours.destroy();
  }

  #end(): void {
    this.#closed = true;
    this.#wake();
  }

  #write(type: number, flags: number, stream: number, payload: Uint8Array): void {
    const header = Buffer.alloc(9);
    header.writeUIntBE(payload.length, 0, 3);
    header[3] = type;
    header[4] = flags;
    header.writeUInt32BE(stream, 5);
    if (!this.#ours.destroyed) this.#ours.write(Buffer.concat([header, payload]));
  }

  #take(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 9) {
      const end = 9 + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) break;
      this.#heed({ type: this.#rest[3]!, flags: this.#rest[4]!, payload: this.#rest.subarray(9, end) });
      this.#rest = this.#rest.subarray(end);
    }
    this.#wake();
  }

  #heed(frame: Frame): void {
    if (frame.type === SETTINGS && frame.flags === 0) {
      for (let at = 0; at < frame.payload.length; at += 6) {
        const isTableSize = frame.payload.readUInt16BE(at) === HEADER_TABLE_SIZE;
        if (isTableSize) this.tableSizes.push(frame.payload.readUInt32BE(at + 2));
      }
      this.#write(SETTINGS, 1, 0, Buffer.alloc(0));
    }
    this.#frames.push(frame);
  }
}

/** What goes wrong is seen in the frames that tell of it. */
function ignored(): void {}
