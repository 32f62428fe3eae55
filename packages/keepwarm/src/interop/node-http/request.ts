/**
 * A request of Node's on its way to a socket and back: what `http.Agent` does about one, over a lease of ours.
 *
 * Two things Node's own agent does not: a request that is destroyed while it waits leaves the queue at once, and its
 * `timeout` runs while it waits.
 */
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Link } from '../../algo/chain.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import type { NetError } from '../../core/error.ts';
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

type NodeSocket = Socket & { _httpMessage?: NodeRequest | null; [SEAT]?: Seat };

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
  /** So does the parser of Node's HTTP client, which is what listens as long as nobody else does. */
  get takesAtOnce(): boolean {
    const [first, second] = this.socket!.listeners('data');
    return second === undefined && first?.name === 'socketOnData';
  }
  get bodyBytes(): number {
    const { res } = this.request;
    if (res === undefined || res === null) return -1;
    this.#bodyBytes ??= lengthIn(res.headers);
    return this.#bodyBytes;
  }

  start(lease: SocketLease): void {
    this.#lease = lease;
    lease.start();
    if (this.socket !== undefined || this.#over) return;
    const { request } = this;
    if (request.timeout !== undefined && request.timeout > 0) {
      this.#timer = this.#watch.clock.after(request.timeout, () => void request.emit('timeout'));
    }
    this.#noticeDestroy();
  }

  granted(socket: NodeSocket, reused: boolean): void {
    const { request } = this;
    this.#settled();
    this.socket = socket;
    request.reusedSocket = reused;
    seatOf(socket).request = this;
    request.onSocket(socket);
    if (request.timeout !== undefined) socket.setTimeout(request.timeout);
  }

  refused(error: NetError): void {
    this.#settled();
    this.leave();
    this.request.onSocket(null, asNodeError(error));
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
        this.leave();
        request.onSocket(null); // it finds itself destroyed, and says so
      }
      return request as unknown as ClientRequest;
    };
    request.destroy = noticed;
    // Put back, not deleted: an object that lost a property is a slow one.
    this.#unnotice = () => {
      if (request.destroy === noticed) request.destroy = destroy;
    };
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
    this.#lease?.giveBack(secondsOf(request.res?.headers['keep-alive']));
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

/** What a `Keep-Alive` field promises, in seconds; -1 when it promises nothing. */
function secondsOf(field: string | string[] | undefined): number {
  if (field === undefined) return -1;
  const found = /timeout\s*=\s*(\d+)/i.exec(String(field));
  return found === null ? -1 : Number(found[1]);
}

/** Nothing but one plain number counts: whatever else a lenient parser has made of a head ends where it says. */
function lengthIn(fields: IncomingHttpHeaders): number {
  const length = fields['content-length'];
  const plain = length !== undefined && fields['transfer-encoding'] === undefined && /^\d{1,15}$/.test(length);
  return plain ? Number(length) : -1;
}
