/** What the servers serve: one handler, for Node's own and behind the proxies, with a path for each behaviour. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, gzipSync } from 'node:zlib';

/** Compresses well, and is not the same twice. */
export const TEXT = Array.from({ length: 2_000 }, (_, i) => `line ${i}\n`).join('');

/** The largest body of a request that `/limited` takes, in bytes. */
export const LIMITED_BYTES_MAX = 64 * 1024;

export const sha = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

const PART = Buffer.alloc(64 * 1024, 'keepwarm ');

/** What `/large/N` sends: N parts of 64 KiB. */
export const largeSha = (parts: number): string => sha(Buffer.concat(Array.from({ length: parts }, () => PART)));

type Route = (request: IncomingMessage, response: ServerResponse, rest: string) => void | Promise<void>;

const ROUTES: Readonly<Record<string, Route>> = {
  text(_request, response) {
    response.setHeader('content-length', TEXT.length); // which returns nothing in HTTP/2
    response.end(TEXT);
  },
  name: (_request, response, rest) => void response.end(rest),
  async echo(request, response) {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ method: request.method, bytes: body.length, sha: sha(body) }));
  },
  status(_request, response, rest) {
    const status = Number(rest);
    response.writeHead(status).end(status === 204 || status === 304 ? undefined : `status ${rest}`);
  },
  async chunked(_request, response) {
    for (const part of ['one,', 'two,', 'three']) {
      response.write(part);
      await sleep(1);
    }
    response.end();
  },
  trailers(_request, response) {
    // HTTP/2 has trailers as they are, and no Connection or Trailer field to promise them with.
    if (response.req.httpVersionMajor === 1) response.setHeader('trailer', 'x-sum');
    response.write('body');
    response.addTrailers({ 'x-sum': '7' });
    response.end();
  },
  hints(_request, response) {
    response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
    // A proxy that takes the hints for the answer reads on until the connection ends.
    if (response.req.httpVersionMajor === 1) response.setHeader('connection', 'close');
    response.end('after hints');
  },
  coded(_request, response, rest) {
    response.setHeader('content-encoding', rest);
    response.end(rest === 'br' ? brotliCompressSync(TEXT) : gzipSync(TEXT));
  },
  close(request, response) {
    if (request.httpVersionMajor === 1) response.setHeader('connection', 'close');
    response.end('closing');
  },
  async large(_request, response, rest) {
    for (let left = Number(rest); left > 0 && !response.destroyed; left--) {
      if (response.write(PART)) continue;
      await drained(response);
    }
    response.end();
  },
  limited(request, response) {
    if (Number(request.headers['content-length'] ?? 0) > LIMITED_BYTES_MAX) {
      response.writeHead(413).end('too large');
      return void request.resume();
    }
    request.resume().on('end', () => response.end('taken'));
  },
  moved: (_request, response) => void response.writeHead(302, { location: '/name/there' }).end('moved'),
};

/** There is room for more, or nobody to take it. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

/** Both of Node's servers call it; HTTP/2's objects have the shape of the others. */
export function serve(request: IncomingMessage, response: ServerResponse): void {
  const [, name = '', rest = ''] = (request.url ?? '').split('?')[0]!.split('/');
  const route = ROUTES[name];
  if (route === undefined) return void response.writeHead(404).end();
  response.on('error', () => {}); // whoever asked has left, which some rows are about
  Promise.resolve(route(request, response, rest)).catch(() => response.destroy());
}
