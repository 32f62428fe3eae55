/**
 * The last calls of each upstream, and where their milliseconds went: put together from the facts about each, which
 * share its number. Headers, queries and bodies are in no fact, so they cannot be here.
 *
 * Invariants:
 *   (1) Of each upstream the last `RECENT_MAX` calls are kept, and apart from them the last `NOTABLE_MAX` that failed,
 *       were repeated, or took far longer than usual: a flood of good calls does not wash them away.
 *   (2) No more than `UNDER_WAY_MAX` calls are followed at a time; beyond it the oldest is let go.
 *   (3) When there are more than `FOLLOWED_PER_SECOND` calls, one in so many is followed from its start. Of the others
 *       only what happens to few is seen, so that they cost a remainder and a comparison.
 */
import type { FactOf, Observer } from 'keepwarm';
import { CallDraft, type CallTold } from './call-told.ts';
import type { Feed } from './feed.ts';

export const RECENT_MAX = 200;
export const NOTABLE_MAX = 100;
export const UNDER_WAY_MAX = 4_096;
export const FOLLOWED_PER_SECOND = 200;
/** So many times the usual length is far longer than usual, and so many ms are not worth a look. */
const SLOW_FACTOR = 5;
const SLOW_MS_MIN = 5;
/** How quickly the usual length follows: by a 64th of the difference with each call. */
const USUAL_SHARE = 1 / 64;
/** After so many calls it is looked how quickly they come. */
const LOOK_EVERY = 64;

interface Kept {
  readonly recent: CallTold[];
  readonly notable: CallTold[];
}

export class CallLog {
  readonly #feed: Feed;
  readonly #now: () => number;
  readonly #wall: () => number;
  readonly #kept = new Map<string, Kept>();

  /** @param now monotonic, in ms; `wall` in ms since 1970 */
  constructor(feed: Feed, now: () => number = () => performance.now(), wall: () => number = Date.now) {
    this.#feed = feed;
    this.#now = now;
    this.#wall = wall;
  }

  /** To listen to the facts of an upstream. */
  observer(upstream: string): Observer {
    return new Following(upstream, this.#now, this.#wall, (call, notable) => this.#keep(call, notable)).observer;
  }

  /** Calls that have ended, latest first. @param notable those that failed, were repeated, or were slow */
  of(upstream: string, notable: boolean): readonly CallTold[] {
    const kept = this.#kept.get(upstream);
    return (notable ? kept?.notable : kept?.recent)?.toReversed() ?? [];
  }

  /** An upstream that is no more. */
  forget(upstream: string): void {
    this.#kept.delete(upstream);
  }

  #keep(call: CallTold, notable: boolean): void {
    let kept = this.#kept.get(call.upstream);
    if (kept === undefined) {
      kept = { recent: [], notable: [] };
      this.#kept.set(call.upstream, kept);
    }
    push(kept.recent, call, RECENT_MAX);
    if (notable) push(kept.notable, call, NOTABLE_MAX);
    // An event has an `id` and an `at` of its own.
    const { upstream, at: _, id, ...fields } = call;
    this.#feed.tell('call', upstream, { call: id, ...fields });
  }
}

function push(list: CallTold[], call: CallTold, max: number): void {
  list.push(call);
  if (list.length > max) list.shift();
}

/** The calls of one client that are under way. */
class Following {
  readonly #upstream: string;
  readonly #now: () => number;
  readonly #wall: () => number;
  readonly #ended: (call: CallTold, notable: boolean) => void;
  readonly #drafts = new Map<number, CallDraft>();
  /** What opening cost of connections that have not been lent yet. */
  readonly #opened = new Map<number, FactOf<'socketOpened'>>();
  #usualMs = 0;
  #lookedAt = 0;
  /** Since then. */
  #calls = 0;
  /** One call in so many is followed. */
  #stride = 1;

  constructor(
    upstream: string,
    now: () => number,
    wall: () => number,
    ended: (call: CallTold, notable: boolean) => void,
  ) {
    this.#upstream = upstream;
    this.#now = now;
    this.#wall = wall;
    this.#ended = ended;
  }

