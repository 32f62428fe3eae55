/**
 * One HTTP/1.1 connection and the record of its life. It carries one exchange at a time; between exchanges nothing may
 * arrive on it, and whatever does closes it.
 *
 *   opened ──▶ leased (exchange) ⇄ idle ──▶ gone
 *                    └────────────────────▶ gone
 *
 * Invariants:
 *   (1) `exchange` is set exactly while the connection is leased and its exchange has not ended.
 *   (2) It leaves pool and registry once, together, at the moment its fate is sealed, not when the system is done.
 *   (3) What the socket reports after that is ignored.
 */
import type { Socket } from 'node:net';
import type { Call } from '../../core/call.ts';
import type { Phase } from '../../core/error.ts';
import type { CloseReason, LeakFact, SocketFact } from '../../core/observer.ts';
import type { Origin } from '../../core/origin.ts';
import type { Dialled } from '../../net/dial.ts';
import type { LiveSocket, SocketLife } from '../../net/sockets.ts';
import type { ExclusivePool } from '../../pool/exclusive.ts';
import type { Kept } from '../../pool/lifetime.ts';
import { own, type SocketOwner } from '../reading.ts';
import type { Host } from './host.ts';
import { hearOut } from './last-words.ts';

/** Whose a leased connection is: an exchange of ours, or one that somebody else runs on the socket. */
export interface Tenant {
  /** For leak reports. */
  readonly call: Pick<Call, 'id' | 'method' | 'path' | 'endpoint'>;
  readonly phase: Phase;
  readonly stack: string | undefined;
  /** Whether its request, or a part of it, has been written: it may be answered though the rest cannot be. */
  readonly written: boolean;
  /** @returns false to stop reading */
  received(bytes: Buffer, count: number): boolean;
  /** The peer ended its side. */
  peerEnded(): void;
  /** Why the socket closed, where its tenant knows better than the socket: `error` is what the socket said. */
  reasonOf?(error: Error | undefined): CloseReason | undefined;
  /** The connection is gone. */
  connectionLost(cause: Error | undefined): void;
}

export class Connection implements Kept<Connection>, LiveSocket, SocketOwner {
  readonly id: number;
  readonly origin: Origin;
  readonly section: string;
  readonly pool: ExclusivePool<Connection>;
  readonly socket: Socket;
  exchange: Tenant | undefined;
  /** Named by the exchange, read by read. */
  landing: Buffer | undefined;
  leases = 0;
  leasedAt = 0;

  place: 'leased' | 'idle' | 'gone' = 'leased';
  chainBefore: Connection | undefined;
  chainAfter: Connection | undefined;
  idleSince: number;
  idleMs: number;
  idleByPeer = false;
  replaceAt = Number.POSITIVE_INFINITY;
  retireAt = Number.POSITIVE_INFINITY;
  asleep = false;

  readonly #host: Host;
  readonly #dialled: Dialled;
  readonly #openedAt: number;
  /** Our own idle limit. */
  readonly #idleMs: number;
  #leak: LeakFact | undefined;
  #closeReason: CloseReason | undefined;

  constructor(
    host: Host,
    pool: ExclusivePool<Connection>,
    origin: Origin,
    section: string,
    dialled: Dialled,
    idleMs: number,
  ) {
    this.#host = host;
    this.#dialled = dialled;
    this.id = host.sockets.nextId();
    this.pool = pool;
    this.origin = origin;
    this.section = section;
    this.socket = dialled.socket;
    this.idleMs = this.#idleMs = idleMs;
    this.#openedAt = host.clock.now();
    this.idleSince = this.#openedAt;
    own(this.socket, this);
    hearOut(this.socket, host.clock, () => this.exchange?.written === true);
    host.sockets.add(this);
  }

  /** Whether it may be written to: neither closed nor about to be. */
  get usable(): boolean {
    return this.place !== 'gone' && this.socket.writable && !this.socket.readableEnded;
  }

  /** Begins a lease, for a call that has waited so long. */
  lend(exchange: Tenant, now: number, waitMs: number): void {
    this.exchange = exchange;
    this.leasedAt = now;
    const fresh = this.leases++ === 0;
    if (fresh) this.#host.counters.leasesFresh++;
    else this.#host.counters.leasesReused++;
    this.#host.waited(waitMs);
    this.#host.observer.leased?.({ ...this.fact(), call: exchange.call.id ?? 0, waitMs, fresh });
    if (this.asleep) {
      this.asleep = false;
      this.socket.ref();
    }
  }

