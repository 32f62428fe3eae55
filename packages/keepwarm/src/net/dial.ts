/**
 * Opens one connection: resolves, races addresses (RFC 8305), negotiates TLS; measures each phase.
 *
 *   dns ──▶ tcp ─────────────▶ (tls) ──▶ open
 *    │       └─▶ (tls) ─▶ proxy ─▲        the proxy's own TLS, and the tunnel through it
 *    └ a Unix domain socket or a connector stands in for dns and tcp
 *
 * Invariants:
 *   (1) The promise settles within `connectMs`, or at once when the signal fires; then nothing is left open or timed.
 *   (2) At most one socket comes out; every other attempt is destroyed.
 *   (3) A failure says how far it got (`phase`), keeps the system's error as `cause`, and nothing was sent.
 */
import { connect as connectTcp, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { afterInput, type Clock } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import type { Origin } from '../core/origin.ts';
import { type Connector, connectWith, pour } from './connector.ts';
import { abandoned, connectFailure, proxyFailure, type Steps, tooLate } from './dial-failure.ts';
import type { Address, DnsCache } from './dns.ts';
import type { Edge } from './edge.ts';
import { readByCallback, TLS_OVER_ONREAD, withReads } from './onread.ts';
import type { ProxyPeer } from './proxy.ts';
import { giveUp, race, until } from './race.ts';
import { openSocks } from './socks.ts';
import type { TlsSetup } from './tls.ts';
import { handshake } from './tls-handshake.ts';
import { openTunnel, Reading } from './tunnel.ts';

export interface DialOptions {
  /** 0 tries both families. Default 0. */
  readonly family: 0 | 4 | 6;
  /** From the start of the lookup to the end of the TLS handshake, in ms. Default 10 s. */
  readonly connectMs: number;
  /** Pause before the next address is tried beside the one under way. Default 250 ms (RFC 8305 § 5). */
  readonly attemptDelayMs: number;
  /** Sends small writes at once (TCP_NODELAY). Default true. */
  readonly noDelay: boolean;
  /** Idle time before the first TCP keep-alive probe, in ms; `Infinity` sends none. Default 30 s. */
  readonly tcpKeepAliveMs: number;
}

export interface Dialled {
  readonly socket: Socket;
  /** Where it leads: an address, the path of a Unix domain socket, or the address of the proxy. */
  readonly address: string;
  /** Looking up the origin, or the proxy. */
  readonly dnsMs: number;
  /** Up to a connection to the origin: with a proxy, TCP and TLS to it and the tunnel through it. */
  readonly tcpMs: number;
  readonly tlsMs: number;
  readonly tlsResumed: boolean;
  /** What the peer chose of the protocols offered; nothing on cleartext, or when it did not choose (RFC 7301). */
  readonly protocol: string | undefined;
  /** The proxy it goes through, without credentials. */
  readonly proxy: string | undefined;
}

/** A way to the peer, on which TLS is still to be negotiated, or on which that has begun. */
interface Reached {
  readonly socket: Socket;
  readonly address: string;
  /** When the name was resolved. */
  readonly resolvedAt: number;
}

/** What one dial is made of. */
interface Dial {
  readonly origin: Origin;
  readonly onread: OnReadOpts;
  /** By preference (ALPN). */
  readonly protocols: readonly string[];
  readonly steps: Steps;
  readonly signal: AbortSignal;
}

interface SocketOptions {
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  readonly keepAliveInitialDelay?: number;
}

/** Offered where nobody asks for more. */
const HTTP1_ONLY = ['http/1.1'];

export class Dialler {
  readonly #options: DialOptions;
  readonly #dns: DnsCache;
  readonly #tls: TlsSetup;
  readonly #clock: Clock;
  readonly #edge: Edge | undefined;

  /** @param edge ways that are not the direct one; without it there are none */
  constructor(options: DialOptions, dns: DnsCache, tls: TlsSetup, clock: Clock, edge?: Edge) {
    this.#options = options;
    this.#dns = dns;
    this.#tls = tls;
    this.#clock = clock;
    this.#edge = edge;
  }

  /**
   * @throws NetError `DNS`, `CONNECT`, `TLS`, `TIMEOUT` or `ABORTED`, from a proxy also `STATUS`, `PROTOCOL`, `LIMIT`;
   *         `INVALID` for a way that cannot be gone; always with reach `unsent`
   */
  async dial(
    origin: Origin,
    onread: OnReadOpts,
    signal: AbortSignal,
    protocols: readonly string[] = HTTP1_ONLY,
  ): Promise<Dialled> {
    const { connectMs } = this.#options;
    const started = this.#clock.now();
    const steps: Steps = { phase: 'dns', lastError: undefined, proxy: undefined };
    const ending = new AbortController();
    const giveUp = (error: NetError): void => ending.abort(error);
    const timer = afterInput(this.#clock, connectMs, () => giveUp(tooLate(origin, steps, connectMs)));
    const onAbort = (): void => giveUp(abandoned(origin, steps.phase, signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      const dial = { origin, onread, protocols, steps, signal: ending.signal };
      const { socket, address, resolvedAt } = await this.#reach(dial);
      const connected = this.#clock.now();
      steps.phase = 'tls';
      if (origin.secure) await handshake(origin, socket as TLSSocket, this.#tls, ending.signal);
      return {
        socket,
        address,
        dnsMs: resolvedAt - started,
        tcpMs: connected - resolvedAt,
        tlsMs: origin.secure ? this.#clock.now() - connected : 0,
        tlsResumed: origin.secure && (socket as TLSSocket).isSessionReused(),
        protocol: origin.secure ? (socket as TLSSocket).alpnProtocol || undefined : undefined,
        proxy: steps.proxy,
      };
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #reach(dial: Dial): Promise<Reached> {
    const { origin, onread } = dial;
    const way = this.#edge?.(origin);
    switch (way?.kind) {
      case 'unix':
        return this.#unix(dial, way.path);
      case 'connector':
        return this.#connector(dial, way.connector);
      case 'proxy':
        return this.#throughProxy(dial, way.proxy);
      default:
        return this.#tcp(dial, origin, (address) => {
          const options = { ...this.#socketOptions(), host: address.address, port: origin.port, onread };
          return origin.secure ? this.#secured(dial, options) : withReads(connectTcp, options);
        });
    }
  }

  /** Resolves a place's name and races its addresses. */
  async #tcp({ steps, signal }: Dial, place: Origin, start: (address: Address) => Socket): Promise<Reached> {
    const { family, attemptDelayMs } = this.#options;
    const addresses = await until(this.#dns.lookup(place.hostname, family, signal), signal);
    const resolvedAt = this.#clock.now();
    if (steps.proxy === undefined) steps.phase = 'connect';
    const heat = {
      addresses,
      delayMs: attemptDelayMs,
      start,
      succeeded: ({ address }: Address) => this.#dns.succeeded(address),
      failed: ({ address }: Address, error: Error) => {
        this.#dns.failed(address);
        steps.lastError = error;
      },
      failure: (last: Error) => {
        const where = `${addresses.map(({ address }) => address).join(', ')}:${place.port}`;
        return connectFailure(place, where, last);
      },
    };
    const { socket, address } = await race(heat, this.#clock, signal);
    return { socket, address: address.address, resolvedAt };
  }

  async #unix(dial: Dial, path: string): Promise<Reached> {
    const { origin, onread, steps, signal } = dial;
    const resolvedAt = this.#clock.now();
    steps.phase = 'connect';
    const heat = {
      addresses: [{ address: path, family: 4 } as const],
      delayMs: 0,
      start: () => (origin.secure ? this.#secured(dial, { path, onread }) : withReads(connectTcp, { path, onread })),
      succeeded: () => {},
      failed: () => {},
      failure: (last: Error) => connectFailure(origin, path, last),
    };
    const { socket } = await race(heat, this.#clock, signal);
    return { socket, address: path, resolvedAt };
  }

  async #connector(dial: Dial, connector: Connector): Promise<Reached> {
    const { origin, steps, signal } = dial;
    const resolvedAt = this.#clock.now();
    steps.phase = 'connect';
    const opening = connectWith(connector, origin, signal);
    const socket = await until(opening, signal).catch((error: unknown) => {
      opening.then(giveUp, () => {}); // it may have come about in the same breath
      throw error;
    });
    return { socket: this.#over(dial, socket), address: socket.remoteAddress ?? 'connector', resolvedAt };
  }

  async #throughProxy(dial: Dial, proxy: ProxyPeer): Promise<Reached> {
    const { origin, onread, protocols, steps, signal } = dial;
    steps.proxy = proxy.name;
    steps.phase = 'proxy';
    try {
      const host = proxy.socks !== undefined && !proxy.remoteDns ? await this.#resolved(dial, proxy) : origin.hostname;
      const reading = new Reading(onread);
      // Whoever speaks SOCKS reads it as a stream; so does TLS, where it cannot do otherwise.
      const asStream = proxy.socks !== undefined || (origin.secure && !TLS_OVER_ONREAD);
      const onward = asStream ? undefined : reading.onread;
      const reached = await this.#tcp(dial, proxy.place, ({ address }) => this.#toProxy(proxy, address, onward));
      const { socket } = reached;
      if (proxy.place.secure) await handshake(proxy.place, socket as TLSSocket, proxy.tls, signal);
      if (proxy.socks !== undefined) {
        await openSocks(socket, proxy, origin, host, signal);
        return { ...reached, socket: this.#over(dial, socket) };
      }
      const mayBeSpokenTo = !origin.secure && !protocols.includes('http/1.1');
      const endReads = asStream ? readByCallback(socket, reading.onread) : undefined;
      const early = await openTunnel(socket, reading, proxy, origin, mayBeSpokenTo, signal).finally(endReads);
      if (origin.secure) return { ...reached, socket: this.#over(dial, socket) };
      if (early.length > 0) reading.replay(socket, early);
      return reached;
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      throw proxyFailure(origin, proxy.name, NetError.from(thrown));
    }
  }

  #toProxy({ place, tls }: ProxyPeer, host: string, onread: OnReadOpts | undefined): Socket {
    const plain = { ...this.#socketOptions(), host, port: place.port };
    const options = { ...plain, ...(onread === undefined ? {} : { onread }) };
    if (!place.secure) return withReads(connectTcp, options);
    const socket = withReads(connectTls, { ...options, ...tls.connectOptions(place, HTTP1_ONLY) });
    tls.attend(place, socket);
    return socket;
  }

  /** For SOCKS where the proxy does not resolve names. */
  async #resolved({ origin, signal }: Dial, { socks }: ProxyPeer): Promise<string> {
    const family = socks === 4 ? 4 : this.#options.family; // SOCKS 4 knows no other
    const [first] = await until(this.#dns.lookup(origin.hostname, family, signal), signal);
    return first!.address;
  }

  /** TLS over a connection that is there already, or what makes that connection read as ours are. */
  #over(dial: Dial, transport: Socket): Socket {
    const { origin, onread } = dial;
    if (origin.secure) transport.on('error', () => {}); // what befalls it is told by the socket over it
    const socket = origin.secure ? this.#secured(dial, { socket: transport, host: origin.hostname }) : transport;
    pour(socket, onread);
    return socket;
  }

  #secured({ origin, protocols }: Dial, options: ConnectionOptions & { readonly onread?: OnReadOpts }): TLSSocket {
    const socket = withReads(connectTls, { ...options, ...this.#tls.connectOptions(origin, protocols) });
    this.#tls.attend(origin, socket);
    return socket;
  }

  #socketOptions(): SocketOptions {
    const { noDelay, tcpKeepAliveMs } = this.#options;
    const keepAlive = Number.isFinite(tcpKeepAliveMs);
    return { noDelay, keepAlive, ...(keepAlive ? { keepAliveInitialDelay: tcpKeepAliveMs } : {}) };
  }
}
