/**
 * A request of Node's on its way to a socket and back: what `http.Agent` does about one, over a lease of ours.
 *
 * Two things Node's own agent does not: a request that is destroyed while it waits leaves the queue at once, and its
 * `timeout` runs while it waits.
 */
import { AsyncResource } from 'node:async_hooks';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Link } from '../../algo/chain.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import type { NetError } from '../../core/error.ts';
import { turnstileOf } from '../../core/turnstile.ts';
import type { SocketHolder, SocketLease } from '../../engines/http1/socket-lease.ts';
import { asNodeError } from './errors.ts';
import type { RequestOptions } from './places.ts';

/** What Node's HTTP client has and its types do not tell; a custom agent is called with it and calls it. */
export interface NodeRequest extends Omit<ClientRequest, 'onSocket'> {
  onSocket(socket: Socket | null, error?: Error): void;
  readonly res?: IncomingMessage | null;
  readonly timeout?: number;
  reusedSocket: boolean;
}

type NodeSocket = Socket & {
  _httpMessage?: NodeRequest | null;
  readonly _events?: Readonly<Record<string, unknown>>;
  [SEAT]?: Seat;
};

const SEAT = Symbol('seat');

/**
 * What a socket says to its request of the moment. It listens for as long as the socket is ours: listeners put on and
 * taken off with each request were a tenth of what an agent costs.
 */
class Seat {
  request: AgentRequest | undefined;
  readonly #socket: NodeSocket;

  constructor(socket: NodeSocket) {
    this.#socket = socket;
    socket.on('free', this.#onFree).on('agentRemove', this.#onRemove).on('close', this.#onClose);
  }

  readonly #onFree = (): void => this.request?.ended();
  readonly #onClose = (): void => this.request?.leave();

  /** It was upgraded, or is a tunnel: nobody else will use it. */
  readonly #onRemove = (): void => {
    this.#socket.off('free', this.#onFree).off('agentRemove', this.#onRemove).off('close', this.#onClose);
    this.request?.takenOver();
  };
}

const seatOf = (socket: NodeSocket): Seat => (socket[SEAT] ??= new Seat(socket));

/** What the agent is told of its requests. */
export interface RequestWatch {
  readonly clock: Clock;
  /** Its socket is free again, for whoever listens to that. */
  freed(socket: Socket, request: AgentRequest): void;
  /** It has neither place in the queue nor socket any more. */
  left(request: AgentRequest): void;
}

export class AgentRequest implements SocketHolder, Link<AgentRequest> {
  chainBefore: AgentRequest | undefined;
  chainAfter: AgentRequest | undefined;
  readonly name: string;
  readonly request: NodeRequest;
  /** What its agent was asked for. */
  readonly options: RequestOptions;
  socket: NodeSocket | undefined;
  readonly #watch: RequestWatch;
  #lease: SocketLease | undefined;
  #timer: Timer | undefined;
  #unnotice: (() => void) | undefined;
  #bodyBytes: number | undefined;
  /** What it was made in, once it has to wait. */
  #context: AsyncResource | undefined;
  #over = false;

  constructor(request: NodeRequest, options: RequestOptions, name: string, watch: RequestWatch) {
    this.request = request;
    this.options = options;
    this.name = name;
    this.#watch = watch;
  }

  get method(): string {
    return this.request.method;
  }
  get path(): string {
    return this.request.path;
  }
  get complete(): boolean {
    return this.request.res?.complete === true;
  }
  get gaveUp(): boolean {
    return this.request.destroyed;
  }
  get takesAtOnce(): boolean {
    return isNodesParserAlone(this.socket!);
  }
  get bodyBytes(): number {
    const { res } = this.request;
    if (res === undefined || res === null) return -1;
    this.#bodyBytes ??= lengthIn(res.rawHeaders);
    return this.#bodyBytes;
  }

