/** A call as bytes on a socket: head and a body at hand in one write; a streamed body after it, with backpressure. */
import type { Socket } from 'node:net';
import type { BodyProducer, Call } from '../../core/call.ts';
import { NetError } from '../../core/error.ts';
import { chunkLine, LAST_CHUNK, requestHead } from '../../wire/request-head.ts';

/** Up to here head and body are copied into one buffer; beyond, the copy costs more than a second part of a gathered write. */
const JOIN_BYTES_MAX = 64 * 1024;

/** Methods whose missing body is announced by `Content-Length: 0` (RFC 9110 § 8.6). */
const EXPECTS_BODY = new Set(['POST', 'PUT', 'PATCH']);

/** Writes what can be written at once. @returns the producer whose body is still to be sent */
export function writeRequest(socket: Socket, call: Call, hostLine: string): BodyProducer | undefined {
  const { method, path, headers, body } = call;
  if (body === undefined) {
    const framing = EXPECTS_BODY.has(method) && headers.contentLength === undefined ? 'Content-Length: 0\r\n' : '';
    socket.write(requestHead(method, path, hostLine, headers, framing), 'latin1');
  } else if (typeof body === 'string') {
    writeText(socket, call, hostLine, body);
  } else if (body instanceof Uint8Array) {
    const head = requestHead(method, path, hostLine, headers, lengthField(call, body.length));
    writeBytes(socket, head, body);
  } else {
    const framing = body.bytes === undefined ? 'Transfer-Encoding: chunked\r\n' : lengthField(call, body.bytes);
    socket.write(requestHead(method, path, hostLine, headers, framing), 'latin1');
    return body;
  }
  return undefined;
}

function writeText(socket: Socket, call: Call, hostLine: string, body: string): void {
  const bytes = Buffer.byteLength(body);
  const head = requestHead(call.method, call.path, hostLine, call.headers, lengthField(call, bytes));
  if (bytes === body.length) {
    socket.write(head + body, 'latin1'); // ASCII: one string, encoded by one copy
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
  socket.cork();
  socket.write(head, 'latin1');
  socket.write(body);
  socket.uncork();
}

function lengthField(call: Call, bytes: number): string {
  return call.headers.contentLength === undefined ? `Content-Length: ${bytes}\r\n` : '';
}

/**
 * Sends a streamed body. Ends early, without error, when `stopped` says so or the socket is gone: whoever stopped it
 * knows why. The producer is told at once, even while it keeps us waiting.
 *
 * @throws whatever the producer throws; NetError `INVALID` when it yields more or less than it announced
 */
export async function upload(socket: Socket, body: BodyProducer, stopped: () => boolean): Promise<void> {
  const chunks = body.open()[Symbol.asyncIterator]();
  const stop = (): void => void chunks.return?.().catch(ignored);
  socket.once('close', stop);
  let whole = false;
  try {
    await sendAll(socket, chunks, body.bytes, stopped);
    whole = !stopped();
  } finally {
    socket.off('close', stop);
    if (!whole) stop();
  }
}

async function sendAll(
  socket: Socket,
  chunks: AsyncIterator<Uint8Array>,
  announced: number | undefined,
  stopped: () => boolean,
): Promise<void> {
  let sent = 0;
  for (;;) {
    const { done, value: chunk } = await chunks.next();
    if (stopped()) return;
    if (done) break;
    if (!(chunk instanceof Uint8Array)) throw wrongBody('yielded something that is not bytes');
    if (chunk.length === 0) continue;
    sent += chunk.length;
    if (announced !== undefined && sent > announced)
      throw wrongBody(`yielded more than the ${announced} bytes it announced`);
    if (!sendChunk(socket, chunk, announced === undefined)) await drained(socket);
    if (stopped()) return;
  }
  if (announced === undefined) socket.write(LAST_CHUNK, 'latin1');
  else if (sent !== announced) throw wrongBody(`yielded ${sent} of the ${announced} bytes it announced`);
}

/** A producer told to stop has nothing to say any more that would matter to the call. */
function ignored(): void {}

function sendChunk(socket: Socket, chunk: Uint8Array, chunked: boolean): boolean {
  if (!chunked) return socket.write(chunk);
  socket.cork();
  socket.write(chunkLine(chunk.length), 'latin1');
  socket.write(chunk);
  const more = socket.write('\r\n', 'latin1');
  socket.uncork();
  return more;
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}

function wrongBody(what: string): NetError {
  return new NetError('INVALID', `the request body ${what}`, { reach: 'unknown', phase: 'write' });
}