  /** Ends a lease whose message ended cleanly: back to the pool, or closed with `reason`. */
  giveBack(now: number, reason: CloseReason | undefined): void {
    this.exchange = undefined;
    if (this.#leak !== undefined) this.#recover(this.#leak, now);
    const why = reason ?? this.#reasonToRetire(now);
    if (why !== undefined) return this.close(why);
    // TLS hands over what it has decrypted though reading has stopped: a message may end on a paused socket.
    if (this.socket.isPaused()) this.socket.resume();
    this.idleSince = now;
    this.pool.release(this);
    if (this.place === 'idle') this.#host.observer.released?.(this.fact());
    this.#host.lifetime.attend(now);
  }

  /** The peer says for how many seconds it keeps the connection; we leave earlier, or we would race with it. */
  heed(keepAliveSeconds: number): void {
    const promised = keepAliveSeconds * 1_000;
    const heeded = Math.max(promised - HINT_MARGIN_MS, promised / 2);
    this.idleByPeer = heeded < this.#idleMs;
    this.idleMs = Math.min(heeded, this.#idleMs);
  }

  received(count: number, bytes: Buffer): boolean {
    this.landing = undefined;
    if (this.exchange !== undefined) return this.exchange.received(bytes, count);
    // Nothing was asked.
    if (this.place !== 'gone') this.close(isGivingUp(bytes, count) ? 'peer' : 'protocol');
    return false;
  }

  close(reason: CloseReason): void {
    this.#depart(reason);
    this.socket.destroy();
  }

  /** Leaves pool and registry open as it is: it speaks another protocol from now on, and is its tenant's. */
  surrender(): void {
    this.#depart('reply');
  }

  sleep(): void {
    this.asleep = true;
    this.socket.unref();
  }

  inspect(now: number): void {
    const { exchange } = this;
    if (exchange === undefined || this.#leak !== undefined || now - this.leasedAt < this.#host.limits.leakMs) return;
    const { call, phase, stack } = exchange;
    // What an endpoint puts before or in place of the path is often a key.
    const path = call.endpoint === undefined ? call.path.split('?', 1)[0]! : '';
    this.#leak = { ...this.fact(), method: call.method, path, phase, stack, heldMs: now - this.leasedAt };
    this.#host.counters.leaksSuspected++;
    this.#host.observer.leakSuspected?.(this.#leak);
  }

  fact(): SocketFact {
    return { socketId: this.id, origin: this.origin.key, section: this.section };
  }

  life(): SocketLife {
    const { address, dnsMs, tcpMs, tlsMs, tlsResumed, proxy } = this.#dialled;
    const { epoch, clock } = this.#host;
    const closed = this.place === 'gone';
    const since = closed ? clock.now() : this.place === 'idle' ? this.idleSince : this.leasedAt;
    return {
      id: this.id,
      origin: this.origin.key,
      section: this.section,
      address,
      state: closed ? 'closed' : this.place === 'idle' ? 'idle' : 'in use',
      openedAtMs: this.#openedAt - epoch,
      dnsMs,
      tcpMs,
      tlsMs,
      tlsResumed,
      leases: this.leases,
      bytesIn: this.socket.bytesRead,
      bytesOut: this.socket.bytesWritten ?? 0,
      sinceMs: since - epoch,
      closeReason: this.#closeReason,
      ...(proxy === undefined ? {} : { proxy }),
    };
  }

  /** The peer ended its side. */
  ended(): void {
    if (this.place === 'gone') return;
    if (this.exchange === undefined) this.close('peer');
    else this.exchange.peerEnded();
  }

  /** The socket failed or closed under us. */
  lost(error: Error | undefined): void {
    if (this.place === 'gone') return;
    const { exchange } = this;
    this.#depart(exchange?.reasonOf?.(error) ?? (error === undefined ? 'peer' : 'reset'));
    this.socket.destroy();
    exchange?.connectionLost(error);
  }

  #depart(reason: CloseReason): void {
    if (this.#closeReason !== undefined) return;
    this.#closeReason = reason;
    this.exchange = undefined;
    if (this.#leak !== undefined) this.#recover(this.#leak, this.#host.clock.now());
    if (reason === 'peer' || reason === 'reset') this.#host.lifetime.parted(this, this.#openedAt);
    this.pool.remove(this);
    this.place = 'gone';
    this.#host.sockets.remove(this);
    const { socketClosed } = this.#host.observer;
    if (socketClosed === undefined) return;
    const { leases, bytesIn, bytesOut } = this.life();
    const ageMs = this.#host.clock.now() - this.#openedAt;
    this.#host.observer.socketClosed?.({ ...this.fact(), reason, ageMs, leases, bytesIn, bytesOut });
  }

  #reasonToRetire(now: number): CloseReason | undefined {
    if (now >= this.retireAt) return 'age';
    if (this.leases >= this.#host.limits.requestsMax) return 'requests';
    if (this.idleMs <= 0) return 'idle';
    return this.usable ? undefined : 'peer';
  }

  #recover(leak: LeakFact, now: number): void {
    this.#leak = undefined;
    this.#host.counters.leaksRecovered++;
    this.#host.observer.leakRecovered?.({ ...leak, heldMs: now - this.leasedAt });
  }
}

/**
 * We leave this much before the peer would: its timer started when it sent, ours when we received, and a request needs
 * time to arrive. Node's own Agent takes 1 s too.
 */
const HINT_MARGIN_MS = 1_000;

/** A 408 out of the blue is a server's way to say that it gives up waiting (RFC 9110 § 15.5.9). */
function isGivingUp(bytes: Buffer, count: number): boolean {
  return bytes.toString('latin1', 8, Math.min(count, 12)).includes('408');
}
