/**
 * Opens one connection: resolves, races addresses (RFC 8305), negotiates TLS; measures each phase.
 *
 *   dns ──▶ tcp ──▶ (tls) ──▶ open
 *            │ next address after `attemptDelayMs`, or at once when one fails; the first to connect wins
 *
 * Invariants:
 *   (1) The promise settles within `connectMs`, or at once when the signal fires; then nothing is left open or timed.
 *   (2) At most one socket comes out; every other attempt is destroyed.
 *   (3) A failure says how far it got (`phase`), keeps the system's error as `cause`, and nothing was sent.
 */
import { connect as connectTcp, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../core/clock.ts';
import { NetError, type Phase } from '../core/error.ts';
import type { Origin } from '../core/origin.ts';
import type { Address, DnsCache } from './dns.ts';
import type { TlsSetup } from './tls.ts';

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
  readonly address: string;
  readonly dnsMs: number;
  readonly tcpMs: number;
  readonly tlsMs: number;
  readonly tlsResumed: boolean;
  /** What the peer chose of the protocols it was offered; nothing on cleartext, or when it did not choose (RFC 7301). */
  readonly protocol: string | undefined;
}

/** Offered where nobody asks for more. */
const HTTP1_ONLY = ['http/1.1'];

export class Dialler {
  readonly #options: DialOptions;
  readonly #dns: DnsCache;
  readonly #tls: TlsSetup;
  readonly #clock: Clock;

  constructor(options: DialOptions, dns: DnsCache, tls: TlsSetup, clock: Clock) {
    this.#options = options;
    this.#dns = dns;
    this.#tls = tls;
    this.#clock = clock;
  }

