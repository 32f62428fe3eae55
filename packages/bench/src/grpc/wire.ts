/**
 * Frames of HTTP/2, as far as a server needs them whose answers are known beforehand. It reads no field: what is
 * asked of it, the port says. Written out, so that a core of it serves more than a core of any client can ask for.
 */
import { Buffer } from 'node:buffer';

export const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 } as const;
export const END_STREAM = 1;
export const ACK = 1;
export const HEAD_BYTES = 9;
export const PREFACE_BYTES = 24;
export const FRAME_BYTES_MAX = 16_384;
const END_HEADERS = 4;
const INITIAL_WINDOW_SIZE = 4;
const MAX_CONCURRENT_STREAMS = 3;
export const WINDOW_BYTES = 65_535;
/** What we let clients send: the largest windows there are, so that no update of them is ever due. */
const LARGEST = 2 ** 31 - 1;

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, HEAD_BYTES);
  return bytes;
}

/** The head of a frame of DATA whose payload follows by itself. */
export function dataHead(stream: number, length: number): Buffer {
  const head = frame(FRAME.data, 0, stream, new Uint8Array(0));
  head.writeUIntBE(length, 0, 3);
  return head;
}

function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A field whose name and value are written out, and that no table remembers (RFC 7541 § 6.2.2). */
function field(name: string, value: string): Buffer {
  return Buffer.from([0, name.length, ...Buffer.from(name), value.length, ...Buffer.from(value)]);
}

/** `:status: 200` has a number of its own (RFC 7541, appendix A). */
const OK = Buffer.from([0x88]);

export const GREETING = Buffer.concat([
  frame(
    FRAME.settings,
    0,
    0,
    Buffer.concat([setting(MAX_CONCURRENT_STREAMS, 10_000), setting(INITIAL_WINDOW_SIZE, LARGEST)]),
  ),
  frame(FRAME.windowUpdate, 0, 0, number(LARGEST - WINDOW_BYTES)),
]);
export const SETTINGS_ACK = frame(FRAME.settings, ACK, 0, Buffer.alloc(0));

export const headersFrame = (): Buffer =>
  frame(FRAME.headers, END_HEADERS, 0, Buffer.concat([OK, field('content-type', 'application/grpc')]));
export const trailersFrame = (): Buffer => frame(FRAME.headers, END_HEADERS | END_STREAM, 0, field('grpc-status', '0'));

/** A message of gRPC, not compressed. */
export function message(bytes: Uint8Array): Buffer {
  const framed = Buffer.alloc(5 + bytes.length);
  framed.writeUInt32BE(bytes.length, 1);
  framed.set(bytes, 5);
  return framed;
}

/** What the peer's settings say of the windows of its streams, if they do. */
export function windowOf(payload: Buffer): number | undefined {
  for (let at = 0; at + 6 <= payload.length; at += 6) {
    if (payload.readUInt16BE(at) === INITIAL_WINDOW_SIZE) return payload.readUInt32BE(at + 2);
  }
  return undefined;
}
