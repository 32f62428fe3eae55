/**
 * What went wrong with the calls of an upstream in the last minute, in one word each: how often, and since when. An
 * operator asks "what is it?" before "how many?".
 */
import type { NetError } from 'keepwarm';
import { errorTold } from './feed-facts.ts';
import { RollingCount } from './rolling.ts';

/** Words that are kept apart; the others are told as one. Codes are few, and so are statuses that happen together. */
const WORDS_MAX = 20;
const OTHERS = 'others';
const SLOT_MS = 5_000;
const SLOTS = 12;
const MINUTE_MS = SLOT_MS * SLOTS;

export interface IllTold {
  /** Such as `TLS CERT_HAS_EXPIRED`, `SATURATED rateLimit.waitMs`, `status 503`. */
  readonly what: string;
  /** In the last minute. */
  readonly count: number;
  /** How long it has been going on, in ms, without a pause of a minute. */
  readonly forMs: number;
}

interface Ill {
  readonly counts: RollingCount;
  since: number;
  last: number;
}

export class Ills {
  readonly #ills = new Map<string, Ill>();

  add(what: string, now: number): void {
    let ill = this.#ills.get(what);
    if (ill === undefined) {
      if (this.#ills.size >= WORDS_MAX && what !== OTHERS) this.#forget(now);
      if (this.#ills.size >= WORDS_MAX && what !== OTHERS) return this.add(OTHERS, now);
      ill = { counts: new RollingCount(SLOT_MS, SLOTS), since: now, last: now };
      this.#ills.set(what, ill);
    }
    if (now - ill.last > MINUTE_MS) ill.since = now;
    ill.last = now;
    ill.counts.add(now);
  }

  /** What there is most of comes first. */
  told(now: number): IllTold[] {
    return [...this.#ills]
      .map(([what, { counts, since }]) => ({ what, count: counts.sum(now), forMs: now - since }))
      .filter(({ count }) => count > 0)
      .sort(mostFirst);
  }

  #forget(now: number): void {
    for (const [what, { last }] of this.#ills) if (now - last > MINUTE_MS) this.#ills.delete(what);
  }
}

const mostFirst = (a: IllTold, b: IllTold): number => b.count - a.count || (a.what < b.what ? -1 : 1);

/** What several processes tell of one upstream, as one. */
export function illsTogether(all: readonly IllTold[]): IllTold[] {
  const groups = Map.groupBy(all, ({ what }) => what);
  return [...groups]
    .map(([what, each]) => ({
      what,
      count: each.reduce((sum, { count }) => sum + count, 0),
      forMs: Math.max(...each.map(({ forMs }) => forMs)),
    }))
    .sort(mostFirst);
}

/** The code, and what says more than it: the system's word, or the limit that was reached. */
export function wordOf(error: NetError): string {
  const { code, system, limit } = errorTold(error);
  return [code, system ?? limit].filter((part) => part !== undefined).join(' ');
}

/** The shortest that says it. */
export function whyOf(error: NetError): string {
  const { code, system } = errorTold(error);
  return system ?? code;
}

/** Replies that say something is wrong: with the upstream, or with how much it is asked. */
export const isIll = (status: number): boolean => status >= 500 || status === 429;