  /** @throws NetError `DNS`, `CONNECT`, `TLS`, `TIMEOUT` or `ABORTED`, always with reach `unsent` */
  async dial(
    origin: Origin,
    onread: OnReadOpts,
    signal: AbortSignal,
    protocols: readonly string[] = HTTP1_ONLY,
  ): Promise<Dialled> {
    const { connectMs, family } = this.#options;
    const started = this.#clock.now();
    const steps: Steps = { phase: 'dns', addresses: [], lastError: undefined };
    const ending = new AbortController();
    const giveUp = (error: NetError): void => ending.abort(error);
    const timer = this.#clock.after(connectMs, () => giveUp(tooLate(origin, steps, connectMs)));
    const onAbort = (): void => giveUp(abandoned(origin, steps.phase, signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      steps.addresses = await until(this.#dns.lookup(origin.hostname, family, ending.signal), ending.signal);
      const resolved = this.#clock.now();
      steps.phase = 'connect';
      const race = new Race(this.#clock, this.#options.attemptDelayMs, steps, (address) =>
        this.#attempt(origin, address, onread, protocols),
      );
      const { socket, address } = await race.run(origin, ending.signal, this.#dns);
      const connected = this.#clock.now();
      const secured = origin.secure ? await this.#secure(origin, socket as TLSSocket, steps, ending.signal) : connected;
      return {
        socket,
        address: address.address,
        dnsMs: resolved - started,
        tcpMs: connected - resolved,
        tlsMs: secured - connected,
        tlsResumed: origin.secure && (socket as TLSSocket).isSessionReused(),
        protocol: origin.secure ? (socket as TLSSocket).alpnProtocol || undefined : undefined,
      };
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
    }
  }

  #attempt(origin: Origin, address: Address, onread: OnReadOpts, protocols: readonly string[]): Socket {
    const { noDelay, tcpKeepAliveMs } = this.#options;
    const keepAlive = Number.isFinite(tcpKeepAliveMs);
    const options = {
      host: address.address,
      port: origin.port,
      noDelay,
      keepAlive,
      ...(keepAlive ? { keepAliveInitialDelay: tcpKeepAliveMs } : {}),
      onread,
    };
    if (!origin.secure) return connectTcp(options);
    const socket = connectTls({ ...options, ...this.#tls.connectOptions(origin, protocols) });
    socket.on('session', (session) => this.#tls.remember(origin, session));
    return socket;
  }

  /** Waits for the handshake that `tls.connect` has begun. @returns the instant it ended */
  #secure(origin: Origin, socket: TLSSocket, steps: Steps, signal: AbortSignal): Promise<number> {
    steps.phase = 'tls';
    return new Promise((resolve, reject) => {
      const settle = (error: Error | undefined): void => {
        socket.off('secureConnect', onSecure).off('error', settle).off('close', onClose);
        signal.removeEventListener('abort', onAbort);
        if (error === undefined) return resolve(this.#clock.now());
        socket.on('error', ignoreLate).destroy();
        reject(error instanceof NetError ? error : tlsFailure(origin, error));
      };
      const onSecure = (): void => settle(undefined);
      const onClose = (): void => settle(new Error('the peer closed the connection during the TLS handshake'));
      const onAbort = (): void => settle(signal.reason as NetError);
      socket.on('secureConnect', onSecure).on('error', settle).on('close', onClose);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }
}

interface Steps {
  phase: Phase;
  addresses: readonly Address[];
  lastError: Error | undefined;
}

/** The race for one TCP connection: attempts staggered, the first to connect wins, the rest is destroyed. */
class Race {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #steps: Steps;
  readonly #start: (address: Address) => Socket;
  readonly #running = new Set<Socket>();
  #next = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, delayMs: number, steps: Steps, start: (address: Address) => Socket) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#steps = steps;
    this.#start = start;
  }

  run(origin: Origin, signal: AbortSignal, memory: DnsCache): Promise<{ socket: Socket; address: Address }> {
    return new Promise((resolve, reject) => {
      const finish = (winner?: Socket): void => {
        this.#timer?.cancel();
        signal.removeEventListener('abort', onAbort);
        for (const socket of this.#running) {
          if (socket === winner) continue;
          socket.removeAllListeners('connect').removeAllListeners('error').on('error', ignoreLate).destroy();
        }
        this.#running.clear();
      };
      const onAbort = (): void => {
        finish();
        reject(signal.reason);
      };
      const tryNext = (): void => {
        this.#timer?.cancel();
        const address = this.#steps.addresses[this.#next++];
        if (address === undefined) return;
        const socket = this.#start(address);
        this.#running.add(socket);
        socket.once('connect', () => {
          socket.removeAllListeners('error');
          memory.succeeded(address.address);
          finish(socket);
          resolve({ socket, address });
        });
        socket.once('error', (error) => {
          memory.failed(address.address);
          this.#running.delete(socket);
          this.#steps.lastError = error;
          if (this.#next < this.#steps.addresses.length) return tryNext();
          if (this.#running.size > 0) return;
          finish();
          reject(connectFailure(origin, this.#steps.addresses, error));
        });
        if (this.#next < this.#steps.addresses.length) this.#timer = this.#clock.after(this.#delayMs, tryNext);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      else tryNext();
    });
  }
}

/** A socket given up may still report; there is nobody left who would want to know. */
function ignoreLate(): void {}

/** `work`, or the signal's reason if that comes first; the work is left to end by itself. */
function until<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const done = (): void => signal.removeEventListener('abort', onAbort);
    work.then(resolve, reject).finally(done);
  });
}

function connectFailure(origin: Origin, addresses: readonly Address[], cause: Error): NetError {
  const where = addresses.map(({ address }) => address).join(', ');
  return new NetError('CONNECT', `no connection to ${origin.key} (${where}:${origin.port}): ${cause.message}`, {
    reach: 'unsent',
    phase: 'connect',
    origin: origin.key,
    cause,
  });
}

function tooLate(origin: Origin, steps: Steps, connectMs: number): NetError {
  return new NetError(
    'TIMEOUT',
    `no connection to ${origin.key} within ${connectMs} ms (limit connectMs), still in phase ${steps.phase}`,
    {
      reach: 'unsent',
      phase: steps.phase,
      origin: origin.key,
      limit: 'connectMs',
      value: connectMs,
      cause: steps.lastError,
    },
  );
}

function abandoned(origin: Origin, phase: Phase, cause: unknown): NetError {
  return new NetError('ABORTED', `connecting to ${origin.key} was given up`, {
    reach: 'unsent',
    phase,
    origin: origin.key,
    cause,
  });
}

/**
 * What the network did to the handshake is CONNECT and may be tried again; what the peer is or speaks is TLS and may
 * not.
 */
function tlsFailure(origin: Origin, cause: Error & { code?: string }): NetError {
  const { code = '' } = cause;
  const network =
    /^(ECONNRESET|EPIPE|ETIMEDOUT|ECONNABORTED|EHOSTUNREACH|ENETUNREACH|ENETDOWN)$/.test(code) || code === '';
  return new NetError(network ? 'CONNECT' : 'TLS', `no TLS with ${origin.key}: ${cause.message}`, {
    reach: 'unsent',
    phase: 'tls',
    origin: origin.key,
    cause,
  });
}
