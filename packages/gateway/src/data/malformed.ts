/** Answers where there is no request to answer, written on the socket itself, which ends with them. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { asLast, isDistrusted } from './caller-connection.ts';
import { type Problem, refusal } from './problem.ts';

/** Bytes of a request's head; as large as the replies the library accepts. */
export const HEAD_BYTES_MAX = 32 * 1024;

export function refuseTunnel(_request: IncomingMessage, socket: Socket): void {
  endWith(socket, refusal(405, 'REFUSED', 'this gateway forwards to configured upstreams and opens no tunnels'));
}

/** What Node's parser would not read. */
export function refuseMalformed(error: Error & { readonly code?: string }, socket: Socket): void {
  // Neither lost connections nor failed handshakes get an answer.
  if (!socket.writable || !/^(?:HPE_|ERR_HTTP_)/.test(error.code ?? '')) return void socket.destroy();
  if (isDistrusted(socket)) return socket.destroySoon(); // behind a refused request: it has had its answer
  if (error.code === 'HPE_HEADER_OVERFLOW') {
    const detail = `the request's head has more than ${HEAD_BYTES_MAX} bytes (limit headBytesMax)`;
    return endWith(socket, refusal(431, 'TOO_LARGE', detail, { limit: 'headBytesMax', value: HEAD_BYTES_MAX }));
  }
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return endWith(socket, refusal(408, 'REFUSED', 'the request did not arrive in time'));
  }
  endWith(socket, refusal(400, 'REFUSED', 'the request is not HTTP/1.1 as RFC 9112 has it'));
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

function endWith(socket: Socket, problem: Problem): void {
  // Node has let go of the socket by then: that a caller has left is nobody else's to hear.
  socket.on('error', () => socket.destroy());
  asLast(socket, () => write(socket, problem));
}

function write(socket: Socket, { status, code, detail, limit, value }: Problem): void {
  const body = JSON.stringify({ type: 'about:blank', title: REASONS[status], status, code, detail, limit, value });
  const head = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'proxy-status: keepwarm; error=http_request_error',
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.destroySoon();
}
