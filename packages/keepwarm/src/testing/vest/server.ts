/**
 * A stand-in for Vest, made from its published pages; nobody at Vest has looked at it. It checks proofs, signatures,
 * clocks, nonces and keys as they do, refuses with their codes, and loses, repeats or delays what it is told to.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { systemClock } from '../../core/clock.ts';
import { acceptWebSocket, type ServerSocket } from '../exchange-socket.ts';
import { type Asked, type Said, VestApi } from './api.ts';
import type { BookAccount, BookOrder } from './book.ts';
import type { VestFault, VestServerOptions } from './rules.ts';

export interface VestServer {
  readonly restUrl: string;
  readonly wsUrl: string;
  /** What it has, whoever put it there. */
  readonly orders: readonly BookOrder[];
  /** What was wrong with requests, in the order they came. */
  readonly refused: readonly string[];
  readonly registrations: number;
  readonly connections: number;
  readonly pings: number;
  /** WebSocket connections with a subscription. */
  readonly streams: number;
  /** Listen keys handed out so far are no longer taken. */
  expireListenKeys(): void;
  /** Keys handed out so far are no longer taken. */
  expireKeys(): void;
  /** Ends every WebSocket connection without a goodbye. */
  dropStreams(): void;
  /** Says something on a public channel. */
  publish(channel: string, data: unknown): void;
  close(): Promise<void>;
}

const BASE = '/v2';

export async function startVestServer(options: VestServerOptions): Promise<VestServer> {
  const stand = new VestStandIn(options);
  await new Promise<void>((resolve) => stand.http.listen(0, '127.0.0.1', resolve));
  const { port } = stand.http.address() as AddressInfo;
  stand.urls = { rest: `http://127.0.0.1:${port}${BASE}`, ws: `ws://127.0.0.1:${port}/ws-api` };
  return stand;
}

class VestStandIn implements VestServer {
  readonly http: Server;
  urls = { rest: '', ws: '' };
  registrations = 0;
  connections = 0;
  pings = 0;
  readonly #api: VestApi;
  readonly #options: VestServerOptions;
  readonly #sockets = new Set<Socket>();
  readonly #streams = new Map<ServerSocket, { account: BookAccount | undefined; channels: Set<string> }>();
  #seen = 0;

  constructor(options: VestServerOptions) {
    this.#options = options;
    this.#api = new VestApi(options, options.clock ?? systemClock, (account, event) => this.#tell(account, event));
    this.http = createServer({ keepAliveTimeout: 0 }, (request, response) => void this.#serve(request, response));
    this.http.on('connection', (socket: Socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('error', () => undefined).once('close', () => this.#sockets.delete(socket));
    });
    this.http.on('upgrade', (request, socket) => this.#upgrade(request, socket as Socket));
  }

  get restUrl(): string {
    return this.urls.rest;
  }
  get wsUrl(): string {
    return this.urls.ws;
  }
  get orders(): readonly BookOrder[] {
    return [...this.#api.book.accounts.values()].flatMap(({ orders }) => orders);
  }
  get refused(): readonly string[] {
    return this.#api.refused;
  }
  get streams(): number {
    return [...this.#streams.values()].filter(({ channels }) => channels.size > 0).length;
  }
  expireKeys(): void {
    this.#api.expireKeys();
  }
  expireListenKeys(): void {
    for (const account of this.#api.book.accounts.values()) account.listenKey = undefined;
  }
  dropStreams(): void {
    for (const stream of this.#streams.keys()) stream.destroy();
  }
  publish(channel: string, data: unknown): void {
    for (const [stream, { channels }] of this.#streams) if (channels.has(channel)) stream.say({ channel, data });
  }
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.http.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Uint8Array);
    } catch {
      return; // the caller is gone
    }
    const url = new URL(request.url ?? '/', 'http://localhost');
    const text = Buffer.concat(chunks).toString();
    const asked: Asked = {
      method: request.method ?? 'GET',
      path: url.pathname.slice(BASE.length),
      query: url.searchParams,
      headers: request.headers,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
    if (asked.path === '/register') this.registrations++;
    const ordered = asked.method === 'POST' && asked.path === '/orders';
    if (!ordered) return this.#answer(response, await this.#api.say(asked));
    await this.#order(asked, response, this.#options.fault?.(this.#seen++));
  }

  async #order(asked: Asked, response: ServerResponse, fault: VestFault | undefined): Promise<void> {
    const { socket } = response;
    if (fault === 'lose before') return void socket?.resetAndDestroy();
    if (fault === 'page before') return page(response);
    if (fault === 'key') this.#api.expireKeys();
    if (fault === 'other') this.#api.intrude(asked);
    if (fault === 'slow down') return this.#answer(response, { status: 400, body: { code: 1003, msg: 'slow down' } });
    if (fault === 'late') {
      const { clock = systemClock, lateMs = 300 } = this.#options;
      clock.after(lateMs, () => void this.#take(asked));
      return void socket?.resetAndDestroy();
    }
    const said = await this.#take(asked);
    if (fault === 'silent after') return;
    if (fault === 'lose after') return void socket?.resetAndDestroy();
    if (fault === 'page') return page(response);
    if (fault === 'copy') return this.#answer(response, await this.#take(asked));
    if (fault === 'twice') return void socket?.write(this.#text(said) + this.#text(said));
    this.#answer(response, said);
  }

  async #take(asked: Asked): Promise<Said> {
    const said = await this.#api.order(asked);
    if (said.status !== 200) this.#api.refused.push(JSON.stringify(said.body));
    return said;
  }

  #answer(response: ServerResponse, { status, body }: Said): void {
    response.writeHead(status, { 'content-type': 'application/json', date: this.#date() });
    response.end(JSON.stringify(body));
  }

  #text({ status, body }: Said): string {
    const json = JSON.stringify(body);
    const head = `HTTP/1.1 ${status} OK\r\ncontent-type: application/json\r\ndate: ${this.#date()}\r\n`;
    return `${head}content-length: ${json.length}\r\n\r\n${json}`;
  }

  #date(): string {
    return new Date(this.#api.wall()).toUTCString();
  }

  #upgrade(request: IncomingMessage, socket: Socket): void {
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const listenKey = searchParams.get('listenKey');
    const account = this.#api.book.byListenKey(listenKey);
    if (listenKey !== null && account === undefined) {
      socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    const stream = acceptWebSocket(request, socket, (message) => this.#heard(stream, message));
    this.#streams.set(stream, { account, channels: new Set() });
    socket.once('close', () => this.#streams.delete(stream));
  }

  #heard(stream: ServerSocket, message: unknown): void {
    const { method, params, id } = message as { method?: string; params?: readonly string[]; id?: number };
    const channels = this.#streams.get(stream)?.channels;
    if (method === 'PING') {
      this.pings++;
      return stream.say({ id, data: 'PONG' });
    }
    for (const channel of params ?? []) {
      if (method === 'SUBSCRIBE') channels?.add(channel);
      else channels?.delete(channel);
    }
    stream.say({ result: null, id });
  }

  #tell(account: BookAccount, data: object): void {
    const channel = 'account_private';
    for (const [stream, { account: whose, channels }] of this.#streams) {
      if (whose === account && channels.has(channel)) stream.say({ channel, data });
    }
  }
}

function page(response: ServerResponse): void {
  response.writeHead(502, { 'content-type': 'text/html' });
  response.end('<html><body>Bad Gateway</body></html>');
}
