/**
 * An HTTP/1.1 server that misbehaves as it is told, for tests of whatever calls servers. It listens on loopback, speaks
 * cleartext or TLS, and follows a script: one function from a request to what is done about it.
 *
 *     await using server = await startFaultyServer({ script: oneByOne(answer('one'), reset, answer('three')) });
 *     const client = createClient({ origin: server.origin });
 *
 * Or, from outside, at a moment the test chooses:
 *
 *     server.connections.at(-1)!.reset();
 *
 *   accepted ──connected?──▶ (TLS) ──▶ request ──script──▶ request … ──▶ closed
 *
 * Invariants:
 *   (1) Steps of one connection run one after another, those of different connections beside each other.
 *   (2) A step that throws closes its connection, and `close()` rejects with what it threw: no test passes by accident.
 *   (3) After `close()` nothing listens, no connection is open and no step is told of another request.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions, type Server as TlsServer } from 'node:tls';
import { type Clock, systemClock } from '../core/clock.ts';
import { FaultyConnection } from './faulty-connection.ts';
import { type FaultyRequest, RequestReader } from './faulty-request.ts';
import { answer, type Step } from './faulty-steps.ts';

export interface FaultyServerOptions {
  /** What is done about each request. Default: every one is answered with `ok`. */
  readonly script?: Step | undefined;
  /**
   * Called when a connection was accepted, before TLS and before anything is read. Whoever must wait returns a promise.
   */
  readonly connected?: ((connection: FaultyConnection) => void | Promise<void>) | undefined;
  /** Certificate, key and whatever else `tls.createServer` takes; cleartext without. */
  readonly tls?: TlsOptions | undefined;
  /** Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Default 0: whichever is free. */
  readonly port?: number | undefined;
  /** Requests remembered in `requests`; the oldest is forgotten first. Default 10,000. */
  readonly requestsKept?: number | undefined;
  /** Times the pauses of scripts. */
  readonly clock?: Clock | undefined;
}

export class FaultyServer {
  readonly #options: FaultyServerOptions;
  readonly #clock: Clock;
  readonly #listener: Server;
  readonly #tls: TlsServer | undefined;
  readonly #open = new Set<FaultyConnection>();
  readonly #requests: FaultyRequest[] = [];
  readonly #errors: unknown[] = [];
  #accepted = 0;
  #ordinal = 0;
  #closed: Promise<void> | undefined;

  constructor(options: FaultyServerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    if (options.tls === undefined) return;
    this.#tls = createTlsServer({ ...options.tls, allowHalfOpen: true }, (socket) => {
      const connection = this.connections.find(({ port }) => port === socket.remotePort);
      if (connection === undefined) return void socket.destroy();
      connection.secured(socket);
      this.#serve(connection);
    });
    // A handshake that fails is what the test is about; the client tells why.
    this.#tls.on('tlsClientError', (_error, socket) => void socket.destroy());
  }

  listen(): Promise<this> {
    const { host = '127.0.0.1', port = 0 } = this.#options;
    return new Promise((resolve, reject) => {
      this.#listener.once('error', reject).listen(port, host, () => resolve(this));
    });
  }

  get port(): number {
    const address = this.#listener.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** `http://127.0.0.1:PORT`, or `https://localhost:PORT` over TLS. */
  get origin(): string {
    const { host = this.#tls === undefined ? '127.0.0.1' : 'localhost' } = this.#options;
    return `${this.#tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${this.port}`;
  }

  /** Connections that are open, oldest first. */
  get connections(): FaultyConnection[] {
    return [...this.#open];
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Requests whose heads have arrived, oldest first. */
  get requests(): readonly FaultyRequest[] {
    return this.#requests;
  }

  /** Requests so far, forgotten ones included. */
  get received(): number {
    return this.#ordinal;
  }

  /** Ends everything at once. Twice is harmless. @throws whatever a step has thrown */
  async close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#listener.close(() => resolve()));
    for (const connection of this.connections) connection.socket.destroy();
    await this.#closed;
    if (this.#errors.length > 0) throw this.#errors.shift();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(raw: Socket): void {
    const connection = new FaultyConnection(++this.#accepted, raw, this.#clock);
    this.#open.add(connection);
    raw.on('error', ignored).once('close', () => this.#open.delete(connection));
    const start = (): void => {
      if (!connection.open || !raw.writable) return;
      if (this.#tls === undefined) this.#serve(connection);
      else this.#tls.emit('connection', raw);
    };
    const { connected } = this.#options;
    if (connected === undefined) return start();
    this.#run(connection, async () => connected(connection)).then(start, ignored);
  }

  #serve(connection: FaultyConnection): void {
    const { script = answer(), requestsKept = 10_000 } = this.#options;
    let busy = Promise.resolve();
    const reader = new RequestReader({
      nextOrdinal: () => ++this.#ordinal,
      request: (request) => {
        this.#requests.push(request);
        if (this.#requests.length > requestsKept) this.#requests.shift();
        busy = busy.then(() => this.#run(connection, async () => script(request, connection)));
      },
    });
    const { socket } = connection;
    socket.on('error', ignored);
    socket.on('data', (bytes: Buffer) => reader.read(bytes));
    // A client that says goodbye gets its goodbye back, after what it is still owed.
    socket.on('end', () => void busy.then(() => socket.end()));
    socket.on('close', () => reader.end());
  }

  async #run(connection: FaultyConnection, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (connection.open) this.#errors.push(error); // after the client left, a step may fail as it likes
      connection.socket.destroy();
    }
  }
}

/** Connections that break are this server's business; the client under test tells what it saw of it. */
function ignored(): void {}

/** Starts a server; `close` it, or let `await using` do so. */
export function startFaultyServer(options: FaultyServerOptions = {}): Promise<FaultyServer> {
  return new FaultyServer(options).listen();
}