  readonly observer: Observer = {
    socketOpened: (fact) => {
      if (this.#opened.size < UNDER_WAY_MAX) this.#opened.set(fact.socketId, fact);
    },
    socketClosed: ({ socketId }) => void this.#opened.delete(socketId),
    leased: (fact) => this.#leased(fact),
    hopped: (fact) => this.#acted(fact, 'replay'),
    retried: (fact) => {
      this.#acted(fact, 'retry')?.repeated(fact);
    },
    retryDenied: (fact) => this.#acted(fact, `no retry: ${fact.reason}`),
    hedged: (fact) => this.#acted(fact, 'hedge'),
    hedgeWon: (fact) => this.#acted(fact, 'hedge won'),
    rateWaits: (fact) => this.#acted(fact, `rate limit ${fact.limit}`)?.waits(this.#now()),
    rateRefused: (fact) => this.#acted(fact, `rate limit ${fact.limit}`),
    ratePaused: (fact) => this.#acted(fact, `pause ${fact.limit}`),
    concurrencyWaits: (fact) => this.#acted(fact, 'concurrency limit')?.waits(this.#now()),
    concurrencyRefused: (fact) => this.#acted(fact, 'concurrency limit'),
    coalesced: (fact) => this.#acted(fact, 'coalesce'),
    cacheUsed: (fact) => this.#acted(fact, `cache: ${fact.use}`),
    replied: (fact) => this.#over(fact),
    failed: (fact) => this.#over(fact),
  };

  #leased({ call, socketId, waitMs, fresh }: FactOf<'leased'>): void {
    const opened = fresh ? this.#opened.get(socketId) : undefined;
    if (fresh) this.#opened.delete(socketId);
    if (call === 0) return;
    const draft = this.#drafts.get(call) ?? (call % this.#stride === 0 ? this.#draft(call) : undefined);
    draft?.leased(this.#now(), socketId, waitMs, opened);
  }

  #acted(fact: { readonly call: number }, what: string): CallDraft | undefined {
    if (fact.call === 0) return undefined;
    const draft = this.#drafts.get(fact.call) ?? this.#draft(fact.call);
    draft?.acted(what);
    return draft;
  }

  /** The oldest makes room: a copy of a call that is sent after the call has ended never ends for us. */
  #draft(call: number): CallDraft {
    const [oldest] = this.#drafts.size < UNDER_WAY_MAX ? [] : this.#drafts.keys();
    if (oldest !== undefined) this.#drafts.delete(oldest);
    const draft = new CallDraft();
    this.#drafts.set(call, draft);
    return draft;
  }

  #over(fact: FactOf<'replied'> | FactOf<'failed'>): void {
    const { call, totalMs } = fact;
    const draft = this.#drafts.get(call);
    if (draft !== undefined) this.#drafts.delete(call);
    this.#count();
    const slow = totalMs > SLOW_MS_MIN && this.#usualMs > 0 && totalMs > this.#usualMs * SLOW_FACTOR;
    this.#usualMs += this.#usualMs === 0 ? totalMs : (totalMs - this.#usualMs) * USUAL_SHARE;
    const bad = 'error' in fact || fact.status >= 500;
    if (draft === undefined && !slow && !bad) return;
    // Nothing ever happened to one that found no connection: all of it is known without having followed it.
    const whole = draft !== undefined || ('error' in fact && fact.error.reach === 'unsent');
    const told = (draft ?? new CallDraft()).told(this.#upstream, fact, this.#wall(), this.#now(), whole);
    this.#ended(told, slow || bad || told.acted.length > 0);
  }

  /** Sets the stride by how long the last few calls took to end. Looking at the clock costs as much as the rest. */
  #count(): void {
    if (++this.#calls < LOOK_EVERY) return;
    const now = this.#now();
    const perSecond = (LOOK_EVERY * 1_000) / Math.max(now - this.#lookedAt, 1);
    this.#stride = Math.max(1, Math.ceil(perSecond / FOLLOWED_PER_SECOND));
    this.#lookedAt = now;
    this.#calls = 0;
  }
}
