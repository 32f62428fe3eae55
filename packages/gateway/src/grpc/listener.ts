/**
 * The listener for callers that speak gRPC: HTTP/2, in the clear with prior knowledge or over TLS.
 *
 *   listening ──drain──▶ draining: GOAWAY, calls under way go on ──all ended, or the time is up──▶ closed
 */
import { once } from 'node:events';
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import type { GrpcUpstreamConfig } from '../config/grpc-upstream.ts';
import type { RequestIds } from '../data/request-ids.ts';
import { GrpcCall } from './call.ts';
import { Tokens } from './tokens.ts';

/** Memory that calls of one connection may take within node:http2, in MB. */
const SESSION_MB = 64;
/** What a caller may send of one call, and of all, before it is read, in bytes. */
const WINDOW_BYTES = 1024 * 1024;
const METHOD = /^\/[^/?]+\/[^/?]+$/;

/** What it is the listener of. */
export interface GrpcHome {
  readonly name: string;
  /** Those of calls from now on. */
  ids(): RequestIds;
}

export class GrpcListener {
  readonly #config: GrpcUpstreamConfig;
  readonly #tokens: Tokens;
  readonly #home: GrpcHome;
  readonly #handle: (call: GrpcCall) => void;
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  #accepted = 0;
  #inFlight = 0;
  #calls = 0;
  #refused = 0;
  #closed: Promise<void> | undefined;

  constructor(config: GrpcUpstreamConfig, home: GrpcHome, handle: (call: GrpcCall) => void) {
    this.#home = home;
    this.#config = config;
    this.#tokens = new Tokens(config.tokens);
    this.#handle = handle;
    const settings = { maxConcurrentStreams: config.callsMax, initialWindowSize: WINDOW_BYTES };
    const options = { settings, maxSessionMemory: SESSION_MB };
    const { serverTls } = config;
    this.#server = serverTls === undefined ? createServer(options) : createSecureServer({ ...options, ...serverTls });
    (this.#server as unknown as Server).maxConnections = config.callersMax;
    this.#server.on('session', (session) => this.#session(session));
    this.#server.on('stream', (stream, headers, _flags, raw) =>
      this.#stream(stream, headers, raw as unknown as string[]),
    );
    for (const name of ['sessionError', 'tlsClientError']) this.#server.on(name, ignored); // the caller is told
  }

  /** @throws the system's error, e.g. `EADDRINUSE` */
  async listen(): Promise<AddressInfo> {
    const { host, port } = this.#config.listen;
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return this.#server.address() as AddressInfo;
  }

  get address(): AddressInfo | undefined {
    return (this.#server.address() as AddressInfo | null) ?? undefined;
  }

  stats() {
    return {
      /** Connections of callers. */
      open: this.#sessions.size,
      accepted: this.#accepted,
      calls: this.#calls,
      inFlight: this.#inFlight,
      /** Calls that were not let in: no gRPC, no method, or no token that is known. */
      refused: this.#refused,
    };
  }

  /** Takes nothing new, lets what is under way end for so long, then ends it. Twice is harmless. */
  close(drainMs: number): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = this.#close(drainMs);
      return this.#closed;
    }
    // Asked again, it has no longer than this from now on.
    const giveUp = setTimeout(() => this.#destroy(), drainMs);
    return this.#closed.finally(() => clearTimeout(giveUp));
  }

  async #close(drainMs: number): Promise<void> {
    const gone = this.#server.listening ? once(this.#server, 'close') : Promise.resolve();
    this.#server.close();
    for (const session of this.#sessions) session.close();
    const giveUp = setTimeout(() => this.#destroy(), drainMs);
    if (drainMs === 0) this.#destroy();
    await gone;
    clearTimeout(giveUp);
  }

  #destroy(): void {
    for (const session of this.#sessions) session.destroy();
  }

  #session(session: ServerHttp2Session): void {
    this.#accepted++;
    this.#sessions.add(session);
    session.setLocalWindowSize(WINDOW_BYTES * 4);
    session.once('close', () => this.#sessions.delete(session));
    session.on('error', ignored); // its calls tell who must know
  }

  #stream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]): void {
    const by = { requestId: this.#home.ids().of(headers), upstream: this.#home.name };
    const call = new GrpcCall(stream, headers, raw, this.#config.messageBytesMax, by);
    this.#calls++;
    this.#inFlight++;
    stream.once('close', () => {
      this.#inFlight--;
    });
    const refuse = (answer: () => void): void => {
      this.#refused++;
      answer();
    };
    if (headers[':method'] !== 'POST' || !/^application\/grpc(?:[+;]|$)/i.test(headers['content-type'] ?? '')) {
      return refuse(() => call.refuse(415));
    }
    if (!this.#tokens.admits(tokenOf(headers))) {
      return refuse(() => call.refused('UNAUTHENTICATED', 'x-token is missing, or is not one of this gateway'));
    }
    if (!METHOD.test(call.path)) return refuse(() => call.refused('UNIMPLEMENTED', 'the path names no method'));
    this.#handle(call);
  }
}

const tokenOf = (headers: IncomingHttpHeaders): string | undefined => [headers['x-token']].flat()[0];

function ignored(): void {}