  start(lease: SocketLease): void {
    const { request } = this;
    if (request.destroyed) return this.#abandoned(); // by a signal that had fired before it was made
    this.#lease = lease;
    lease.start();
    if (this.socket !== undefined || this.#over) return;
    this.#context = new AsyncResource('QueuedRequest');
    if (request.timeout !== undefined && request.timeout > 0) {
      this.#timer = this.#watch.clock.after(request.timeout, () => void request.emit('timeout'));
    }
    this.#noticeDestroy();
  }

  granted(socket: NodeSocket, reused: boolean): void {
    this.#settled();
    // Whoever has waited would go on in the context of whoever made room for it.
    if (this.#context === undefined) this.#take(socket, reused);
    else this.#context.runInAsyncScope(this.#take, this, socket, reused);
  }

  #take(socket: NodeSocket, reused: boolean): void {
    const { request } = this;
    this.socket = socket;
    request.reusedSocket = reused;
    seatOf(socket).request = this;
    request.onSocket(socket);
    if (request.timeout !== undefined) socket.setTimeout(request.timeout);
  }

  refused(error: NetError): void {
    this.#settled();
    this.leave();
    const { request } = this;
    const told = asNodeError(error);
    const context = this.#context;
    turnstileOf(this.#watch.clock).pass(() => {
      if (context === undefined) request.onSocket(null, told);
      else context.runInAsyncScope(request.onSocket, request, null, told);
    });
  }

  /** Ends it, and its socket with it. */
  destroy(): void {
    if (this.socket === undefined) this.request.destroy();
    else this.socket.destroy();
  }

  /** `destroy` of a request without a socket tells nobody: it is listened for by standing in its place meanwhile. */
  #noticeDestroy(): void {
    const { request } = this;
    const { destroy } = request;
    const noticed: typeof destroy = (error) => {
      destroy.call(request, error);
      if (this.socket === undefined && !this.#over) {
        this.#settled();
        this.#lease?.withdraw();
        this.#abandoned();
      }
      return request as unknown as ClientRequest;
    };
    request.destroy = noticed;
    // Put back, not deleted: an object that lost a property is a slow one.
    this.#unnotice = () => {
      if (request.destroy === noticed) request.destroy = destroy;
    };
  }

  #abandoned(): void {
    this.leave();
    this.request.onSocket(null); // it finds itself destroyed, and says so
  }

  #settled(): void {
    this.#timer?.cancel();
    this.#unnotice?.();
  }

  /** Said by the request's own code: the message has ended, and the socket could carry another. */
  ended(): void {
    const { socket, request } = this;
    if (socket === undefined) return;
    this.leave();
    socket._httpMessage = null;
    this.#lease?.giveBack(secondsOf(request.res?.rawHeaders));
    this.#watch.freed(socket, this);
  }

  takenOver(): void {
    this.leave();
    this.#lease?.takeOver();
  }

  /** It has nothing to do with us any more. */
  leave(): void {
    if (this.#over) return;
    this.#over = true;
    const seat = this.socket?.[SEAT];
    if (seat?.request === this) seat.request = undefined;
    this.#watch.left(this);
  }
}

/**
 * Whether the parser of Node's HTTP client is all that listens to the socket: it takes what it is told at once. Asked
 * at each read, so a list of listeners is made only where Node does not keep a single one as itself.
 */
function isNodesParserAlone(socket: NodeSocket): boolean {
  const kept = socket._events?.['data'];
  if (typeof kept === 'function') return kept.name === PARSER;
  const [first, second] = socket.listeners('data');
  return second === undefined && first?.name === PARSER;
}

/** What Node calls the listener that feeds its parser. */
const PARSER = 'socketOnData';

/** What a `Keep-Alive` field promises, in seconds; -1 when it promises nothing. */
function secondsOf(rawFields: readonly string[] | undefined): number {
  if (rawFields === undefined) return -1;
  for (let i = 0; i < rawFields.length; i += 2) {
    if (!isNamed(rawFields[i]!, 'keep-alive')) continue;
    const found = /timeout\s*=\s*(\d+)/i.exec(rawFields[i + 1]!);
    if (found !== null) return Number(found[1]);
  }
  return -1;
}

/** Nothing but one plain number counts: whatever else a lenient parser has made of a head ends where it says. */
function lengthIn(rawFields: readonly string[]): number {
  let length = -1;
  for (let i = 0; i < rawFields.length; i += 2) {
    const name = rawFields[i]!;
    if (isNamed(name, 'transfer-encoding')) return -1;
    if (!isNamed(name, 'content-length')) continue;
    if (length >= 0 || !/^\d{1,15}$/.test(rawFields[i + 1]!)) return -1;
    length = Number(rawFields[i + 1]);
  }
  return length;
}

/** Fields are read as they came: Node makes an object of them for the first who asks, which costs a microsecond. */
function isNamed(raw: string, lower: string): boolean {
  return raw.length === lower.length && raw.toLowerCase() === lower;
}
