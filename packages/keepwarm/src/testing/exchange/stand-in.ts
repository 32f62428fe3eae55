/**
 * The server's end of any exchange: HTTP that loses, repeats and delays what it is told to, and WebSocket connections
 * with channels on them. What is asked and answered there, an exchange's own `ExchangeWords` know.
 */
import { Buffer } from 'node:buffer';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type Clock, systemClock } from '../../core/clock.ts';
import type { Asked, ExchangeFault, ExchangeServer, ExchangeServerOptions, Said } from './rules.ts';
import { acceptWebSocket, type ServerSocket } from './socket.ts';

/** One WebSocket connection. */
export interface Stream<Account> {
  readonly socket: ServerSocket;
  readonly channels: Set<string>;
  account: Account | undefined;
  /** Of the binary messages that were asked for, where an exchange has such. */
  readonly version: number | undefined;
}

/** Whose a connection is; or the status it is refused with. */
export type Admission<Account> =
  | { readonly account: Account | undefined; readonly version?: number | undefined }
  | { readonly status: number };

export interface ExchangeWords<Account, Fault> {
  /** What stands before every path. */
  readonly base: string;
  /** Where WebSocket connections are opened. */
  readonly wsPath: string;
  /** Said to whoever asks too often. */
  readonly tooMany: Said;
  say(asked: Asked): Said | Promise<Said>;
  kindOf(asked: Asked): 'order' | 'cancel' | undefined;
  /** Of its own faults, those that come before an order is read: an answer in its place, or a change of mind. */
  before(fault: Fault | undefined, asked: Asked): Said | undefined;
  /** Those that come after it was taken: another answer. */
  after(fault: Fault | undefined, said: Said): Said;
  /** Whether this WebSocket connection may be opened, and whose it is. Nothing is 401. */
  admits(query: URLSearchParams): Admission<Account> | undefined;
  heard(stream: Stream<Account>, message: Readonly<Record<string, unknown>>): void;
}

/** What is the same of every exchange. */
type Face = Omit<ExchangeServer<never>, 'orders'>;

const WINDOW_MS = 1_000;
const LATE_MS = 300;

export class StandIn<Account, Fault extends string> {
  readonly refused: string[] = [];
  readonly clock: Clock;
  connections = 0;
  readonly #http: Server;
  readonly #words: ExchangeWords<Account, Fault>;
  readonly #options: ExchangeServerOptions<Fault>;
  readonly #sockets = new Set<Socket>();
  readonly #streams = new Set<Stream<Account>>();
  #starts: number[] = [];
  #orders = 0;
  #cancels = 0;

