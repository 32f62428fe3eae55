/**
 * A request to go on in another protocol on the same connection (RFC 9110 § 7.8), such as a WebSocket: put to the
 * upstream over a connection of its pool, which is then the caller's for as long as both want.
 *
 *   asked ──101──▶ joined ──▶ over
 *     │ └──other──▶ answered     the upstream's reply goes to the caller; its connection ends with it
 *     └──▶ refused, or the caller left
 *
 * Invariants:
 *   (1) The caller gets one answer: 101 with what the upstream said, the upstream's other reply, or a problem of ours.
 *   (2) When the caller leaves before, the request upstream ends at once, wherever it is.
 *   (3) No byte crosses before the upstream agreed to one of the protocols that the caller named.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage, ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { NetError } from 'keepwarm';
import type { CallerRequest } from './caller.ts';
import { crossing, idFields, requestFields } from './fields.ts';
import { answerProblem, type Problem, problemOf, refusal } from './problem.ts';
import { Splice } from './splice.ts';
import type { Upstream } from './upstream.ts';

/** What is taken from a caller that has not been answered; then it is read no further. */
const EARLY_BYTES_MAX = 64 * 1024;
/** As for calls: until the head of the reply is there. */
const DEADLINE_MS = 30_000;

export class Upgrading {
  readonly #request: IncomingMessage;
  readonly #socket: Socket;
  /** What the caller has sent of the other protocol before there was one. */
  readonly #early: Buffer[];
  #earlyBytes = 0;
  readonly #upstream: Upstream;
  readonly #signal: AbortSignal;
  readonly #protocols: string;
  #asked: ClientRequest | undefined;
  #timer: NodeJS.Timeout | undefined;
  #settled = false;

  /**
   * @param early what came behind the request's head
   * @param signal fires when the caller's connection closes
   */
  constructor(request: IncomingMessage, socket: Socket, early: Buffer, upstream: Upstream, signal: AbortSignal) {
    this.#request = request;
    this.#socket = socket;
    this.#early = [early];
    this.#upstream = upstream;
    this.#signal = signal;
    this.#protocols = request.headers.upgrade ?? '';
  }

