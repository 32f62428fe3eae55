/** A server with the routes that API clients meet: it echoes, redirects, encodes, stalls and breaks off. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';

export interface Echo {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

export interface ApiServer {
  readonly origin: string;
  readonly server: Server;
  /** Requests received, in order. */
  readonly seen: string[];
  close(): void;
}

type Route = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => void;

const text = 'hello, wörld';

const ROUTES: Record<string, Route> = {
  '/text': (_, response) => void response.setHeader('content-type', 'text/plain; charset=utf-8').end(text),
  '/bytes': (_, response) => void response.end(Buffer.from([0xef, 0xbb, 0xbf, 0x41, 0xff, 0x42])),
  '/json': (_, response) => void response.setHeader('content-type', 'application/json').end('{"a":[1,"2",null]}'),
  '/not-json': (_, response) => void response.setHeader('content-type', 'application/json').end('<html>'),
  '/empty': (_, response) => void response.end(),
  '/status': (_, response, query) => {
    response.writeHead(Number(query.get('code')), query.get('reason') ?? undefined);
    response.end(query.get('code') === '204' || query.get('code') === '304' ? undefined : 'body');
  },
  '/cookies': (_, response) => void response.setHeader('set-cookie', ['a=1; Path=/', 'b=2, c']).end(),
  '/twice': (_, response) => void response.setHeader('x-twice', ['1', '2']).end(),
  '/latin1': (_, response) => void response.setHeader('x-name', Buffer.from('wörld').toString('latin1')).end(),
  '/encoded': (_, response, query) => {
    const coding = query.get('coding') ?? 'gzip';
    const encode = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync }[coding]!;
    const bytes = encode(text.repeat(Number(query.get('times') ?? 1)));
    response.writeHead(200, {
      'content-type': 'text/plain',
      'content-encoding': coding,
      'content-length': bytes.length,
    });
    response.end(bytes);
  },
  '/large': (_, response) => void response.end(Buffer.alloc(1_000_000, 'x')),
  '/chunks': (_, response) => {
    response.write('one,');
    setImmediate(() => response.end('two'));
  },
  '/form': (_, response) => {
    response.setHeader('content-type', 'application/x-www-form-urlencoded').end('a=1&b=x+y');
  },
  '/redirect': (_, response, query) => {
    const to = query.get('to');
    const code = Number(query.get('code') ?? 302);
    response.writeHead(code, to === null ? {} : { location: to }).end('moved');
  },
  '/loop': (_, response, query) => {
    const left = Number(query.get('left'));
    if (left === 0) response.end('arrived');
    else response.writeHead(302, { location: `/loop?left=${left - 1}` }).end();
  },
  '/silent': () => {},
  '/head-only': (_, response) => response.writeHead(200, { 'content-length': '10' }).flushHeaders(),
  '/half': (_, response) => void response.writeHead(200, { 'content-length': '10' }).write('half'),
  '/break-head': (_, response) => void response.socket!.destroy(),
  '/break-body': (_, response) => {
    response.writeHead(200, { 'content-length': '10' }).write('half', () => response.socket!.destroy());
  },
};

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method = '', url = '', headers } = request;
  const echoed: Echo = { method, url, headers, body: Buffer.concat(chunks).toString('latin1') };
  response.setHeader('content-type', 'application/json').end(JSON.stringify(echoed));
}

/** Everything unknown is echoed. */
export async function anApiServer(): Promise<ApiServer> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    seen.push(`${request.method} ${request.url}`);
    const route = ROUTES[pathname];
    if (route === undefined) return void echo(request, response).catch(() => response.destroy());
    request.resume();
    route(request, response, searchParams);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, server, seen, close };
}
