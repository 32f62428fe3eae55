/**
 * A stand-in for Akamai's API hosts, made from their published description; nobody at Akamai has looked at it. It
 * checks signatures, clocks and nonces as they do, keeps their kind of limits, and refuses with their kind of problems.
 *
 *   /ok…                      what was received, as JSON
 *   /redirect?to=PATH         307 to PATH
 *   /slow?ms=N                /ok after N ms
 *   /ccu/v3/…                 Fast Purge: counts the objects of the body
 *   /fail?status=N            a problem of that status
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { type Clock, systemClock } from '../../core/clock.ts';
import { Bucket } from './bucket.ts';
import { type EdgeGridKeys, type Rules, verified } from './verify.ts';

export interface EdgeGridServerOptions extends EdgeGridKeys, Partial<Rules> {
  /** On 127.0.0.1. Default 0: any that is free. */
  readonly port?: number | undefined;
  /** Speaks TLS with it, and HTTP/2 to who asks for it; cleartext HTTP/1.1 without. */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
  /** Requests at once, and how many a second grow again. Default: no limit. */
  readonly requests?: { readonly burst: number; readonly perSecond: number } | undefined;
  /** Objects of Fast Purge. Default: no limit. */
  readonly objects?: { readonly burst: number; readonly perSecond: number } | undefined;
  /** By which timestamps are judged. Default: the system's. */
  readonly clock?: Clock | undefined;
}

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

export interface EdgeGridServer {
  readonly origin: string;
  /** Requests that were signed as they must be. */
  readonly accepted: number;
  /** What was wrong with the others, in the order they came. */
  readonly refused: readonly string[];
  readonly connections: number;
  close(): Promise<void>;
}

const BODY_BYTES_MAX = 131_072;
const SKEW_MS = 30_000;

export async function startEdgeGridServer(options: EdgeGridServerOptions): Promise<EdgeGridServer> {
  const api = new Api(options);
  const take = (request: Request, response: Response): void => void api.answer(request, response);
  const { tls } = options;
  const listener: Server | Http2SecureServer =
    tls === undefined ? createServer(take) : createSecureServer({ ...tls, allowHTTP1: true }, take);
  const sockets = new Set<Socket>();
  let connections = 0;
  listener.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = listener.address() as AddressInfo;
  return {
    origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    get accepted() {
      return api.accepted;
    },
    get refused() {
      return api.refused;
    },
    get connections() {
      return connections;
    },
    close: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

class Api {
  accepted = 0;
  readonly refused: string[] = [];
  readonly #options: EdgeGridServerOptions;
  readonly #rules: Rules;
  readonly #clock: Clock;
  readonly #nonces = new Set<string>();
  readonly #requests: Bucket | undefined;
  readonly #objects: Bucket | undefined;

  constructor(options: EdgeGridServerOptions) {
    this.#options = options;
    const { headersToSign = [], bodyBytesMax = BODY_BYTES_MAX, skewMs = SKEW_MS } = options;
    this.#rules = { headersToSign, bodyBytesMax, skewMs };
    this.#clock = options.clock ?? systemClock;
    this.#requests = options.requests && new Bucket(options.requests, this.#clock);
    this.#objects = options.objects && new Bucket(options.objects, this.#clock);
  }

  async answer(request: Request, response: Response): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk as Uint8Array);
    const body = Buffer.concat(chunks);
    const target = request.url ?? '/';
    const wrong = this.#objection(request, target, body);
    if (wrong !== undefined) {
      this.refused.push(wrong);
      return problem(response, 401, 'Not authorized', wrong);
    }
    this.accepted++;
    const objects = target.startsWith('/ccu/v3/') ? countOf(body) : 0;
    const full = [this.#requests?.take(1), this.#objects?.take(objects)].find((left) => left?.over);
    if (full !== undefined) return problem(response, 429, 'Rate limit exceeded', 'ask later', this.#told());
    await this.#serve(request, response, target, body);
  }

  async #serve(request: Request, response: Response, target: string, body: Buffer): Promise<void> {
    const url = new URL(target, 'http://localhost');
    const number = (name: string): number => Number(url.searchParams.get(name));
    if (url.pathname === '/fail') return problem(response, number('status'), 'It failed', 'as asked for');
    if (url.pathname === '/redirect') {
      head(response, 307, { location: url.searchParams.get('to') ?? '/ok' });
      response.end();
      return;
    }
    const slow = url.pathname === '/slow' ? number('ms') : 0;
    if (slow > 0) await new Promise<void>((resolve) => this.#clock.after(slow, resolve));
    head(response, 200, { 'content-type': 'application/json', ...this.#told() });
    response.end(JSON.stringify({ method: request.method, target, bytes: body.length, headers: request.headers }));
  }

  #objection(request: Request, target: string, body: Uint8Array): string | undefined {
    const { headers, method = 'GET' } = request;
    const host = String(headers[':authority'] ?? headers.host ?? '');
    const scheme = this.#options.tls === undefined ? 'http' : 'https';
    const received = { method, scheme, host, target, headers, body };
    const found = verified(received, this.#options, this.#rules, this.#clock.wall());
    if ('wrong' in found) return found.wrong;
    if (this.#nonces.has(found.nonce)) return 'Nonce was used before';
    this.#nonces.add(found.nonce);
    return undefined;
  }

  #told(): Record<string, string> {
    return {
      ...(this.#requests && {
        'x-ratelimit-limit': String(this.#requests.burst),
        'x-ratelimit-remaining': String(this.#requests.left),
      }),
      ...(this.#objects && { 'x-ratelimit-remaining-objects': String(this.#objects.left) }),
    };
  }
}

function countOf(body: Uint8Array): number {
  const { objects } = JSON.parse(Buffer.from(body).toString()) as { objects?: readonly unknown[] };
  return objects?.length ?? 0;
}

function head(response: Response, status: number, headers: Record<string, string>): void {
  (response as ServerResponse).writeHead(status, headers);
}

function problem(response: Response, status: number, title: string, detail: string, more = {}): void {
  const type = 'https://problems.luna.akamaiapis.net/-/keepwarm/stand-in';
  head(response, status, { 'content-type': 'application/problem+json', ...more });
  response.end(JSON.stringify({ type, title, status, detail, instance: `${type}/1` }));
}