  /** @param path below the upstream's base path */
  start(path: string): void {
    const { tunnels, config, agents } = this.#upstream;
    if (!tunnels.enter()) return this.#problem(tooMany(tunnels.config.upgradesMax));
    const { hostname, port, host, pathname, protocol } = new URL(config.client.origin);
    const secure = protocol === 'https:';
    const { httpAgent, httpsAgent } = agents;
    const headers: [string, string][] = [['Host', host], ...requestFields(this.#request, config)];
    headers.push(['Connection', 'Upgrade'], ['Upgrade', this.#protocols]);
    const asked = (secure ? httpsRequest : httpRequest)({
      method: this.#request.method,
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port === '' ? (secure ? 443 : 80) : port,
      path: pathname.replace(/\/$/, '') + path,
      headers: headers.flat(),
      agent: secure ? httpsAgent : httpAgent,
    });
    this.#asked = asked;
    asked.on('upgrade', (reply, socket, early) => this.#agreed(reply, socket, early));
    asked.on('response', (reply) => {
      if (isFinal(reply.statusCode)) return this.#declined(reply);
      reply.destroy();
      this.#failed(new NetError('PROTOCOL', 'the upstream answered with a status that is none', { reach: 'answered' }));
    });
    asked.on('error', (error) => this.#failed(error));
    asked.end();
    this.#timer = setTimeout(() => this.#late(), Math.min(config.client.deadlineMs ?? DEADLINE_MS, 2 ** 31 - 1));
    this.#signal.addEventListener('abort', this.#left, { once: true });
    // It is read on, as its end would not be noticed otherwise. One who ends before there is an answer has left.
    this.#socket.on('data', this.#read).on('end', this.#left).on('error', this.#left).resume();
  }

  readonly #read = (bytes: Buffer): void => {
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
    if (this.#earlyBytes >= EARLY_BYTES_MAX) this.#socket.pause();
  };

  readonly #left = (): void => {
    if (!this.#settle()) return;
    this.#asked?.destroy();
    this.#socket.destroy();
  };

  #late(): void {
    const ms = this.#upstream.config.client.deadlineMs ?? DEADLINE_MS;
    this.#asked?.destroy(
      new NetError('DEADLINE', `the upstream did not answer within ${ms} ms (limit deadlineMs)`, {
        ...{ reach: 'unknown', phase: 'head', limit: 'deadlineMs', value: ms },
      }),
    );
  }

  #agreed(reply: IncomingMessage, upstream: Socket, early: Buffer): void {
    const spoken = (reply.headers.upgrade ?? '').toLowerCase();
    if (!named(this.#protocols).includes(spoken)) {
      upstream.destroy();
      return this.#failed(
        new NetError('PROTOCOL', 'the upstream agreed to a protocol that nobody named', { reach: 'answered' }),
      );
    }
    if (!this.#settle(true)) return void upstream.destroy();
    const { tunnels } = this.#upstream;
    const splice = new Splice(this.#socket, upstream, {
      idleMs: tunnels.config.idleMs,
      over: () => tunnels.over(splice),
    });
    tunnels.joined(splice);
    const head = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', `Upgrade: ${reply.headers.upgrade}`];
    const fields = this.#replyFields(reply);
    for (let i = 0; i < fields.length; i += 2) head.push(`${fields[i]}: ${fields[i + 1]}`);
    this.#socket.write(`${head.join('\r\n')}\r\n\r\n`, 'latin1');
    splice.start(Buffer.concat(this.#early), early);
  }

  /** The upstream stays with HTTP. The caller may have sent bytes of the other protocol: its connection ends here. */
  #declined(reply: IncomingMessage): void {
    if (!this.#settle()) return void reply.destroy();
    const response = responseOn(this.#request, this.#socket);
    const fields = [...this.#replyFields(reply), 'connection', 'close'];
    response.writeHead(reply.statusCode ?? 502, reply.statusMessage, fields);
    pipeline(reply, response, (error) => {
      if (error !== null && error !== undefined) this.#socket.destroy(); // cut off, so that it does not look whole
    });
  }

  /** Names and values in turn. */
  #replyFields(reply: IncomingMessage): string[] {
    const rules = this.#upstream.config.headers?.reply;
    const id = idFields((this.#request as CallerRequest).requestId, (name) => reply.headers[name] !== undefined, rules);
    return [...crossing(reply, rules).flat(), ...id];
  }

  #failed(thrown: Error): void {
    if (!this.#settle()) return;
    const cause = thrown instanceof NetError ? thrown : thrown.cause;
    const error = cause instanceof NetError ? cause : lostOnTheWay(thrown);
    this.#upstream.book.failed(error);
    this.#problem(problemOf(error, this.#upstream.name, false));
  }

  #problem(problem: Problem): void {
    answerProblem(responseOn(this.#request, this.#socket), { ...problem, close: true });
  }

  /** @returns whether nothing had been decided yet */
  #settle(joined = false): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#signal.removeEventListener('abort', this.#left);
    this.#socket.off('data', this.#read).off('end', this.#left).off('error', this.#left);
    if (!joined) this.#upstream.tunnels.leave();
    return true;
  }
}

/** The request is read and its connection is no longer HTTP's: the last answer on it. */
export function responseOn(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  socket.on('error', () => socket.destroy());
  socket.setTimeout(LAST_ANSWER_MS, () => socket.destroy());
  response.assignSocket(socket);
  response.on('finish', () => socket.destroySoon());
  return response;
}

/** How long a caller may take for the last answer on its connection, in ms. */
const LAST_ANSWER_MS = 30_000;

/** Node's client takes any three digits, its server does not. */
const isFinal = (status = 0): boolean => status >= 200 && status <= 999;

const named = (upgrade: string): string[] =>
  upgrade
    .toLowerCase()
    .split(',')
    .map((protocol) => protocol.trim());

function lostOnTheWay(cause: Error): NetError {
  return new NetError('RESET', 'the upstream closed the connection without an answer', { reach: 'unknown', cause });
}

function tooMany(limit: number): Problem {
  const detail = `${limit} connections of this upstream are upgraded already (limit upgradesMax)`;
  const more = { proxyError: 'connection_limit_reached', limit: 'upgradesMax', value: limit, reach: 'unsent' };
  return refusal(503, 'SATURATED', detail, more);
}
