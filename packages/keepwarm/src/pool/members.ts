/**
 * A bounded set of connections, from the wish for one to its end. Knows neither leases nor what a connection is.
 *
 *   open ──▶ opening ──opened──▶ ready ──drain──▶ draining ──its last stream──▶ closed
 *               └─failed──▶ closed  │ ⇠──revive────────┘
 *                                   └──lost, or drained without a stream──▶ closed
 *
 * Invariants, true whenever no method is running:
 *   (1) opening + ready + draining ≤ sizeMax: a connection counts until it is closed.
 *   (2) Each is closed exactly once, and its owner told so; what it says afterwards is not heard.
 *   (3) None that carries a stream is closed by us, but by `close()`.
 *   (4) After a failure nothing is opened for a while: a wait drawn evenly from 0 to 1 s, 2 s, 4 s … 30 s; then one at
 *       a time, until one succeeds. One that is lost, or told to leave, sooner than the longest such wait was a failure
 *       as well: whoever lets connections in and drops them would be asked as fast as it does that.
 */
import { fullJitter } from '../algo/backoff.ts';
import type { StartKind } from '../algo/start-window.ts';
import type { Clock, Random, Timer } from '../core/clock.ts';
import { type LeavingReason, Member } from './member.ts';

export interface MembersOptions {
  /** Connections at once, draining ones included. */
  readonly sizeMax: number;
  /** Streams on one connection, where the peer allows as many. */
  readonly streamsMax: number;
  /** How old one may become, in ms. */
  readonly ageMs: number;
  /** Share of `ageMs` by which lives differ, 0…1. */
  readonly ageJitter: number;
  readonly backoffMs: number;
  readonly backoffMsMax: number;
}

export interface MembersOwner {
  /** Begins to open a connection; `opened` or `ended` answers, later. */
  open(member: Member, kind: StartKind): void;
  /** Whatever stands behind it is to be closed. Told once for each. */
  close(member: Member, reason: LeavingReason): void;
  /** It takes no more streams, or is gone: those who were on it look for another. */
  left(member: Member): void;
  /** Something may be possible now that was not. */
  changed(): void;
}

export class Members {
  readonly #options: MembersOptions;
  readonly #owner: MembersOwner;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #all = new Set<Member>();
  #serial = 0;
  #failures = 0;
  /** Connections in a row that did not last. */
  #brief = 0;
  #retryAt = Number.NEGATIVE_INFINITY;
  #retry: Timer | undefined;
  #closed = false;
  /** Why nothing could be opened; nothing once something could. */
  lastError: Error | undefined;
  opened = 0;
  failed = 0;
  revived = 0;
  readonly ended: Partial<Record<LeavingReason, number>> = {};

  constructor(options: MembersOptions, owner: MembersOwner, clock: Clock, random: Random) {
    this.#options = options;
    this.#owner = owner;
    this.#clock = clock;
    this.#random = random;
  }

