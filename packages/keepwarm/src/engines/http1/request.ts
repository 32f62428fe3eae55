/**
 * A call as bytes on a socket: head and a body at hand in one write; what is streamed, and the rest of a large one,
 * after it, with backpressure.
 */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import type { Socket } from 'node:net';
import type { BodyProducer, Call } from '../../core/call.ts';
import type { RequestHeads } from '../../wire/request-head.ts';

/**
 * Up to here head and body are copied into one buffer; beyond, the copy costs more than a second part of a gathered
 * write.
 */
const JOIN_BYTES_MAX = 64 * 1024;

/**
 * Bytes of a body that go out with its head; what is left follows in pieces, see upload.ts. At 30 s (`firstByteMs`),
 * 18 KB/s are fast enough for them, less what the system takes at once.
 */
const FIRST_BYTES = 512 * 1024;
/** Of a long text so much at a time is made bytes. */
const TEXT_BYTES = 1024 * 1024;

/** Methods whose missing body is announced by `Content-Length: 0` (RFC 9110 § 8.6). */
const EXPECTS_BODY = new Set(['POST', 'PUT', 'PATCH']);

/** Whoever waits for the peer to take what was written. */
export interface Waiting {
  /** It has taken what went out with the head, of a body with more to come. */
  uploadMoved(): void;
}

/** Writes what can be written at once. @returns the producer whose body is still to be sent */
export function writeRequest(
  socket: Socket,
  call: Call,
  heads: RequestHeads,
  waiting: Waiting,
): BodyProducer | undefined {
  const { method, path, headers, body } = call;
  if (body === undefined) {
    const framing = EXPECTS_BODY.has(method) && headers.contentLength === undefined ? 'Content-Length: 0\r\n' : '';
    socket.write(heads.of(method, path, headers, framing), 'latin1');
  } else if (typeof body === 'string') {
    return writeText(socket, call, heads, body, waiting);
  } else if (body instanceof Uint8Array) {
    return writeBytes(socket, headFor(call, heads, body.length), body, waiting);
  } else {
    const chunked = 'Transfer-Encoding: chunked\r\n';
    const head = body.bytes === undefined ? heads.of(method, path, headers, chunked) : headFor(call, heads, body.bytes);
    socket.write(head, 'latin1');
    return body;
  }
  return undefined;
}

function writeText(
  socket: Socket,
  call: Call,
  heads: RequestHeads,
  body: string,
  waiting: Waiting,
): BodyProducer | undefined {
  const bytes = Buffer.byteLength(body);
  const head = headFor(call, heads, bytes);
  if (bytes === body.length) {
    // ASCII. Two strings made one are copied into fresh memory before they are written: a long one goes apart.
    if (bytes <= JOIN_BYTES_MAX) socket.write(head + body, 'latin1');
    else return writePieces(socket, head, bytes, waiting, (from, to) => body.slice(from, to));
  } else if (bytes <= JOIN_BYTES_MAX) {
    const joined = Buffer.allocUnsafe(head.length + bytes);
    joined.write(head, 'latin1');
    joined.write(body, head.length);
    socket.write(joined);
  } else {
    return writeBytes(socket, head, Buffer.from(body), waiting);
  }
  return undefined;
}

function writeBytes(socket: Socket, head: string, body: Uint8Array, waiting: Waiting): BodyProducer | undefined {
  if (body.length <= JOIN_BYTES_MAX) {
    const joined = Buffer.allocUnsafe(head.length + body.length);
    joined.write(head, 'latin1');
    joined.set(body, head.length);
    socket.write(joined);
    return undefined;
  }
  return writePieces(socket, head, body.length, waiting, (from, to) =>
    from === 0 && to === body.length ? body : body.subarray(from, to),
  );
}

/** The first piece goes out with the head. @returns what is left of it */
function writePieces(
  socket: Socket,
  head: string,
  length: number,
  waiting: Waiting,
  piece: (from: number, to: number) => Uint8Array | string,
): BodyProducer | undefined {
  if (length <= FIRST_BYTES) {
    writeBoth(socket, head, piece(0, length), undefined);
    return undefined;
  }
  writeBoth(socket, head, piece(0, FIRST_BYTES), (error) => {
    if (!error) waiting.uploadMoved();
  });
  const rest = async function* () {
    for (let at = FIRST_BYTES; at < length; at += TEXT_BYTES) {
      const each = piece(at, Math.min(at + TEXT_BYTES, length));
      yield typeof each === 'string' ? Buffer.from(each, 'latin1') : each;
    }
  };
  return { bytes: length - FIRST_BYTES, repeatable: false, open: rest };
}

/** One gathered write. Text must be ASCII. */
function writeBoth(
  socket: Socket,
  head: string,
  body: Uint8Array | string,
  taken: ((error?: Error | null) => void) | undefined,
): void {
  socket.cork();
  socket.write(head, 'latin1');
  if (typeof body === 'string') socket.write(body, 'latin1', taken);
  else socket.write(body, taken);
  socket.uncork();
}

function headFor({ method, path, headers }: Call, heads: RequestHeads, bytes: number): string {
  return headers.contentLength === undefined
    ? heads.ofLength(method, path, headers, bytes)
    : heads.of(method, path, headers, '');
}
