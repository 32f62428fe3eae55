/** A call as bytes on a socket: head and a body at hand in one write; a streamed body after it, with backpressure. */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import type { Socket } from 'node:net';
import type { BodyProducer, Call } from '../../core/call.ts';
import type { RequestHeads } from '../../wire/request-head.ts';

/**
 * Up to here head and body are copied into one buffer; beyond, the copy costs more than a second part of a gathered
 * write.
 */
const JOIN_BYTES_MAX = 64 * 1024;

/** Methods whose missing body is announced by `Content-Length: 0` (RFC 9110 § 8.6). */
const EXPECTS_BODY = new Set(['POST', 'PUT', 'PATCH']);

/** Writes what can be written at once. @returns the producer whose body is still to be sent */
export function writeRequest(socket: Socket, call: Call, heads: RequestHeads): BodyProducer | undefined {
  const { method, path, headers, body } = call;
  if (body === undefined) {
    const framing = EXPECTS_BODY.has(method) && headers.contentLength === undefined ? 'Content-Length: 0\r\n' : '';
    socket.write(heads.of(method, path, headers, framing), 'latin1');
  } else if (typeof body === 'string') {
    writeText(socket, call, heads, body);
  } else if (body instanceof Uint8Array) {
    writeBytes(socket, headFor(call, heads, body.length), body);
  } else {
    const chunked = 'Transfer-Encoding: chunked\r\n';
    const head = body.bytes === undefined ? heads.of(method, path, headers, chunked) : headFor(call, heads, body.bytes);
    socket.write(head, 'latin1');
    return body;
  }
  return undefined;
}

function writeText(socket: Socket, call: Call, heads: RequestHeads, body: string): void {
  const bytes = Buffer.byteLength(body);
  const head = headFor(call, heads, bytes);
  if (bytes === body.length) {
    // ASCII. Two strings made one are copied into fresh memory before they are written: a long one goes apart.
    if (bytes <= JOIN_BYTES_MAX) socket.write(head + body, 'latin1');
    else writeBoth(socket, head, body);
  } else if (bytes <= JOIN_BYTES_MAX) {
    const joined = Buffer.allocUnsafe(head.length + bytes);
    joined.write(head, 'latin1');
    joined.write(body, head.length);
    socket.write(joined);
  } else {
    writeBytes(socket, head, Buffer.from(body));
  }
}

function writeBytes(socket: Socket, head: string, body: Uint8Array): void {
  if (body.length <= JOIN_BYTES_MAX) {
    const joined = Buffer.allocUnsafe(head.length + body.length);
    joined.write(head, 'latin1');
    joined.set(body, head.length);
    socket.write(joined);
    return;
  }
  writeBoth(socket, head, body);
}

/** One gathered write. Text must be ASCII. */
function writeBoth(socket: Socket, head: string, body: Uint8Array | string): void {
  socket.cork();
  socket.write(head, 'latin1');
  if (typeof body === 'string') socket.write(body, 'latin1');
  else socket.write(body);
  socket.uncork();
}

function headFor({ method, path, headers }: Call, heads: RequestHeads, bytes: number): string {
  return headers.contentLength === undefined
    ? heads.ofLength(method, path, headers, bytes)
    : heads.of(method, path, headers, '');
}