  /** Oldest first. */
  get all(): Iterable<Member> {
    return this.#all;
  }
  get size(): number {
    return this.#all.size;
  }
  get sizeMax(): number {
    return this.#options.sizeMax;
  }
  /** Failures since one was opened last. */
  get failures(): number {
    return this.#failures;
  }
  get backoffMs(): number {
    return Math.max(this.#retryAt - this.#clock.now(), 0);
  }

  count(state: Member['state']): number {
    let count = 0;
    for (const member of this.#all) if (member.state === state) count++;
    return count;
  }

  get mayOpen(): boolean {
    if (this.#closed || this.#all.size >= this.#options.sizeMax) return false;
    return this.#clock.now() >= this.#retryAt && (this.#failures === 0 || this.count('opening') === 0);
  }

  /** @returns nothing when there is no place, or after a failure */
  open(tenant: string | undefined, kind: StartKind): Member | undefined {
    if (!this.mayOpen) return undefined;
    const member = new Member(++this.#serial, tenant, this.#options.streamsMax, this.#clock.now());
    this.#all.add(member);
    this.#owner.open(member, kind);
    return member;
  }

  /** Answers `open`. @param streamsMax as many streams as the peer allows */
  becameReady(member: Member, streamsMax: number): void {
    if (member.state !== 'opening') return;
    const { ageMs, ageJitter } = this.#options;
    const now = this.#clock.now();
    this.#failures = 0;
    this.lastError = undefined;
    this.#retryAt = Number.NEGATIVE_INFINITY;
    this.#retry?.cancel();
    this.opened++;
    member.state = 'ready';
    member.openedAt = member.usedAt = now;
    // The jitter shortens lives: fifty opened together do not leave together.
    member.retireAt = ageMs === Number.POSITIVE_INFINITY ? ageMs : now + ageMs * (1 - ageJitter * this.#random());
    this.allows(member, streamsMax);
    const { replaces } = member;
    member.replaces = undefined;
    if (replaces !== undefined) {
      replaces.successor = undefined;
      this.drain(replaces, 'age');
    }
    this.#owner.changed();
  }

  /** The peer has come to allow more streams, or fewer: what runs goes on. */
  allows(member: Member, streamsMax: number): void {
    const more = streamsMax > member.streamsMax;
    member.streamsMax = Math.min(this.#options.streamsMax, streamsMax);
    if (more) this.#owner.changed();
  }

  /** It could not be opened, or it is lost with whatever was on it. */
  gone(member: Member, error?: Error): void {
    if (member.state === 'gone') return;
    const opening = member.state === 'opening';
    if (opening) {
      this.failed++;
      this.lastError = error;
      // Of several that were under way together, the first to fail counts.
      if (this.backoffMs === 0) this.#backOff(++this.#failures);
    } else if (member.state === 'ready') {
      this.#parted(member, error);
    }
    this.#remove(member, opening ? 'failed' : (member.reason ?? 'lost'));
  }

  /** It takes no more streams, and goes with its last one; at once if there is none. */
  drain(member: Member, reason: LeavingReason): void {
    if (member.state !== 'ready' && member.state !== 'draining') return;
    // What the peer or a check has said of one that drains is the reason that counts: it cannot be revived.
    if (member.state === 'draining') return void (member.reason = isFinal(reason) ? reason : member.reason);
    if (reason === 'peer') this.#parted(member, undefined);
    member.reason = reason;
    if (member.streams === 0) return this.#remove(member, reason);
    member.state = 'draining';
    this.#owner.left(member);
    this.#owner.changed();
  }

  /** One that drains, but might as well stay, takes streams again: a connection is not opened for it. */
  revive(member: Member): boolean {
    if (member.state !== 'draining' || isFinal(member.reason)) return false;
    // Were its age the reason, it would be the next to go: it is given a part of its life again.
    if (member.reason === 'age') member.retireAt = this.#clock.now() + this.#options.ageMs / 4;
    member.state = 'ready';
    member.reason = undefined;
    this.revived++;
    return true;
  }

  begin(member: Member): void {
    member.streams++;
    member.usedAt = this.#clock.now();
  }

  end(member: Member): void {
    member.streams--;
    member.usedAt = this.#clock.now();
    if (member.state === 'draining' && member.streams === 0) this.#remove(member, member.reason!);
  }

  /** Ends them all. Twice is harmless. */
  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    for (const member of [...this.#all]) this.#remove(member, 'closing');
  }

  /** The peer has ended it, or is about to. */
  #parted({ openedAt }: Member, error: Error | undefined): void {
    const { backoffMs, backoffMsMax } = this.#options;
    if (this.backoffMs > 0) return; // with another that counts
    if (this.#clock.now() - openedAt >= Math.min(backoffMs * 2 ** this.#brief, backoffMsMax)) {
      this.#brief = 0;
      return;
    }
    this.lastError = error;
    this.#backOff(++this.#brief);
  }

  #backOff(nth: number): void {
    const { backoffMs, backoffMsMax } = this.#options;
    const waitMs = fullJitter(backoffMs, backoffMsMax, nth, this.#random);
    this.#retryAt = this.#clock.now() + waitMs;
    this.#retry?.cancel();
    if (!this.#closed) this.#retry = this.#clock.after(Math.ceil(waitMs), () => this.#owner.changed());
  }

  #remove(member: Member, reason: LeavingReason): void {
    if (!this.#all.delete(member)) return;
    const { replaces, successor } = member;
    member.state = 'gone';
    member.reason = reason;
    member.replaces = member.successor = undefined;
    if (replaces !== undefined) replaces.successor = undefined;
    if (successor !== undefined) successor.replaces = undefined;
    this.ended[reason] = (this.ended[reason] ?? 0) + 1;
    this.#owner.close(member, reason);
    this.#owner.left(member);
    if (!this.#closed) this.#owner.changed();
  }
}

/** Whether nothing may be put on it any more. */
function isFinal(reason: LeavingReason | undefined): boolean {
  return reason !== 'age' && reason !== 'surplus';
}
