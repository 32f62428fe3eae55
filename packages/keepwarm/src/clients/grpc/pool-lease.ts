/**
 * A named lease: calls and streams over whichever connection the pool has for it at the moment.
 *
 *   held ──▶ released by its holder, its streams with it
 *     └────▶ lost: reassigned or expired (it had no live stream), or the pool was closed
 */
import { type Abortable, listen, unlisten } from '../../core/abort.ts';
import { type Call, isRepeatable, type Send } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import type { Reply } from '../../core/reply.ts';
import type { Claim } from '../../pool/claim.ts';
import type { Leases } from '../../pool/leases.ts';
import type { Member } from '../../pool/member.ts';
import type { Calls } from './calls.ts';
import { type GrpcCaller, GrpcKinds } from './kinds.ts';
import { type GrpcLeaseLost, type GrpcLeaseMoved, harmless } from './pool-facts.ts';
import { GrpcRecord } from './record.ts';
import type { StreamStarts } from './stream-starts.ts';

export interface LeaseParts {
  readonly target: string;
  readonly calls: Calls;
  readonly clock: Clock;
  readonly leases: Leases;
  readonly waitMs: number;
  /** Before streams, where there is a limit on opening them. */
  readonly streamStarts: StreamStarts | undefined;
  sendOn(member: Member, call: Call): Promise<Reply>;
  /** A stream on it has stalled. */
  suspect(member: Member): void;
}

export type MovedListener = (fact: GrpcLeaseMoved) => void;

/** Connections a call is placed on that turned out to be no more, before it fails. */
const PLACES_MAX = 3;
/** The time in which a rate that ends falls to 37 % (1/e), in ms. */
const RATE_MS = 30_000;

export class GrpcLease {
  readonly name: string;
  readonly exclusive: boolean;
  /** The four kinds of calls. */
  readonly client: GrpcCaller;
  /** Resolves when the lease is held no more, whatever the reason. */
  readonly lost: Promise<GrpcLeaseLost>;
  /** Fires then. */
  readonly signal: AbortSignal;
  /** @internal */
  readonly record = new GrpcRecord();
  /** @internal */
  readonly claim: Claim;
  readonly #parts: LeaseParts;
  readonly #ending = new AbortController();
  readonly #lost = Promise.withResolvers<GrpcLeaseLost>();
  readonly #movers = new Set<MovedListener>();
  #rate = 0;
  #rateAt: number;
  #counted = 0;

  /** @internal */
  constructor(claim: Claim, parts: LeaseParts) {
    this.claim = claim;
    this.name = claim.name;
    this.exclusive = claim.exclusive;
    this.lost = this.#lost.promise;
    this.signal = this.#ending.signal;
    this.#parts = parts;
    this.#rateAt = parts.clock.now();
    const { target, calls, clock } = parts;
    this.client = new GrpcKinds({ target, calls, clock, record: this.record, send: this.#send });
  }

  /** With whom its connections are shared; empty when with nobody. */
  get group(): string {
    return this.claim.tenant.group;
  }

  /** Number of the connection it used last; nothing before the first call, or when that has gone. */
  get connection(): number | undefined {
    return this.claim.member?.id;
  }

  /** Messages per second, of late. */
  get messagesPerSecond(): number {
    return this.#rate;
  }

  /**
   * Tells when a connection takes no more streams of this lease. Streams on it go on; what is opened from then on goes
   * elsewhere. @returns ends the telling
   */
  onMoved(listener: MovedListener): () => void {
    this.#movers.add(listener);
    return () => void this.#movers.delete(listener);
  }

  /** Gives it back, and ends what is live on it. Twice is harmless. */
  release(): void {
    this.#parts.leases.release(this.claim);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }

  /** For logs. */
  toJSON(): object {
    const { name, exclusive, group, connection } = this;
    return { name, exclusive, group, connection };
  }

  /** For the pool. @internal */
  tellLost(fact: GrpcLeaseLost, error: NetError): void {
    this.#lost.resolve(fact);
    this.#ending.abort(error);
    this.#movers.clear();
  }

  /** For the pool. @internal */
  tellMoved(fact: GrpcLeaseMoved): void {
    for (const listener of this.#movers) harmless(() => listener(fact));
  }

  /** For the pool: brings the rate of messages up to date. @internal */
  measure(now: number): void {
    const { received } = this.record;
    const sinceMs = now - this.#rateAt;
    if (sinceMs <= 0) return;
    const kept = Math.exp(-sinceMs / RATE_MS);
    this.#rate = this.#rate * kept + ((received - this.#counted) / sinceMs) * 1_000 * (1 - kept);
    this.#counted = received;
    this.#rateAt = now;
  }

  /** What was never sent, as its connection was no more, is placed anew. */
  readonly #send: Send = async (call) => {
    const both = new Either(call.signal, this.signal);
    const placed: Send = (each) => this.#sendPlaced(each, both);
    try {
      const { streamStarts } = this.#parts;
      if (streamStarts === undefined) return await placed(call);
      return await streamStarts.send({ ...call, signal: both.signal }, placed);
    } catch (thrown) {
      both.stop();
      throw thrown;
    }
  };

  async #sendPlaced(call: Call, both: Either): Promise<Reply> {
    const { signal } = both;
    for (let places = 1; ; places++) {
      const member = await this.#place(call, signal);
      try {
        // From the second attempt on, the peer is told what is left of the deadline.
        const attempt = places === 1 && this.#parts.clock.now() - call.startedAt < 1 ? 1 : places + 1;
        const reply = await this.#parts.sendOn(member, { ...call, signal, attempt });
        reply.onEnd(() => {
          both.stop();
          this.#over(member, call);
        });
        return reply;
      } catch (thrown) {
        this.#over(member, call);
        const again = thrown instanceof NetError && thrown.reach === 'unsent' && !signal.aborted;
        const moved = again && places < PLACES_MAX && isRepeatable(call.body) && this.claim.state === 'held';
        if (!moved || this.#parts.clock.now() >= call.deadlineAt) throw thrown;
      }
    }
  }

  async #place(call: Call, signal: AbortSignal): Promise<Member> {
    const { leases, clock, waitMs } = this.#parts;
    const leftMs = call.deadlineAt - clock.now();
    try {
      return await leases.place(this.claim, { signal, waitMs: Math.min(waitMs, leftMs) });
    } catch (error) {
      if (!(error instanceof NetError) || error.code !== 'TIMEOUT' || leftMs > waitMs) throw error;
      const why = 'the deadline passed while the call waited for a connection';
      throw new NetError('DEADLINE', why, { reach: 'unsent', phase: 'queue' });
    }
  }

  #over(member: Member, { signal }: Call): void {
    const reason: unknown = signal?.aborted ? signal.reason : undefined;
    const stalled = reason instanceof NetError && (reason.limit === 'silenceMs' || reason.limit === 'firstMessageMs');
    this.#parts.leases.end(this.claim, member);
    if (stalled) this.#parts.suspect(member);
  }
}

/** Fires with the first of two signals; costs neither of them anything once it is stopped. */
class Either implements Abortable {
  readonly #ending = new AbortController();
  readonly #signals: readonly AbortSignal[];

  constructor(...signals: readonly (AbortSignal | undefined)[]) {
    this.#signals = signals.filter((signal) => signal !== undefined);
    for (const signal of this.#signals) {
      if (signal.aborted) this.#ending.abort(signal.reason);
      else listen(signal, this);
    }
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  aborted(reason: unknown): void {
    this.#ending.abort(reason);
  }

  stop(): void {
    for (const signal of this.#signals) unlisten(signal, this);
  }
}
