/**
 * The admin listener: the page, and the routes of `routes.ts`. Each request is looked at by the guard before anything
 * else; what goes wrong is answered as `application/problem+json` and never with what went wrong within.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ACCESS_DEFAULTS } from '../config/access.ts';
import { Guard, setSafeHeaders } from './guard.ts';
import { PAGE_PATHS, pageFiles } from './page-files.ts';
import { type Answer, Refused, type Route } from './route.ts';
import type { HomeView } from './view.ts';

/** Nobody has to send more to ask for something here. */
const HEAD_BYTES_MAX = 16 * 1024;
const BODY_BYTES_MAX = 16 * 1024;
/** A request must have arrived within this, in ms. */
const REQUEST_MS = 10_000;
const CONNECTIONS_MAX = 256;
const STREAM = 'text/event-stream; charset=utf-8';

/** @typeParam V what its routes need to see */
export class AdminServer<V extends HomeView = HomeView> {
  readonly server: Server;
  readonly #view: V;
  readonly #routes: ReadonlyMap<string, readonly Route<V>[]>;
  readonly #unexpected: (error: unknown) => void;
  #guard: Guard | undefined;

  /** @param unexpected told of what should not have happened */
  constructor(view: V, routes: readonly Route<V>[], unexpected: (error: unknown) => void) {
    this.#view = view;
    this.#unexpected = unexpected;
    this.#routes = Map.groupBy(routes, ({ path }) => path);
    const limits = { maxHeaderSize: HEAD_BYTES_MAX, requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS };
    this.server = createServer(limits, (request, response) => void this.#handle(request, response));
    this.server.maxConnections = CONNECTIONS_MAX;
  }

  /** @throws the system's error, e.g. `EADDRINUSE` */
  async listen(host: string, port: number): Promise<AddressInfo> {
    this.server.listen(port, host);
    await once(this.server, 'listening');
    const address = this.server.address() as AddressInfo;
    const access = this.#view.config().access ?? ACCESS_DEFAULTS;
    this.#guard = new Guard(access, this.#view.keys, { host, port: address.port });
    return address;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    setSafeHeaders(response);
    try {
      const answer = await this.#answer(request);
      // Of what never ends, a HEAD gets the head alone.
      if ('stream' in answer)
        return request.method === 'HEAD' ? send(response, 200, STREAM, '') : answer.stream(response);
      const { status = 200 } = answer;
      if ('json' in answer) return send(response, status, 'application/json', JSON.stringify(answer.json, rounded));
      for (const [name, value] of answer.headers ?? []) response.setHeader(name, value);
      send(response, status, answer.type, answer.text);
    } catch (error) {
      if (!(error instanceof Refused)) this.#unexpected(error);
      refuse(
        response,
        error instanceof Refused ? error : new Refused(500, 'INTERNAL', 'this failed; the log says why'),
      );
    }
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const guard = this.#guard!;
    guard.admit(request);
    const [path = '', search = ''] = (request.url ?? '').split('?', 2);
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET');
    const routes = this.#routes.get(path);
    const isPage = PAGE_PATHS.has(path);
    const route = routes?.find((each) => each.method === method);
    if (route === undefined) {
      if (routes === undefined && !isPage) {
        throw new Refused(404, 'PATH', 'there is nothing here; /api lists what is');
      }
      const methods = routes?.map((each) => each.method) ?? ['GET'];
      if (!methods.some((each) => each === method)) {
        throw new Refused(405, 'METHOD', `${method} is not for ${path}; allowed: ${methods.join(', ')}`);
      }
      const { type, content } = (await pageFiles()).get(path)!;
      return { type, text: Buffer.from(content) };
    }
    guard.allow(request, route);
    const body = route.method === 'POST' ? await bodyOf(request) : {};
    return route.answer(this.#view, { query: new URLSearchParams(search), headers: request.headers, body });
  }
}

/** @throws Refused */
async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) {
      throw new Refused(413, 'TOO_LARGE', `the body has more than ${BODY_BYTES_MAX} bytes (limit bodyBytesMax)`);
    }
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString();
  if (text === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined; // what it is not is said below, and what it is may be a secret
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Refused(400, 'INPUT', 'the body is no JSON object; allowed: such as {"upstream":"api"}');
}

function refuse(response: ServerResponse, { status, code, message }: Refused): void {
  if (response.headersSent) return void response.destroy();
  if (status === 401) response.setHeader('www-authenticate', 'Bearer realm="keepwarm"');
  // What is left of its body is not read.
  if (!response.req.complete) response.setHeader('connection', 'close');
  const problem = { type: 'about:blank', title: TITLES[status], status, code, detail: message };
  send(response, status, 'application/problem+json', JSON.stringify(problem));
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** To µs: the rest is noise, and half of the bytes. */
const rounded = (_: string, value: unknown): unknown =>
  typeof value === 'number' ? Math.round(value * 1_000) / 1_000 : value;

function send(response: ServerResponse, status: number, type: string, content: string | Buffer): void {
  const bytes = Buffer.from(content);
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length });
  response.end(response.req.method === 'HEAD' ? undefined : bytes);
}
