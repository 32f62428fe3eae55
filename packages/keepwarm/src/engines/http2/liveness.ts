/**
 * Whether a session's peer is still there. A connection can die without a word: behind a NAT that forgot it, or with
 * its machine. A ping after a silence tells, before a call has to find out.
 *
 *   settings sent ──ack──▶ quiet? ──`pingMs` without a byte──────▶ asked ──pong──▶ quiet?
 *        └────────────────────────`pongMs`───────────────────────────┴──▶ dead
 *
 * Invariant: bytes of any kind prove life; only a ping that stays without a byte for `pongMs` proves death. While an
 * upload is held up by the connection the ping stands behind it: there, the bytes that are taken of it prove life.
 */
import type { Due } from '../../core/due.ts';
import type { SessionOptions } from './options.ts';

export interface Alive {
  /** The instant of the last bytes from the peer. */
  readonly activeAt: number;
  ping(): void;
  died(what: string, ms: number): void;
}

/** What is on its way to the peer. */
export interface Sending {
  /** Writes that the system has taken. */
  readonly taken: number;
  /** Whether it takes its time over one, as it does once the connection is full of those before. */
  readonly heldUp: boolean;
}

export class Liveness implements Due {
  before: Due | undefined;
  after: Due | undefined;
  listed = false;
  dueAt: number;
  /** Time from a ping, or from our settings, to what answered it; nothing yet before the first. */
  rttMs: number | undefined;
  readonly #session: Alive;
  readonly #sending: Sending;
  readonly #limits: Pick<SessionOptions, 'pingMs' | 'pongMs'>;
  readonly #rejoin: (member: Due) => void;
  #settingsSentAt: number | undefined;
  #askedAt: number | undefined;
  /** From when on `pongMs` counts, and what had been taken by then of an upload that was held up. */
  #countsFrom = 0;
  #takenBefore = Number.POSITIVE_INFINITY;

  /** @param rejoin puts it back into the list that told it */
  constructor(
    session: Alive,
    sending: Sending,
    limits: Pick<SessionOptions, 'pingMs' | 'pongMs'>,
    now: number,
    rejoin: (member: Due) => void,
  ) {
    this.#session = session;
    this.#sending = sending;
    this.#limits = limits;
    this.#rejoin = rejoin;
    this.#settingsSentAt = now;
    this.dueAt = now + limits.pongMs;
  }

  acknowledged(now: number): void {
    if (this.#settingsSentAt !== undefined) this.rttMs ??= now - this.#settingsSentAt;
    this.#settingsSentAt = undefined;
  }

  ponged(now: number): void {
    if (this.#askedAt !== undefined) this.rttMs = now - this.#askedAt;
    this.#askedAt = undefined;
  }

  due(now: number): void {
    const { activeAt } = this.#session;
    if (this.#settingsSentAt !== undefined && now - this.#settingsSentAt >= this.#limits.pongMs) {
      return this.#session.died('our settings were not acknowledged', this.#limits.pongMs);
    }
    if (this.#askedAt !== undefined && activeAt < this.#askedAt) {
      if (now - this.#countsFrom >= this.#limits.pongMs) {
        if (this.#sending.taken <= this.#takenBefore) {
          return this.#session.died('a ping was not answered', this.#limits.pongMs);
        }
        this.#count(now);
      }
    } else if (now - activeAt >= this.#limits.pingMs) {
      this.#askedAt = now;
      this.#count(now);
      this.#session.ping();
    }
    this.dueAt = this.#next(now);
    this.#rejoin(this);
  }

  #count(now: number): void {
    const { heldUp, taken } = this.#sending;
    this.#countsFrom = now;
    this.#takenBefore = heldUp ? taken : Number.POSITIVE_INFINITY;
  }

  #next(now: number): number {
    const asked = this.#askedAt !== undefined && this.#session.activeAt < this.#askedAt;
    const next = asked ? this.#countsFrom + this.#limits.pongMs : this.#session.activeAt + this.#limits.pingMs;
    return Math.max(Math.min(next, (this.#settingsSentAt ?? Number.POSITIVE_INFINITY) + this.#limits.pongMs), now + 1);
  }
}
