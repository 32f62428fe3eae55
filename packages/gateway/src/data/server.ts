/**
 * The listener that callers use: node:http reads requests, strictly; each is checked, routed and forwarded.
 *
 *   listening ──drain──▶ draining (no new connections, replies say close) ──▶ closed
 */
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket, Server as TlsServer } from 'node:tls';
import type { ListenerTls } from '../config/listener-tls.ts';
import { acceptUpgrade } from './accept-upgrade.ts';
import type { CallerRequest, CallerResponse } from './caller.ts';
import {
  asking,
  attendClose,
  closedOf,
  distrust,
  giveUpStalled,
  isDistrusted,
  requestBegun,
  requestEnded,
} from './caller-connection.ts';
import { firstBytes } from './first-bytes.ts';
import { Forwarding } from './forwarding.ts';
import { Http2Door } from './http2-door.ts';
import { listenerOf } from './listener.ts';
import { HEAD_BYTES_MAX, refuseMalformed, refuseTunnel } from './malformed.ts';
import { answerProblem, type Problem } from './problem.ts';
import { discardRest } from './request-body.ts';
import { RequestIds } from './request-ids.ts';
import type { Route, Routes } from './routes.ts';
import { RpcForwarding } from './rpc-forwarding.ts';
import type { Place } from './sections.ts';
import { objectionTo, targetOf } from './target.ts';
import { asksUpgrade, goOnWithout, mayUpgrade, OFFERS_UPGRADES } from './upgrade-offer.ts';
import { responseOn } from './upgrading.ts';

export interface DataOptions {
  /** Connections of callers at once; another is closed as soon as it is accepted. */
  readonly callersMax: number;
  /** A caller that reads nothing of its reply for this long is given up, in ms. */
  readonly callerStallMs: number;
  /** How long a caller's connection may be unused, in ms. */
  readonly callerIdleMs: number;
  /** A request must have arrived within this, body included, in ms. */
  readonly requestMs: number;
  /** What callers see; without it they are spoken to in the clear. */
  readonly tls?: ListenerTls | undefined;
}

/** The head of a request must have arrived within this, in ms; or within `requestMs`, if that is less. */
const HEAD_MS_MAX = 30_000;
/** Requests of one connection that wait for their answers; with another one it is closed, and they are given up. */
const PIPELINED_MAX = 100;
/** How often a draining server looks for connections that have become idle, in ms. */
const DRAIN_LOOK_MS = 20;

export class DataServer {
  readonly server: Server;
  #routes: Routes;
  #ids: RequestIds;
  #draining = false;
  #inFlight = 0;
  /** Connections that became something else. */
  readonly #upgraded = new Set<Socket>();
  /** Connections that have said nothing yet. */
  readonly #silent = new Set<Socket>();
  readonly #http2: Http2Door;
  readonly #serveHttp1: (socket: Socket) => void;
  #refused = 0;
  /** Settles when no connection is left, once it drains. */
  #closed: Promise<void> | undefined;

  constructor(routes: Routes, options: DataOptions, ids = new RequestIds()) {
    this.#routes = routes;
    this.#ids = ids;
    const handle = (request: IncomingMessage, response: ServerResponse): void => this.#handle(request, response);
    const headMs = Math.min(options.requestMs, HEAD_MS_MAX);
    const { server, event, serveHttp1 } = listenerOf({
      ...options,
      headMs,
      headBytesMax: HEAD_BYTES_MAX,
      // Behind a request that waits for its answer it would be answered first: it is a request like any other.
      mayUpgrade: (request) => asking(request.socket) === 0,
    });
    this.#serveHttp1 = serveHttp1;
    this.server = server;
    this.server.maxConnections = options.callersMax;
    this.server.setTimeout(options.callerStallMs, giveUpStalled);
    this.server.on('request', handle).on('checkContinue', handle);
    if (OFFERS_UPGRADES) this.server.on('upgrade', (request, socket, early) => this.#upgrade(request, socket, early));
    this.#http2 = new Http2Door({
      ...options,
      headBytesMax: HEAD_BYTES_MAX,
      serve: (request, response, signal) => this.#handleHttp2(request, response, signal),
    });
    this.server.on(event, (socket: Socket) => this.#accept(socket, headMs, serveHttp1));
    this.server.on(event, attendClose).on('connect', refuseTunnel).on('clientError', refuseMalformed);
  }

  /** @throws the system's error, e.g. `EADDRINUSE` */
  async listen(host: string, port: number): Promise<AddressInfo> {
    this.server.listen(port, host);
    await once(this.server, 'listening');
    return this.server.address() as AddressInfo;
  }

  /** From now on; requests under way stay where they are. */
  route(routes: Routes, ids: RequestIds): void {
    this.#routes = routes;
    this.#ids = ids;
  }

  /** Another certificate, for handshakes from now on. */
  renew(tls: ListenerTls): void {
    if (this.server instanceof TlsServer) this.server.setSecureContext(tls);
  }

