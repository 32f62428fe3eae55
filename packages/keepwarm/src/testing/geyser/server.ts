/**
 * A Geyser server for tests: slots, accounts and transactions from a seed, filters and replay with the plugin's
 * meaning, limits that count as providers do, and every trouble such a server can make, at a moment the test chooses.
 *
 *     await using geyser = await startGeyserServer({ accountsPerSlot: 100 });
 *     const yellowstone = createYellowstone({ target: geyser.target });
 *     …
 *     geyser.advance(10); // ten slots, now
 *     geyser.reset();     // and every connection is lost
 *
 *   call ──banned──▶ 429 ──wrong token──▶ UNAUTHENTICATED ──too many connections──▶ RESOURCE_EXHAUSTED ──▶ answered
 */
import { createSecureServer, createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { type Clock, systemClock, type Timer } from '../../core/clock.ts';
import type { StatusName } from '../../wire/grpc/status.ts';
import { Answering } from './answering.ts';
import { type AccountInit, Chain, type TransactionInit } from './chain.ts';
import { Counts, type GeyserServerStats } from './counts.ts';
import { Door } from './door.ts';
import type { GeyserEvent } from './events.ts';
import { Ledger } from './ledger.ts';
import { type ChainOptions, type GeyserServerOptions, type LimitOptions, settleGeyser } from './options.ts';
import { Subscription } from './subscription.ts';
import { unaryHandlers } from './unary.ts';

const VERSION = '{"package":"keepwarm-testing-geyser","proto":"geyser"}';

export class GeyserServer {
  readonly #options: ChainOptions & LimitOptions;
  readonly #clock: Clock;
  readonly #tls: boolean;
  readonly #host: string;
  readonly #tokens: readonly string[];
  readonly #door: Door;
  readonly #http2: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #subscriptions = new Set<Subscription>();
  readonly #ledger: Ledger;
  readonly #chain: Chain;
  readonly #unary: ReturnType<typeof unaryHandlers>;
  readonly #counts = new Counts();
  #exhausting = 0;
  #silent = false;
  #serving = true;
  #mute = false;
  #streamsMax: number;
  #timer: Timer | undefined;
  #closed: Promise<void> | undefined;

  /** @throws NetError `INVALID` naming the option that is not acceptable */
  constructor(options: GeyserServerOptions) {
    const settled = settleGeyser(options);
    const { token = [], tls, clock = systemClock } = options;
    this.#options = settled;
    this.#clock = clock;
    this.#tls = tls !== undefined;
    this.#host = options.host ?? '127.0.0.1';
    this.#tokens = typeof token === 'string' ? [token] : token;
    this.#streamsMax = settled.streamsMax;
    this.#ledger = new Ledger(Math.max(settled.replaySlots, settled.finalizeAfter + 2));
    this.#chain = new Chain(settled, clock, (event) => this.#told(event));
    const serving = () => this.#serving;
    const [chain, ledger] = [this.#chain, this.#ledger];
    this.#unary = unaryHandlers({ chain, ledger, options: settled, serving, version: options.version ?? VERSION });
    // Streams that are refused again and again are what some of the tests are about.
    const http2 = {
      settings: { maxConcurrentStreams: settled.streamsMax },
      streamResetBurst: 1e6,
      streamResetRate: 1e6,
    };
    this.#http2 = tls === undefined ? createServer(http2) : createSecureServer({ ...http2, ...tls });
    this.#http2.on('secureConnection', (outer: Socket) => this.#door.secured(outer));
    this.#http2.on('session', (session) => this.#session(session));
    this.#http2.on('stream', (stream, headers) => this.#answer(new Answering(stream, headers), stream.session));
    // Handshakes and sessions that fail are the client's to tell of.
    for (const name of ['sessionError', 'tlsClientError']) this.#http2.on(name, () => undefined);
    this.#door = new Door(settled, clock, options.ban ?? 'reset', (socket) => this.#http2.emit('connection', socket));
    if (settled.slotMs > 0) this.#tick();
  }

  listen(port = 0): Promise<void> {
    return this.#door.listen(port, this.#host);
  }

  get port(): number {
    return this.#door.port;
  }

  /** As clients take it: `http://127.0.0.1:50051`. */
  get target(): string {
    return `${this.#tls ? 'https' : 'http'}://${this.#host}:${this.port}`;
  }

  /** Addresses that generated updates are about, in base58. */
  get accounts(): readonly string[] {
    return this.#chain.accounts;
  }

  /** The programs that own them. */
  get owners(): readonly string[] {
    return this.#chain.owners;
  }

  /** The slot that is open: what `account` and `transaction` add to. */
  get slot(): bigint {
    return this.#chain.slot;
  }

  /** Ends `count` slots, each with its generated updates. */
  advance(count = 1): void {
    for (let i = 0; i < count; i++) this.#chain.advance();
  }

  /** Ends slots that nobody is told of, and that no replay has: a hole in the stream. */
  lose(count = 1): void {
    this.#mute = true;
    this.advance(count);
    this.#mute = false;
  }

  /** Leaves slots without a block, as an absent leader does: no hole, the next block's parent is the one before. */
  skip(count = 1): void {
    for (let i = 0; i < count; i++) this.#chain.skip();
  }

  /** Writes an account in the open slot; what is left out is made up. */
  account(init?: AccountInit): void {
    this.#chain.account(init);
  }

  /** Executes a transaction in the open slot; what is left out is made up. */
  transaction(init?: TransactionInit): void {
    this.#chain.transaction(init);
  }

  /** Makes what happened before a slot too old for a replay. Default: all but the open slot. */
  forget(below: bigint = this.slot): void {
    this.#ledger.forget(below);
  }

  /** Every session gets GOAWAY: what runs goes on, nothing begins. */
  goaway(): void {
    for (const session of this.#sessions) session.close();
  }

  /** Every connection ends with RST. */
  reset(): void {
    this.#door.reset();
  }

  /** Nothing more is sent on subscriptions, not even pings, until it ends; connections stay. */
  silence(on = true): void {
    this.#silent = on;
    if (!on) for (const subscription of this.#subscriptions) subscription.wake();
  }

  /** New connections are accepted and then never answered, not even with SETTINGS, until it ends. */
  blackHole(on = true): void {
    this.#door.blackHole = on;
  }

  /** The next connections are reset as soon as they are accepted. */
  refuse(count = 1): void {
    this.#door.refusing = count;
  }

  /** Streams at once that connections are told they may have, those that are open included. */
  streamsMax(count: number): void {
    this.#streamsMax = count;
    for (const session of this.#sessions) session.settings({ maxConcurrentStreams: count });
  }

  /** The next subscriptions are refused with RESOURCE_EXHAUSTED. */
  exhaust(count = 1): void {
    this.#exhausting = count;
  }

  /** Every subscription is ended as the plugin ends one that is too slow. */
  lag(): void {
    this.fail('INTERNAL', 'lagged to send an update');
  }

  /** Every subscription is ended with a status. */
  fail(status: StatusName, message = 'as the test wants it'): void {
    for (const subscription of this.#subscriptions) subscription.fail(status, message);
  }

  /** What grpc.health.v1 says. */
  serving(on: boolean): void {
    this.#serving = on;
  }

  stats(): GeyserServerStats {
    return this.#counts.snapshot(this.#door.stats(), [...this.#subscriptions]);
  }

  /** Ends everything; twice is harmless. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#timer?.cancel();
    await this.#door.close();
    for (const session of this.#sessions) session.destroy();
    this.#http2.close();
  }

  #tick(): void {
    this.#timer = this.#clock.after(this.#options.slotMs, () => {
      this.advance();
      this.#tick();
    });
  }

  #told(event: GeyserEvent): void {
    if (!this.#mute) this.#ledger.add(event);
  }

  #session(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    session.on('error', () => undefined); // a connection that is lost; its streams tell who must know
    if (this.#streamsMax !== this.#options.streamsMax) session.settings({ maxConcurrentStreams: this.#streamsMax });
  }

  #answer(call: Answering, session: { readonly socket?: Socket | object } | undefined): void {
    const socket = session?.socket as Socket | undefined;
    if (this.#door.isBanned(socket?.remotePort)) return call.refuse(429);
    const token = call.headers['x-token'];
    if (this.#tokens.length > 0 && !(typeof token === 'string' && this.#tokens.includes(token))) {
      return call.end('UNAUTHENTICATED', 'No valid auth token');
    }
    if (this.#door.full) return call.end('RESOURCE_EXHAUSTED', 'too many connections');
    if (call.path === '/geyser.Geyser/Subscribe') return this.#subscribe(call);
    const handler = this.#unary.get(call.path);
    if (handler === undefined) return call.end('UNIMPLEMENTED', `there is no method ${call.path}`);
    this.#counts.called(call.path);
    call.read({ message: (bytes) => handler(bytes, call) });
  }

  #subscribe(call: Answering): void {
    if (this.#exhausting > 0 || this.#subscriptions.size >= this.#options.subscriptionsMax) {
      if (this.#exhausting > 0) this.#exhausting--;
      this.#counts.refused++;
      return call.end('RESOURCE_EXHAUSTED', 'max subscription limit exceeded');
    }
    this.#counts.subscribed++;
    const [ledger, limits, clock] = [this.#ledger, this.#options, this.#clock];
    const subscription = new Subscription({
      ...{ call, ledger, limits, clock },
      silent: () => this.#silent,
      wrote: (request) => this.#counts.wrote(request),
      sent: (updates) => {
        this.#counts.sent += updates;
      },
      over: (each) => this.#subscriptions.delete(each),
    });
    this.#subscriptions.add(subscription);
  }
}

/** Starts one on loopback. See docs/guide/yellowstone.md, and docs/reference/yellowstone.md for its options. */
export async function startGeyserServer(options: GeyserServerOptions = {}): Promise<GeyserServer> {
  const server = new GeyserServer(options);
  try {
    await server.listen(options.port);
  } catch (error) {
    await server.close(); // its slots go by already
    throw error;
  }
  return server;
}
