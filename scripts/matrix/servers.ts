/** What the smoke test of other runtimes talks to in this process: HTTP/1.1, HTTP/2 over TLS, gRPC, and a proxy. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { makeAuthority } from 'keepwarm/testing';

const LARGE_BYTES = 300_000;
const HUGE_BYTES = 8_000_000;

export interface Servers {
  readonly h1: string;
  readonly h2: string;
  /** Passes on what it is asked for, and opens tunnels. */
  readonly proxy: string;
  close(): Promise<void>;
}

type Incoming = IncomingMessage | Http2ServerRequest;
type Outgoing = ServerResponse | Http2ServerResponse;

/** Tells what it was asked, and sends gRPC messages back as they came, frame and all. All bodies are small. */
function answer(request: Incoming, response: Outgoing): void {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const { url: path, httpVersion: version, headers } = request;
    const body = Buffer.concat(parts);
    if (path === '/slow') return; // never answered: what is tested is the deadline
    if (path === '/large') return void response.end(Buffer.alloc(LARGE_BYTES));
    if (path === '/huge') return void response.end(Buffer.alloc(HUGE_BYTES));
    if (path === '/last') response.on('finish', () => request.socket.destroySoon()); // with no word ahead of it
    const grpc = headers['content-type'] === 'application/grpc';
    response.setHeader('content-type', grpc ? 'application/grpc' : 'application/json');
    if (grpc) {
      response.addTrailers({ 'grpc-status': '0' });
      return void response.end(body);
    }
    const reply =
      path === '/rpc' ? { jsonrpc: '2.0', result: '0x1', ...idOf(body) } : { path, version, body: `${body}` };
    const text = JSON.stringify(reply);
    if (path !== '/gzip') return void response.end(text);
    response.setHeader('content-encoding', 'gzip');
    return void response.end(gzipSync(text));
  });
}

const idOf = (body: Buffer): { readonly id: unknown } => ({ id: JSON.parse(body.toString()).id });

function aProxy() {
  const proxy = createServer((request, response) => {
    const { method, headers, url = '' } = request;
    const onward = send(url, { method, headers }, (answered) => {
      response.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  return proxy.on('connect', ({ url = '' }: IncomingMessage, caller) => {
    const { hostname: host, port } = new URL(`http://${url}`);
    const onward = connect({ host, port: Number(port) }, () => {
      caller.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(caller).pipe(onward);
    });
    onward.on('error', () => caller.destroy());
    caller.on('error', () => onward.destroy()).on('close', () => onward.destroy());
  });
}

/** @param caFile where the certificate goes that callers must trust */
export async function startServers(caFile: string): Promise<Servers> {
  const authority = makeAuthority();
  const pair = authority.issue();
  writeFileSync(caFile, authority.cert);
  const plain = createServer(answer);
  const secure = createSecureServer({ key: pair.key, cert: pair.cert, allowHTTP1: true }, answer);
  const sessions = new Set<{ destroy(): void }>();
  secure.on('session', (session) => sessions.add(session));
  const proxy = aProxy();
  const ports: number[] = [];
  for (const server of [plain, secure, proxy]) {
    await once(server.listen(0, 'localhost'), 'listening');
    const address = server.address();
    ports.push(typeof address === 'object' && address !== null ? address.port : 0);
  }
  return {
    h1: `http://localhost:${ports[0]}`,
    h2: `https://localhost:${ports[1]}`,
    proxy: `http://localhost:${ports[2]}`,
    async close() {
      for (const server of [plain, proxy]) server.closeAllConnections();
      for (const session of sessions) session.destroy();
      await Promise.all([plain, secure, proxy].map((server) => new Promise((done) => server.close(done))));
    },
  };
}
