/** The process behind `startNode`. Ends when its parent lets go of it, however that comes about. */

import { constants } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { selfSigned } from 'keepwarm/testing';
import { connectReply, reply } from './replies.ts';
import { PATHS } from './server.ts';

const HEADERS = { 'content-type': 'application/json' };
const FIXED = new Map(
  (['100B', '10KB', '1MB'] as const).map((size) => [PATHS[size], Buffer.from(reply(size))] as const),
);

/** Accepted on the cleartext port. */
let connections = 0;
/** Open now, on all ports. */
let open = 0;
let requests = 0;

const answer: RequestListener = (request, response) => {
  if (request.url === PATHS.upload) return void whole(request, response);
  requests++;
  request.resume();
  const fixed = FIXED.get(request.url ?? '');
  if (fixed !== undefined) {
    response.writeHead(200, { ...HEADERS, 'content-length': fixed.length }).end(fixed);
  } else if (request.url === PATHS.connect) {
    const resumed = request.socket instanceof TLSSocket && request.socket.isSessionReused();
    const body = connectReply(resumed ? 'r' : '.');
    response.writeHead(200, { ...HEADERS, 'content-length': body.length, connection: 'close' }).end(body);
  } else if (request.url === PATHS.status) {
    response.end(`Active connections: ${open} \n`);
  } else {
    response.writeHead(404, { 'content-length': 0 }).end();
  }
};

/** Of HTTP/2; its requests and responses are of the same shape, as far as `answer` looks. */
const answerHttp2 = (request: Http2ServerRequest, response: Http2ServerResponse): void =>
  answer(request as unknown as IncomingMessage, response as unknown as ServerResponse<IncomingMessage>);

/** The reply to an upload, once all of it is here. */
function whole(request: IncomingMessage, response: ServerResponse<IncomingMessage>): void {
  const small = FIXED.get(PATHS['100B'])!;
  requests++;
  request.resume().on('end', () => response.writeHead(200, { ...HEADERS, 'content-length': small.length }).end(small));
}

/** nginx's own default, and long enough that no slice meets a closed connection. */
const LIVES = { keepAliveTimeout: 3_600_000, maxRequestsPerSocket: 0 };

async function listen(server: NetServer): Promise<number> {
  server.on('connection', (socket: Socket) => {
    open++;
    socket.on('close', () => open--);
  });
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, resolve));
  return (server.address() as AddressInfo).port;
}

const { cert, key } = selfSigned();
const cleartext = createServer(LIVES, answer).on('connection', () => connections++);
const secure = { ...LIVES, cert, key };
const tls = createTlsServer(secure, answer);
// A server that issues no tickets and remembers no session has every handshake done in full.
const tlsFull = createTlsServer(
  { ...secure, secureOptions: constants.SSL_OP_NO_TICKET, sessionIdContext: 'none' },
  answer,
);

const h2 = createSecureServer({ ...secure, allowHTTP1: true }, answerHttp2);

process.on('disconnect', () => process.exit(0));
process.on('message', () => process.send?.({ connections, requests }));
process.send?.({
  http: `http://127.0.0.1:${await listen(cleartext)}`,
  tls: `https://127.0.0.1:${await listen(tls)}`,
  tlsFull: `https://127.0.0.1:${await listen(tlsFull)}`,
  h2: `https://127.0.0.1:${await listen(h2)}`,
  ca: cert,
});