  constructor(words: ExchangeWords<Account, Fault>, options: ExchangeServerOptions<Fault>) {
    this.#words = words;
    this.#options = options;
    this.clock = options.clock ?? systemClock;
    this.#http = createServer({ keepAliveTimeout: 0 }, (request, response) => void this.#serve(request, response));
    this.#http.on('connection', (socket: Socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('error', () => undefined).once('close', () => this.#sockets.delete(socket));
    });
    this.#http.on('upgrade', (request, socket) => this.#upgrade(request, socket as Socket));
  }

  /** What a test holds in its hands: what is the exchange's own, and what all stand-ins tell and do. */
  async open<Own extends object>(own: Own): Promise<Own & Face> {
    const standIn = this;
    const { restUrl, wsUrl } = await this.#listen();
    const face: Face = {
      ...{ restUrl, wsUrl, refused: this.refused },
      get connections() {
        return standIn.connections;
      },
      get streams() {
        return [...standIn.#streams].filter(({ channels }) => channels.size > 0).length;
      },
      dropStreams: () => standIn.dropStreams(),
      close: () => standIn.close(),
    };
    return Object.defineProperties(own, Object.getOwnPropertyDescriptors(face)) as Own & Face;
  }

  /** Milliseconds since 1970 by its own clock. */
  wall(): number {
    return this.clock.wall() + (this.#options.aheadMs ?? 0);
  }

  /** To all who have subscribed to the channel, or those of them it is meant for. */
  tell(channel: string, message: object, to: (stream: Stream<Account>) => boolean = () => true): void {
    for (const stream of this.#streams) if (stream.channels.has(channel) && to(stream)) stream.socket.say(message);
  }

  /** Those connections that are open. */
  get streams(): Iterable<Stream<Account>> {
    return this.#streams;
  }

  dropStreams(): void {
    for (const { socket } of this.#streams) socket.destroy();
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#http.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  async #listen(): Promise<{ readonly restUrl: string; readonly wsUrl: string }> {
    await new Promise<void>((resolve, reject) => {
      this.#http.once('error', reject).listen(this.#options.port ?? 0, '127.0.0.1', resolve);
    });
    const { port } = this.#http.address() as AddressInfo;
    const { base, wsPath } = this.#words;
    return { restUrl: `http://127.0.0.1:${port}${base}`, wsUrl: `ws://127.0.0.1:${port}${wsPath}` };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Uint8Array);
    } catch {
      return; // the caller is gone
    }
    const { method = 'GET', headers } = request;
    const url = new URL(request.url ?? '/', 'http://localhost');
    const text = Buffer.concat(chunks).toString();
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    const path = url.pathname.slice(this.#words.base.length);
    const asked: Asked = { method, path, query: url.searchParams, headers, body };
    if (this.#isTooMuch()) return this.#answer(response, this.#noted(this.#words.tooMany));
    const kind = this.#words.kindOf(asked);
    if (kind === 'order') return this.#change(asked, response, this.#options.fault?.(this.#orders++));
    if (kind === 'cancel') return this.#change(asked, response, this.#options.cancelFault?.(this.#cancels++));
    this.#answer(response, await this.#say(asked));
  }

  async #change(asked: Asked, response: ServerResponse, fault: Fault | ExchangeFault | undefined): Promise<void> {
    const { socket } = response;
    const own = fault as Fault | undefined;
    if (fault === 'lose before') return void socket?.resetAndDestroy();
    const instead = this.#words.before(own, asked);
    if (instead !== undefined) return this.#answer(response, instead);
    if (fault === 'late') {
      this.clock.after(this.#options.lateMs ?? LATE_MS, () => void this.#say(asked));
      return void socket?.resetAndDestroy();
    }
    const said = await this.#say(asked);
    if (fault === 'silent after') return;
    if (fault === 'lose after') return void socket?.resetAndDestroy();
    if (fault === 'twice') return void socket?.write(this.#text(said) + this.#text(said));
    this.#answer(response, fault === 'copy' ? await this.#say(asked) : this.#words.after(own, said));
  }

  async #say(asked: Asked): Promise<Said> {
    return this.#noted(await this.#words.say(asked));
  }

  #noted(said: Said): Said {
    if (said.status >= 400) this.refused.push(JSON.stringify(said.body));
    return said;
  }

  #answer(response: ServerResponse, { status, body }: Said): void {
    const page = typeof body === 'string';
    response.writeHead(status, { 'content-type': page ? 'text/html' : 'application/json', date: this.#date() });
    response.end(page || body === undefined ? body : JSON.stringify(body));
  }

  #text({ status, body }: Said): string {
    const head = `HTTP/1.1 ${status} OK\r\ncontent-type: application/json\r\ndate: ${this.#date()}\r\n`;
    if (body === undefined) return `${head}\r\n`; // 204
    const json = JSON.stringify(body);
    return `${head}content-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`;
  }

  #date(): string {
    return new Date(this.wall()).toUTCString();
  }

  #isTooMuch(): boolean {
    const { perSecond } = this.#options;
    if (perSecond === undefined) return false;
    const now = this.clock.now();
    this.#starts = this.#starts.filter((at) => at > now - WINDOW_MS);
    this.#starts.push(now);
    return this.#starts.length > perSecond;
  }

  #upgrade(request: IncomingMessage, socket: Socket): void {
    const admitted = this.#words.admits(new URL(request.url ?? '/', 'http://localhost').searchParams);
    if (admitted === undefined || 'status' in admitted) {
      const { status } = admitted ?? { status: 401 };
      return void socket.end(`HTTP/1.1 ${status} Refused\r\ncontent-length: 0\r\n\r\n`);
    }
    const heard = (message: unknown): void => this.#words.heard(stream, message as Record<string, unknown>);
    const stream: Stream<Account> = {
      socket: acceptWebSocket(request, socket, heard),
      channels: new Set(),
      account: admitted.account,
      version: admitted.version,
    };
    this.#streams.add(stream);
    socket.once('close', () => this.#streams.delete(stream));
  }
}
