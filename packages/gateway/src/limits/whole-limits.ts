/**
 * Rate limits of a whole upstream, over all its sections. Each section waits in its own queue and starts calls in the
 * places it has of such a limit, beside those of its own limits; places move to the sections whose calls wait, so that
 * none takes more than its equal part while others want theirs.
 *
 *   added: no places ──look──▶ has its part ⇄ has more, or fewer ──removed──▶ has what still counts ──▶ forgotten
 *
 * Invariants:
 *   (1) All sections together count no more than there are places (limits/places.ts), those that are gone too for as
 *       long as what they did counts.
 *   (2) A pause that the upstream asks one section for is one of all, if it is this limit that pauses.
 *   (3) One timer at most, and only while there are sections.
 */
import type { Observer, ResilienceStats } from 'keepwarm';
import type { RateShare } from 'keepwarm/jsonrpc';
import type { FleetRateLimit } from 'keepwarm/redis';
import type { Rate } from '../figures/rates.ts';
import { type Figures, WholeLimit } from './whole-limit.ts';

/** A section, or the upstream for those who have none. Of its limits the last ones are those of the whole upstream. */
export interface Sharer {
  readonly client: {
    rateShares(): readonly RateShare[];
    policyStats(): Pick<ResilienceStats, 'rateLimit'>;
  };
  readonly book: { listen(observer: Observer): void };
}

export interface WholeHeard {
  /** Somebody waits. */
  waits(): void;
  paused(limit: string, pauseMs: number): void;
}

/** How often it is looked whether anybody waits, in ms; and while somebody does. */
const LOOK_MS = 100;
const SOON_MS = 5;
/** With more sections it is not looked in every turn in which somebody waits, but every `SOON_MS`. */
const AT_ONCE_MAX = 100;

export class WholeLimits {
  readonly limits: readonly WholeLimit[];
  /** Where Redis counts: one queue for the calls of all sections. */
  readonly fleet: FleetRateLimit | undefined;
  readonly #names: ReadonlySet<string>;
  readonly #members = new Set<Sharer>();
  #told: Observer | undefined;
  #heard: WholeHeard | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #soon = false;
  #closed = false;

  /** @param fleetFor what counts them together with other gateways, if anything does, and tells of it */
  constructor(limits: readonly Figures[], fleetFor: (observer: Observer) => FleetRateLimit | undefined) {
    this.fleet = fleetFor({
      rateWaits: (fact) => this.#told?.rateWaits?.(fact),
      rateRefused: (fact) => this.#told?.rateRefused?.(fact),
      ratePaused: (fact) => this.#told?.ratePaused?.(fact),
    });
    this.limits = this.fleet === undefined ? limits.map((each) => new WholeLimit(each)) : [];
    this.#names = new Set(this.limits.map(({ name }) => name));
  }

  /** Who is told what the fleet's limits do: the upstream as it is from now on. */
  tellTo(observer: Observer): void {
    this.#told = observer;
  }

  /** Before anything is sent to it. Twice is harmless. */
  add(member: Sharer): void {
    if (this.#closed || this.#members.has(member)) return;
    this.#members.add(member);
    if (this.limits.length === 0) return;
    const shares = member.client.rateShares().slice(-this.limits.length);
    for (const [i, limit] of this.limits.entries()) limit.add(member, shares[i]!);
    member.book.listen({
      rateWaits: ({ limit }) => this.#names.has(limit) && this.#waits(),
      ratePaused: ({ limit, pauseMs }) => this.#names.has(limit) && this.#paused(limit, pauseMs),
    });
    this.#hurry();
  }

  /** It is closed. What it did counts for as long as it would have; behind the last one all of this is closed. */
  remove(member: Sharer): void {
    if (!this.#members.delete(member)) return;
    const rates = ratesIn(member, this.limits.length);
    for (const [i, limit] of this.limits.entries()) limit.remove(member, rates[i]);
    if (this.#members.size === 0) this.#close();
  }

  /** Who keeps limits together with other processes: one. */
  listen(heard: WholeHeard): void {
    this.#heard = heard;
  }

  /** One entry per limit, of all sections together. */
  told(): readonly Rate[] {
    if (this.fleet !== undefined) return this.fleet.rates();
    const rates = Array.from(this.#members, (member) => ratesIn(member, this.limits.length));
    return this.limits.flatMap((limit, i) => limit.told(rates.flatMap((each) => each[i] ?? [])));
  }

  #close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.fleet?.close();
  }

  #waits(): void {
    this.#heard?.waits();
    this.#hurry();
  }

  #hurry(): void {
    if (this.#soon || this.#closed) return;
    this.#soon = true;
    const laterMs = this.#members.size > AT_ONCE_MAX ? this.#lookedAt + SOON_MS - performance.now() : 0;
    if (laterMs <= 0) setImmediate(() => this.#look());
    else this.#arm(laterMs);
  }

  #paused(name: string, ms: number): void {
    for (const limit of this.limits) if (limit.name === name) limit.pause(ms);
    this.#heard?.paused(name, ms);
  }

  #look(): void {
    this.#soon = false;
    if (this.#closed) return;
    this.#lookedAt = performance.now();
    let busy = false;
    for (const limit of this.limits) busy = limit.settle() || busy;
    this.#arm(busy ? SOON_MS : LOOK_MS);
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), ms);
    this.#timer.unref();
  }
}

/** Of the limits of the whole upstream, which are the last ones. */
const ratesIn = ({ client }: Sharer, count: number): readonly Rate[] =>
  count === 0 ? [] : (client.policyStats().rateLimit ?? []).slice(-count);