  get draining(): boolean {
    return this.#draining;
  }
  get inFlight(): number {
    return this.#inFlight;
  }
  /** Requests answered by the gateway itself, because they could not be routed or were not safe to forward. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * Takes no new connections, lets requests under way end for `deadlineMs`, then closes what is left. Asked again, the
   * shorter time counts.
   */
  async drain(deadlineMs: number): Promise<void> {
    this.#draining = true;
    if (this.server.listening) this.#closed = this.#closing();
    if (this.#closed === undefined) return;
    const giveUp = setTimeout(() => this.closeAll(), deadlineMs);
    await this.#closed;
    clearTimeout(giveUp);
  }

  async #closing(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.#silent) socket.destroy();
    this.#http2.drain();
    for (const upstream of this.#routes.upstreams) upstream.drain();
    const look = setInterval(() => this.server.closeIdleConnections(), DRAIN_LOOK_MS);
    await closed.finally(() => clearInterval(look));
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    if (isDistrusted(socket)) return; // it is read already, behind the refused one; its answer never comes
    if (asking(socket) >= PIPELINED_MAX) {
      distrust(socket); // the rest of what has been read is not looked at
      return void socket.destroy();
    }
    this.#inFlight++;
    this.#identify(request);
    requestBegun(socket, response);
    response.once('close', () => {
      this.#inFlight--;
      requestEnded(socket, response);
    });
    // Of what follows a wish to upgrade that was not taken up Node has dropped what it had read.
    if (this.#draining || (OFFERS_UPGRADES && asksUpgrade(request))) response.shouldKeepAlive = false;
    const refused = objectionTo(request) ?? this.#pass(request, response, closedOf(socket));
    if (refused !== undefined) this.#refuse(response, refused);
  }

  #handleHttp2(request: CallerRequest, response: CallerResponse, closed: AbortSignal): void {
    this.#inFlight++;
    this.#identify(request);
    response.on('close', () => this.#inFlight--);
    const refused = this.#pass(request, response, closed);
    if (refused === undefined) return;
    this.#refused++;
    answerProblem(response, refused);
  }

  #identify(request: CallerRequest): void {
    request.requestId = this.#ids.of(request.headers);
  }

  /** @returns why it is not forwarded; nothing when it is, or was answered otherwise */
  #pass(request: CallerRequest, response: CallerResponse, closed: AbortSignal): Problem | undefined {
    const target = targetOf(request);
    if ('status' in target) return target;
    const route = this.#routes.find(target);
    if ('status' in route) return route;
    if (request.method === 'OPTIONS' && request.headers['max-forwards'] === '0') {
      response.writeHead(204, 'No Content', []); // the question was ours to answer (RFC 9110 § 7.6.2)
      response.end();
      return undefined;
    }
    const { upstream } = route;
    let left = false;
    upstream.tenure.enter();
    response.on('close', () => {
      left = true;
      upstream.tenure.leave();
    });
    const tooOften = upstream.callerRate?.objection(request);
    if (!(tooOften instanceof Promise)) return this.#forward(request, response, closed, route, tooOften);
    void tooOften.then((problem) => left || this.#forward(request, response, closed, route, problem));
    return undefined;
  }

  #forward(
    request: CallerRequest,
    response: CallerResponse,
    closed: AbortSignal,
    { upstream, path }: Route,
    tooOften: Problem | undefined,
  ): undefined {
    if ('rpc' in upstream) {
      const forwarding = new RpcForwarding(request, response, upstream, closed);
      if (tooOften === undefined) forwarding.start();
      else forwarding.refuse(tooOften);
    } else if (tooOften !== undefined) {
      answerProblem(response, { ...tooOften, upstream: upstream.name });
      discardRest(request);
    } else if (upstream.sections === undefined) {
      new Forwarding(request, response, { upstream, path }, closed).start();
    } else this.#divide(upstream.sections.find(request, path), upstream.name, request, response, closed);
    return undefined;
  }

  /** To a section of the upstream it was for. */
  #divide(
    place: Place | Problem,
    name: string,
    request: CallerRequest,
    response: CallerResponse,
    closed: AbortSignal,
  ): void {
    if ('status' in place) {
      answerProblem(response, { ...place, upstream: name });
      return discardRest(request);
    }
    const { tenure } = place.upstream;
    tenure.enter();
    response.on('close', () => tenure.leave());
    new Forwarding(request, response, place, closed).start();
  }

  /** Node has let go of the connection: whatever is answered on it is answered by us, or Node gets it back. */
  #upgrade(request: IncomingMessage, duplex: Duplex, early: Buffer): void {
    const socket = duplex as Socket; // what a server without TLS accepts is a socket
    if (this.#draining || !mayUpgrade(request)) return goOnWithout(request, socket, early, this.#serveHttp1);
    this.#upgraded.add(socket);
    socket.once('close', () => this.#upgraded.delete(socket));
    if (isDistrusted(socket)) return void socket.destroy();
    this.#identify(request);
    const refused = acceptUpgrade({ request, socket, early, closed: closedOf(socket) }, this.#routes);
    if (refused !== undefined) this.#refuse(responseOn(request, socket), refused);
  }

  #accept(socket: Socket, headMs: number, serveHttp1: (socket: Socket) => void): void {
    // Over TLS the two have agreed; in the clear, the first bytes tell.
    if (socket instanceof TLSSocket) {
      if (socket.alpnProtocol === 'h2') this.#http2.accept(socket);
      else serveHttp1(socket);
      return;
    }
    this.#silent.add(socket);
    const heard = (): void => void this.#silent.delete(socket);
    socket.once('close', heard);
    firstBytes(socket, headMs, (isHttp2) => {
      socket.off('close', heard);
      heard();
      if (isHttp2) this.#http2.accept(socket);
      else serveHttp1(socket);
    });
  }

  /** What is under way is cut off: requests, HTTP/2 sessions, upgraded connections. */
  closeAll(): void {
    this.#http2.close();
    this.server.closeAllConnections();
    for (const socket of this.#upgraded) socket.destroy();
  }

  #refuse(response: ServerResponse, problem: Problem): void {
    this.#refused++;
    const close = problem.code !== 'NOT_ROUTED';
    if (close) distrust(response.req.socket);
    answerProblem(response, { ...problem, close });
  }
}
