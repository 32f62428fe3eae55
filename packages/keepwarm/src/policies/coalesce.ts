/**
 * Callers who ask for the same at the same time share one attempt, and each gets an answer of its own: a crowd that
 * finds a cache empty asks the peer once.
 *
 *   first caller ──▶ under way ──head──▶ small body: read whole, a copy for each
 *   others ─join──▶     │                large, slow or endless body, or cookies that are not shared: the first
 *                       │                caller gets it as it arrives, each other makes a call of its own
 *                       ├──failed──▶ all fail alike; whose time is not up when the attempt's is make another together
 *                       └──everybody has left──▶ aborted
 *
 * Invariants:
 *   (1) Only calls alike in section, method, origin, path, limits, header fields (those in `ignore` aside) and policies
 *       below share; so nobody gets an answer that was meant for other credentials, or repeated by other rules.
 *   (2) Nobody joins once an answer has begun, nor an attempt that began before a call that may change something at the
 *       same origin began or ended: who has written reads what it wrote.
 *   (3) One caller's abort or deadline ends its own wait at once and nobody else's; the last one's ends the attempt.
 *   (4) Each caller gets one outcome, and a body whose bytes are its own.
 *   (5) Bytes read ahead ≤ bodyBytesMax + one chunk per attempt; callers per attempt ≤ partiesMax.
 */
import type { Call, Policy, Send } from '../core/call.ts';
import { factOf } from '../core/call-fact.ts';
import type { Clock } from '../core/clock.ts';
import { DueList } from '../core/due.ts';
import type { Observer } from '../core/observer.ts';
import type { Reply } from '../core/reply.ts';
import { Attempt, type AttemptHost } from './coalesce-attempt.ts';

export interface CoalesceOptions {
  /** Largest body that is shared, in bytes as the callers get it. */
  readonly bodyBytesMax: number;
  /** How long callers wait for such a body's end once its head is there, in ms. */
  readonly bodyMs: number;
  /** Callers of one attempt; the next makes a call of its own. */
  readonly partiesMax: number;
  /** Attempts that can be joined at a time; further calls are made as they are. */
  readonly attemptsMax: number;
  /** Header fields, in lower case, that may differ: they tell the peer about the call, not what is asked for. */
  readonly ignore: readonly string[];
  /** Whether an answer that sets cookies is shared. Not where callers are different people: they would become one. */
  readonly cookies: boolean;
  /**
   * What makes calls alike, within one section and origin; nothing for a call that is like no other. Called for
   * idempotent calls only. Without it: method, path and header fields of GET and HEAD.
   */
  readonly key?: (call: Call) => string | undefined;
}

/**
 * All ours:
 *  - `bodyBytesMax` 1 MiB: copying that takes less than a round trip within a data centre.
 *  - `bodyMs` 1 s: what takes longer is better read as it arrives; what never ends must not hold heads up for long.
 *  - `partiesMax` 1,000, `attemptsMax` 10,000: bounds.
 *  - `ignore`: the fields of W3C Trace Context, which differ from call to call. The attempt carries the first caller's.
 */
export const COALESCE_DEFAULTS: CoalesceOptions = {
  bodyBytesMax: 1024 * 1024,
  bodyMs: 1_000,
  partiesMax: 1_000,
  attemptsMax: 10_000,
  ignore: ['traceparent', 'tracestate'],
  cookies: true,
};

export interface CoalesceParts {
  readonly clock: Clock;
  readonly observer: Observer;
}

export interface CoalesceSnapshot {
  /** Attempts that can be joined now. */
  readonly attempts: number;
  /** Calls that were made for their own caller first, and calls that joined one of those. */
  readonly led: number;
  readonly joined: number;
  /** Of those that joined, calls that had to be made after all: the body was too large or slow, or a cookie was set. */
  readonly separated: number;
}

export interface Coalesce extends Policy {
  snapshot(): CoalesceSnapshot;
}

export function coalesce(options: CoalesceOptions, parts: CoalesceParts): Coalesce {
  const desk = new Desk(options, parts);
  const policy: Policy = (next) => (call) => desk.send(call, next);
  return Object.assign(policy, { snapshot: () => desk.snapshot() });
}

/** Methods that change nothing (RFC 9110 § 9.2.1). */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

class Desk implements AttemptHost {
  readonly options: CoalesceOptions;
  readonly clock: Clock;
  readonly due: DueList;
  readonly #observer: Observer;
  readonly #ignored: ReadonlySet<string>;
  /** What can be joined, by origin and key. An origin whose calls have changed something is left out at once. */
  readonly #attempts = new Map<string, Map<string, Attempt>>();
  #size = 0;
  #led = 0;
  #joined = 0;
  separated = 0;

  constructor(options: CoalesceOptions, { clock, observer }: CoalesceParts) {
    this.options = options;
    this.clock = clock;
    this.due = new DueList(clock);
    this.#observer = observer;
    this.#ignored = new Set(options.ignore);
  }

  send(call: Call, next: Send): Promise<Reply> {
    const key = this.#keyOf(call);
    if (key === undefined) return SAFE.has(call.method) ? next(call) : this.#changing(call, next);
    const known = this.#attempts.get(call.origin.key)?.get(key);
    if (known === undefined) return this.#size < this.options.attemptsMax ? this.#lead(call, next, key) : next(call);
    if (!known.admits(call, next)) return next(call);
    this.#joined++;
    this.#observer.coalesced?.({ ...factOf(call), parties: known.parties.size + 1 });
    return known.join(call).reply;
  }

  /** It can be joined no more. Once is enough. */
  seal(attempt: Attempt): void {
    const { origin } = attempt.first;
    const ofOrigin = this.#attempts.get(origin.key);
    if (ofOrigin?.get(attempt.key) !== attempt) return;
    ofOrigin.delete(attempt.key);
    this.#size--;
    if (ofOrigin.size === 0) this.#attempts.delete(origin.key);
  }

  snapshot(): CoalesceSnapshot {
    return { attempts: this.#size, led: this.#led, joined: this.#joined, separated: this.separated };
  }

  #lead(call: Call, next: Send, key: string): Promise<Reply> {
    this.#led++;
    const attempt = new Attempt(this, next, call, key);
    let ofOrigin = this.#attempts.get(call.origin.key);
    if (ofOrigin === undefined) this.#attempts.set(call.origin.key, (ofOrigin = new Map()));
    ofOrigin.set(key, attempt);
    this.#size++;
    const { reply } = attempt.join(call);
    attempt.start(call);
    return reply;
  }

  /** What was asked before may be answered as it was before: those who ask from now on want to know how it is now. */
  #changing(call: Call, next: Send): Promise<Reply> {
    const changed = () => {
      this.#size -= this.#attempts.get(call.origin.key)?.size ?? 0;
      this.#attempts.delete(call.origin.key);
    };
    changed();
    return next(call).finally(changed);
  }

  #keyOf(call: Call): string | undefined {
    if (!call.traits.idempotent || call.signal?.aborted) return undefined;
    const { key } = this.options;
    if (key !== undefined) {
      const own = key(call);
      return own === undefined ? undefined : `${call.section}\n${own}`;
    }
    if ((call.method !== 'GET' && call.method !== 'HEAD') || call.body !== undefined) return undefined;
    return `${call.section}\n${call.method} ${call.path}\n${this.#fieldsOf(call)}`;
  }

  #fieldsOf({ headers }: Call): string {
    const differs = [...this.#ignored].some((name) => headers.has(name));
    return differs ? headers.without((name) => this.#ignored.has(name)).text : headers.text;
  }
}
