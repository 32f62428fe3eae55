/**
 * A connection lent as a socket, to code that runs the exchange on it by itself, such as Node's own HTTP client. It
 * waits, is counted and comes back like any other; in between its bytes go through the socket's own stream.
 *
 *   waiting ──▶ (quiet: a turn) ──▶ lent ──▶ given back   the connection may be used again
 *      │                             ├─────▶ gone         it failed, or its holder closed it
 *      └──▶ refused, withdrawn       └─────▶ taken        it was upgraded: the holder's for good
 *
 * Invariants:
 *   (1) The holder is told once, by `granted` or `refused`, unless it withdrew before.
 *   (2) A socket is granted with nothing in it and nothing but our listeners on it; it is taken back only so.
 *   (3) While it is lent nobody else writes to it, reads from it or closes it, but for the end of the client.
 *   (4) Bytes that arrive when the holder's message is complete close the connection: whose would they be?
 */
import type { Socket } from 'node:net';
import type { Due } from '../../core/due.ts';
import { NetError, type Phase } from '../../core/error.ts';
import type { CloseReason } from '../../core/observer.ts';
import type { Waiter } from '../../pool/exclusive.ts';
import { own } from '../reading.ts';
import type { Connection, Tenant } from './connection.ts';
import { type Passenger, passesOn, passOn, passShared, pushCopy } from './handing-over.ts';
import type { Host } from './host.ts';
import { leaseStack } from './lease-stack.ts';
import type { OriginPool } from './origin-pool.ts';
import type { Writer } from './turn.ts';

/** Who uses the socket. */
export interface SocketHolder {
  readonly method: string;
  readonly path: string;
  /** It is yours until you end the lease. `reused` says whether it has carried a message before. */
  granted(socket: Socket, reused: boolean): void;
  refused(error: NetError): void;
  /** Whether the message has been read to its end. */
  readonly complete: boolean;
  /** Whether the holder gave the message up: then it is it who closes the socket. */
  readonly gaveUp: boolean;
  /**
   * Whether all who listen to the socket take what it says before they return, and keep it only when they fail over it
   * or when the socket is taken over.
   */
  readonly takesAtOnce: boolean;
  /** Bytes of body its message has, where its head has been read and says so: then no fewer can end it. Or -1. */
  readonly bodyBytes: number;
}

/** As for exchanges: a connection unused for longer gets a turn to report its death first, in ms. */
const QUIET_MS = 1_000;

export class SocketLease implements Waiter<Connection>, Due, Tenant, Writer, Passenger {
  chainBefore: Waiter<Connection> | undefined;
  chainAfter: Waiter<Connection> | undefined;
  before: Due | undefined;
  after: Due | undefined;
  listed = false;
  dueAt: number;
  readonly wantsFresh = false;
  readonly written = false; // its holder listens for failures by itself
  phase: Phase = 'queue';
  readonly stack: string | undefined;
  readonly #host: Host;
  readonly #place: OriginPool;
  readonly #holder: SocketHolder;
  readonly #queueMs: number;
  readonly #startedAt: number;
  #connection: Connection | undefined;
  #waiting = false;
  #peerEnded = false;
  #bytesIn = 0;
  #corked = false;
  #over = false;

  constructor(host: Host, place: OriginPool, holder: SocketHolder, queueMs: number) {
    this.#host = host;
    this.#place = place;
    this.#holder = holder;
    this.#queueMs = queueMs;
    this.#startedAt = host.clock.now();
    this.dueAt = this.#startedAt + queueMs;
    this.stack = host.limits.leakStacks ? leaseStack() : undefined;
  }

  /** What it is for, without what may be secret. */
  get call(): { readonly method: string; readonly path: string } {
    return this.#holder;
  }

  start(): void {
    this.#host.due.join(this);
    this.#queue(this.#startedAt);
  }

