/**
 * The sessions of one origin and section: pool, dialling, hello and warm-up put together.
 *
 *   dial ──▶ h2 agreed, or known beforehand ──▶ hello ──▶ session
 *     └────▶ HTTP/1.1 agreed ──▶ connection and callers are handed over
 */
import { afterInput } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import type { CloseReason } from '../../core/observer.ts';
import type { Origin } from '../../core/origin.ts';
import type { Dialled } from '../../net/dial.ts';
import type { CapacityUser } from '../../pool/capacity.ts';
import { lifeOf } from '../../pool/lifetime.ts';
import type { SharedOwner } from '../../pool/slot-item.ts';
import { SharedPool } from '../../pool/slots.ts';
import type { Start } from '../../pool/start-gate.ts';
import { isScarcity, type PoolSnapshot, type WarmUpResult } from '../http1/origin-pool.ts';
import { sharedRead } from '../reading.ts';
import type { Http2Engine } from './engine.ts';
import { tell } from './failures.ts';
import { OriginFields } from './request-fields.ts';
import { Session } from './session.ts';
import type { Stream } from './stream.ts';

export class OriginSessions implements SharedOwner<Session>, CapacityUser {
  readonly pool: SharedPool<Session>;
  readonly origin: Origin;
  readonly section: string;
  readonly #engine: Http2Engine;
  readonly #fields: OriginFields;
  readonly #dials = new AbortController();
  readonly #greeting = new Set<Session>();
  /** Whoever waits for what is being opened to be open or failed. */
  #openings: (() => void)[] = [];
  #failures = 0;
  #lastError: NetError | undefined;

  constructor(engine: Http2Engine, origin: Origin, section: string) {
    const { socketsMax, waitersMax, idleMin, session } = engine.options;
    this.#engine = engine;
    this.origin = origin;
    this.section = section;
    this.#fields = new OriginFields(origin.secure, origin.host);
    // One session carries many calls: one kept ready serves as well as several.
    const options = {
      name: origin.key,
      sizeMax: Math.min(socketsMax, session.sessionsMax),
      waitersMax,
      idleMin: Math.min(idleMin, 1),
    };
    this.pool = new SharedPool<Session>(options, this, engine.capacity);
    engine.capacity.join(this.pool, this);
  }

  /** A slot on a session that is not past its age, which a stalled event loop may have missed. */
  take(now: number, newerThan: number): Session | undefined {
    const { open } = this.pool;
    for (let i = open.length - 1; i >= 0; i--) {
      if (now >= open[i]!.retireAt) this.pool.drain(open[i]!, 'age'); // takes it out of the list
    }
    return this.pool.take(newerThan);
  }

  open(): void {
    const { clock, starts } = this.#engine;
    const startedAt = clock.now();
    if (starts === undefined) return this.#dial(startedAt, undefined);
    const kind = this.pool.serial > 0 && this.pool.open.length === 0 ? 'reconnect' : 'growth';
    starts.start(kind, this.#dials.signal).then(
      (start) => this.#dial(startedAt, start),
      (thrown: unknown) => this.#failed(NetError.from(thrown), startedAt),
    );
  }

