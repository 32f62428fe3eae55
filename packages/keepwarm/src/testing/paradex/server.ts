/**
 * A stand-in for Paradex, made from its published pages; nobody at Paradex has looked at it. It checks signatures,
 * tokens and clocks as they do, refuses with their codes, and loses or repeats what it is told to.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { systemClock } from '../../core/clock.ts';
import { acceptWebSocket, type ServerSocket } from '../exchange-socket.ts';
import { type Asked, type BookEntry, ParadexBook, type Said } from './book.ts';
import type { ParadexFault, ParadexServerOptions } from './rules.ts';

export interface ParadexServer {
  readonly restUrl: string;
  readonly wsUrl: string;
  /** What it has, whoever put it there. */
  readonly orders: readonly BookEntry[];
  /** What was wrong with requests, in the order they came. */
  readonly refused: readonly string[];
  readonly tokens: number;
  readonly onboardings: number;
  readonly connections: number;
  /** WebSocket connections with a subscription. */
  readonly streams: number;
  /** Tokens handed out so far are no longer taken. */
  expireTokens(): void;
  /** Ends every WebSocket connection without a goodbye. */
  dropStreams(): void;
  close(): Promise<void>;
}

const BASE = '/v1';

export async function startParadexServer(options: ParadexServerOptions): Promise<ParadexServer> {
  const stand = new ParadexStandIn(options);
  await new Promise<void>((resolve) => stand.http.listen(0, '127.0.0.1', resolve));
  const { port } = stand.http.address() as AddressInfo;
  stand.urls = { rest: `http://127.0.0.1:${port}${BASE}`, ws: `ws://127.0.0.1:${port}${BASE}` };
  return stand;
}

class ParadexStandIn implements ParadexServer {
  readonly http: Server;
  urls = { rest: '', ws: '' };
  connections = 0;
  readonly refused: string[] = [];
  readonly #book: ParadexBook;
  readonly #options: ParadexServerOptions;
  readonly #sockets = new Set<Socket>();
  readonly #streams = new Map<ServerSocket, { account: string | undefined; channels: Set<string> }>();
  #seen = 0;

  constructor(options: ParadexServerOptions) {
    this.#options = options;
    this.#book = new ParadexBook(options, options.clock ?? systemClock, (order) => this.#tell(order));
    this.http = createServer({ keepAliveTimeout: 0 }, (request, response) => void this.#serve(request, response));
    this.http.on('connection', (socket: Socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('error', () => undefined).once('close', () => this.#sockets.delete(socket));
    });
    this.http.on('upgrade', (request, socket) => {
      const stream = acceptWebSocket(request, socket as Socket, (message) => this.#heard(stream, message));
      this.#streams.set(stream, { account: undefined, channels: new Set() });
      socket.once('close', () => this.#streams.delete(stream));
    });
  }

  get restUrl(): string {
    return this.urls.rest;
  }
  get wsUrl(): string {
    return this.urls.ws;
  }
  get orders(): readonly BookEntry[] {
    return this.#book.orders;
  }
  get tokens(): number {
    return this.#book.tokensGiven;
  }
  get onboardings(): number {
    return this.#book.onboardings;
  }
  get streams(): number {
    return [...this.#streams.values()].filter(({ channels }) => channels.size > 0).length;
  }
  expireTokens(): void {
    this.#book.tokens.clear();
  }
  dropStreams(): void {
    for (const stream of this.#streams.keys()) stream.destroy();
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
    const { method = 'GET', headers } = request;
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    const asked = { method, path: url.pathname.slice(BASE.length), query: url.searchParams, headers, body };
    if (method === 'POST' && asked.path === '/orders') {
      return this.#order(asked, response, this.#options.fault?.(this.#seen++));
    }
    this.#answer(response, await this.#say(asked));
  }

  async #order(asked: Asked, response: ServerResponse, fault: ParadexFault | undefined): Promise<void> {
    const { socket } = response;
    const slow = { status: 503, body: { error: 'INTERNAL_ERROR', message: 'timed out' } };
    if (fault === 'lose before') return void socket?.resetAndDestroy();
    if (fault === 'timed out before') return this.#answer(response, slow);
    if (fault === 'token') this.expireTokens();
    if (fault === 'late') {
      const { clock = systemClock, lateMs = 300 } = this.#options;
      clock.after(lateMs, () => void this.#say(asked));
      return void socket?.resetAndDestroy();
    }
    const said = await this.#say(asked);
    if (fault === 'silent after') return;
    if (fault === 'lose after') return void socket?.resetAndDestroy();
    if (fault === 'timed out after') return this.#answer(response, slow);
    this.#answer(response, fault === 'copy' ? await this.#say(asked) : said);
  }

  async #say(asked: Asked): Promise<Said> {
    const said = await this.#book.say(asked);
    if (said.status >= 400) this.refused.push(JSON.stringify(said.body));
    return said;
  }

  #answer(response: ServerResponse, { status, body }: Said): void {
    const date = new Date(this.#book.wall()).toUTCString();
    response.writeHead(status, { 'content-type': 'application/json', date });
    response.end(status === 204 ? undefined : JSON.stringify(body));
  }

  #heard(stream: ServerSocket, message: unknown): void {
    const { method, params, id } = message as { method: string; params: Record<string, string>; id: number };
    const state = this.#streams.get(stream);
    if (state === undefined) return;
    const refuse = (): void => stream.say({ jsonrpc: '2.0', id, error: { code: 40_111, message: 'unauthorized' } });
    const channel = params['channel'] ?? '';
    if (method === 'auth') {
      state.account = this.#book.tokens.get(params['bearer'] ?? '');
      if (state.account === undefined) return refuse();
    } else if (method === 'subscribe') {
      if (channel.startsWith('orders.') && state.account === undefined) return refuse();
      state.channels.add(channel);
    } else state.channels.delete(channel);
    stream.say({ jsonrpc: '2.0', id, result: {} });
  }

  #tell(order: BookEntry): void {
    const channel = 'orders.ALL';
    for (const [stream, { account, channels }] of this.#streams) {
      if (account !== order.account || !channels.has(channel)) continue;
      stream.say({ jsonrpc: '2.0', method: 'subscription', params: { channel, data: order } });
    }
  }
}