  /** Gives up waiting; harmless when it has been told already. */
  withdraw(): void {
    if (!this.#over && (this.#waiting || this.phase !== 'head')) this.#give(undefined);
  }

  granted(connection: Connection): void {
    this.#waiting = false;
    this.#lease(connection, this.#host.clock.now());
  }

  refused(error: NetError): void {
    this.#waiting = false;
    this.#refuse(error);
  }

  due(): void {
    const { name } = this.#place.pool.options;
    const message = `no connection to ${name} came free within ${this.#queueMs} ms (limit queueMs)`;
    const details = { reach: 'unsent', phase: 'queue', origin: name, limit: 'queueMs', value: this.#queueMs } as const;
    this.#refuse(new NetError('TIMEOUT', message, details));
  }

  /** The client is closed under it. */
  closed(error: NetError): void {
    if (this.phase === 'head') this.#connection?.close('closing');
    else this.#refuse(error);
    this.#end();
  }

  /** Hands the socket over, unless it died while given a turn to say so; or lets go what its holder has written. */
  writeNow(now: number): void {
    if (this.#corked) return this.#uncork();
    const connection = this.#connection;
    // A turn that was waited for on a connection lost since comes too late: another may have been handed over already.
    if (this.#over || connection === undefined || this.phase !== 'connect') return;
    if (!connection.usable) {
      this.#connection = undefined;
      connection.close('peer');
      return this.#queue(now);
    }
    const { socket } = connection;
    this.phase = 'head';
    this.dueAt = Number.POSITIVE_INFINITY;
    if (this.#host.turn.defers(this, false, this.#host.due.size)) {
      this.#corked = true;
      socket.cork();
    }
    this.#holder.granted(socket, connection.leases > 1);
  }

  /** Its holder writes what it has at once: among many that waits for the end of the turn, when all of them write. */
  #uncork(): void {
    this.#corked = false;
    this.#connection!.socket.uncork();
  }

  received(_bytes: Buffer, count: number): boolean {
    if (this.phase !== 'head') {
      this.#lost('protocol'); // it spoke before it was asked
      return false;
    }
    if (this.#holder.complete) {
      this.#connection?.close('protocol');
      this.#end();
      return false;
    }
    const { socket } = this.#connection!;
    this.#bytesIn += count;
    if (!passesOn(socket) || !this.#holder.takesAtOnce) return pushCopy(socket, count);
    // The head's own bytes are counted with the body's, so the last of the body are not taken for its middle.
    if (this.#bytesIn <= this.#holder.bodyBytes) passShared(socket, count);
    else passOn(socket, count, this);
    return true;
  }

  get mayKeep(): boolean {
    return this.#over || this.#connection!.socket.destroyed;
  }

  /** The holder closed the socket: that, and not the system, is why it ends. */
  reasonOf(error: Error | undefined): CloseReason | undefined {
    if (this.phase !== 'head') return undefined;
    if (error !== undefined) return this.#holder.gaveUp ? 'aborted' : undefined;
    return this.#holder.complete ? 'reply' : this.#peerEnded ? 'peer' : 'aborted';
  }

  peerEnded(): void {
    this.#peerEnded = true;
    if (this.phase !== 'head') this.#lost();
  }

  connectionLost(): void {
    if (this.phase !== 'head') this.#lost();
    else this.#end();
  }

  /**
   * Takes the socket back, its message complete and nothing left on it.
   *
   * @param keepAliveSeconds how long the peer says it keeps the connection; -1 when it says nothing
   */
  giveBack(keepAliveSeconds: number): void {
    const connection = this.#connection;
    if (this.#over || connection === undefined) return;
    const { socket } = connection;
    this.#end();
    if (this.#corked) this.#uncork();
    if (socket.timeout !== undefined && socket.timeout > 0) socket.setTimeout(0);
    if (keepAliveSeconds >= 0) connection.heed(keepAliveSeconds);
    // Node's own agent looks as well: what lies there would be taken for the next answer.
    connection.giveBack(this.#host.clock.now(), socket.readableLength > 0 ? 'protocol' : undefined);
  }

  /** The socket speaks another protocol from now on: it is the holder's for good, and no longer counted. */
  takeOver(): void {
    const connection = this.#connection;
    if (this.#over || connection === undefined) return;
    this.#end();
    if (this.#corked) this.#uncork();
    connection.surrender();
    const { socket } = connection;
    own(socket, { received: (count) => pushCopy(socket, count), ended: nothing, lost: nothing });
  }

  #queue(now: number): void {
    this.phase = 'queue';
    const connection = this.#place.take(now);
    if (connection !== undefined) return this.#lease(connection, now);
    this.#waiting = true;
    try {
      this.#place.pool.wait(this);
    } catch (error) {
      this.#waiting = false;
      this.#refuse(NetError.from(error));
    }
  }

  #lease(connection: Connection, now: number): void {
    this.#connection = connection;
    this.phase = 'connect';
    const quiet = now - connection.idleSince > QUIET_MS;
    connection.lend(this, now, now - this.#startedAt);
    if (!this.#host.turn.defers(this, quiet, 0)) this.writeNow(now);
  }

  /** It died before it was handed over: another one. */
  #lost(reason: CloseReason = 'peer'): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.close(reason);
    if (!this.#over) this.#queue(this.#host.clock.now());
  }

  #refuse(error: NetError): void {
    this.#give(error);
  }

  /** Ends the wait. */
  #give(error: NetError | undefined): void {
    if (this.#over) return;
    const connection = this.#connection;
    if (this.#waiting) this.#place.pool.withdraw(this);
    this.#end();
    connection?.giveBack(this.#host.clock.now(), undefined);
    if (error !== undefined) this.#holder.refused(error);
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#waiting = false;
    this.#host.due.leave(this);
  }
}

/** Its holder listens to the socket itself. */
function nothing(): void {}