  #dial(startedAt: number, start: Start | undefined): void {
    this.#engine.dial(this.origin, this.#dials.signal, sharedRead).then(
      (dialled) => this.#dialled(dialled, startedAt, start),
      (thrown: unknown) => {
        const error = NetError.from(thrown);
        account(start, error);
        this.#failed(error, startedAt);
      },
    );
  }

  close(item: Session, reason: CloseReason): void {
    item.close(reason);
  }

  /** Ends the pool: refuses who waits, gives up what is being dialled. */
  shut(error: NetError): void {
    this.pool.close(error);
    this.#dials.abort(error);
    for (const session of this.#greeting) session.close('closing');
    this.#engine.capacity.leave(this.pool);
  }

  yieldIdle(reason: CloseReason): boolean {
    const oldest = this.pool.idle.first;
    if (oldest !== undefined) this.pool.evict(oldest, reason);
    return oldest !== undefined;
  }

  idleSince(): number {
    return this.pool.idle.first?.idleSince ?? Number.POSITIVE_INFINITY;
  }

  fed(): void {
    this.pool.fed();
  }

  /** Opens as many sessions as `count` calls at once need. */
  async warmUp(count: number): Promise<WarmUpResult> {
    const { clock } = this.#engine;
    const startedAt = clock.now();
    const failedBefore = this.#failures;
    this.#lastError = undefined;
    const sessions = Math.max(1, Math.ceil(count / (this.pool.slotsExpected || this.#engine.session.streamsMax)));
    if (this.pool.fill(sessions) > 0) await this.#opened();
    const failed = this.#failures - failedBefore;
    return { open: this.pool.open.length, failed, error: this.#lastError, latencyMs: clock.now() - startedAt };
  }

  snapshot(): PoolSnapshot {
    const { opening, slotsLent, idle, waiting, options, slotsExpected = this.#engine.session.streamsMax } = this.pool;
    const slots = Math.max(options.sizeMax * slotsExpected, 1);
    return {
      origin: this.origin.key,
      section: this.section,
      opening,
      inFlight: slotsLent,
      idle: idle.size,
      waiting,
      socketsMax: options.sizeMax,
      saturation: (slotsLent + waiting) / slots,
    };
  }

  /** Resolves when nothing is being opened any more. */
  #opened(): Promise<void> {
    return new Promise((resolve) => this.#openings.push(resolve));
  }

  #settleOpenings(): void {
    if (this.pool.opening > 0) return;
    const openings = this.#openings;
    this.#openings = [];
    for (const settle of openings) settle();
  }

  #dialled(dialled: Dialled, startedAt: number, start: Start | undefined): void {
    const { secure, key } = this.origin;
    if (dialled.socket.closed) start?.closed?.();
    else if (start?.closed !== undefined) dialled.socket.once('close', start.closed);
    const closed = this.#dials.signal.aborted;
    if (closed || (secure && dialled.protocol !== 'h2')) {
      start?.settled();
      if (!closed && this.#engine.handsOver) return this.#handOver(dialled);
      dialled.socket.on('error', () => {}).destroy();
      return this.#failed(closed ? NetError.from(this.#dials.signal.reason) : tell.notHttp2(key), startedAt);
    }
    const { clock, options } = this.#engine;
    const birth = { origin: this.origin, section: this.section, dialled, openedAt: clock.now(), fields: this.#fields };
    const session = new Session(this.#engine, this.pool, birth, options.idleMs);
    this.#greeting.add(session);
    let late = false;
    const timer = afterInput(clock, options.helloMs, () => {
      late = true;
      session.close('protocol');
    });
    session.greet((error) => {
      timer.cancel();
      this.#greeting.delete(session);
      // Until its settings are here, the peer may not have seen the connection its system has accepted.
      if (error === undefined) start?.settled();
      else if (!late && isThrownOut(error)) start?.thrownOut();
      else start?.lost();
      if (error !== undefined) this.#failed(late ? tell.noSettings(key, options.helloMs) : error, startedAt);
      else this.#joined(session, dialled);
    });
  }

  #joined(session: Session, { address, dnsMs, tcpMs, tlsMs, tlsResumed, proxy }: Dialled): void {
    const { options, clock, random, phases, observer, lifetime } = this.#engine;
    Object.assign(session, lifeOf(options, clock.now(), random));
    phases.dns.record(dnsMs);
    phases.tcp.record(tcpMs);
    if (this.origin.secure) phases.tls.record(tlsMs);
    const through = proxy === undefined ? {} : { proxy };
    observer.socketOpened?.({ ...session.fact(), address, dnsMs, tcpMs, tlsMs, tlsResumed, ...through });
    this.#engine.learnt(this.origin, 'h2');
    this.pool.opened(session);
    lifetime.attend(clock.now());
    this.#settleOpenings();
  }

  #handOver(dialled: Dialled): void {
    this.#engine.learnt(this.origin, 'http/1.1');
    const waiters = this.pool.openedOther();
    this.#engine.handOver(this, dialled, waiters as Stream[]);
    this.#settleOpenings();
  }

  #failed(error: NetError, startedAt: number): void {
    const { observer, lifetime, clock } = this.#engine;
    const elapsedMs = clock.now() - startedAt;
    this.#failures++;
    this.#lastError = error;
    observer.socketOpenFailed?.({ origin: this.origin.key, section: this.section, error, elapsedMs });
    this.pool.openFailed(error, isScarcity(error));
    if (this.pool.holdsBack) lifetime.attend(clock.now());
    this.#settleOpenings();
  }
}

/** What a failed dial means to who counts dials: not begun, answered, or else perhaps still on its way. */
function account(start: Start | undefined, { code, phase, systemCode }: NetError): void {
  if (start === undefined) return;
  if (code === 'DNS' || phase === 'dns') start.cancelled();
  else if (systemCode === 'ECONNRESET') start.thrownOut();
  else if (code === 'TLS' || systemCode === 'ECONNREFUSED') start.settled();
  else start.lost();
  start.closed?.();
}

/** Whether it was the peer that ended a connection before it was a session, and not we. */
function isThrownOut({ cause }: NetError): boolean {
  return cause instanceof NetError && cause.code === 'RESET' && cause.phase !== 'closing';
}
