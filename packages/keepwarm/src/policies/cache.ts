/**
 * Keeps answers to GET for as long as their senders say, and validates them afterwards, as RFC 9111 describes for a
 * private cache: what is fresh costs no call at all, what is unchanged no body.
 *
 *   GET ──nothing kept──▶ call ──▶ kept if it may be
 *    ├──fresh──▶ what is kept
 *    ├──stale, within stale-while-revalidate──▶ what is kept; validated meanwhile
 *    └──stale──▶ conditional call ──304──▶ what is kept, its fields brought up to date
 *                    ├──another answer──▶ that, in its place
 *                    └──failed, within stale-if-error──▶ what is kept
 *
 * Invariants:
 *   (1) An answer is used only for calls alike in section, origin, path and all header fields but those in `ignore`:
 *       what `Vary` may name is the same, and nobody gets what was for other credentials, in whatever field they came.
 *   (2) Credentials are kept as a hash only.
 *   (3) Nothing is fresh by guess: without `max-age` or `Expires` each use is validated, where there is a validator.
 *   (4) What was asked for before a call that changed the address ended is not used after it (§ 4.4).
 *   (5) Each caller gets bytes of its own. The bounds are those of the store.
 */
import { createHash } from 'node:crypto';
import type { Call, Policy, Send } from '../core/call.ts';
import { factOf } from '../core/call-fact.ts';
import type { Clock } from '../core/clock.ts';
import { drain } from '../core/drain.ts';
import { Fields } from '../core/fields.ts';
import type { CacheUse, Observer } from '../core/observer.ts';
import { Reply } from '../core/reply.ts';
import { ReplyFields } from '../core/reply-fields.ts';
import type { CacheControl } from './cache-control.ts';
import { concerns, freshened, storable, storedFields, termsOf, usableOnError, useOf, wishesOf } from './cache-rules.ts';
import { CacheEntry, CacheStore } from './cache-store.ts';
import { Tee } from './tee.ts';

export interface CacheOptions {
  /** Answers kept. */
  readonly entriesMax: number;
  /** What all of them may take, in bytes, bodies as the callers get them. */
  readonly bytesMax: number;
  /** Larger bodies are not kept, in bytes. */
  readonly bodyBytesMax: number;
  /** Header fields, in lower case, that may differ. An answer that varies with one of them is not kept. */
  readonly ignore: readonly string[];
  /** Which calls are looked at; all when left out. */
  readonly only?: (call: Call) => boolean;
}

/** All ours: a small cache in one process's memory. `ignore`: the fields of W3C Trace Context, which always differ. */
export const CACHE_DEFAULTS: CacheOptions = {
  entriesMax: 1_000,
  bytesMax: 16 * 1024 * 1024,
  bodyBytesMax: 1024 * 1024,
  ignore: ['traceparent', 'tracestate'],
};

export interface CacheParts {
  readonly clock: Clock;
  readonly observer: Observer;
}

export interface CacheSnapshot {
  readonly entries: number;
  readonly bytes: number;
  /** Calls by what came of them: answered from what was kept, by how; or by a call, with nothing kept. */
  readonly fresh: number;
  readonly stale: number;
  readonly validated: number;
  readonly missed: number;
  /** Validations beside a stale answer that failed. */
  readonly revalidationsFailed: number;
}

export interface Cache extends Policy {
  snapshot(): CacheSnapshot;
  /** Forgets everything; what is under way is not kept either. */
  clear(): void;
}

export function cache(options: CacheOptions, parts: CacheParts): Cache {
  const keeper = new Keeper(options, parts);
  const policy: Policy = (next) => (call) => keeper.send(call, next);
  return Object.assign(policy, { snapshot: () => keeper.snapshot(), clear: () => keeper.store.clear() });
}

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
/** Answers that say that the peer failed, not that it knows better (RFC 5861 § 4). */
const FAILED: ReadonlySet<number> = new Set([500, 502, 503, 504]);
/** Answers to a validation after which what was kept is of no use; others, such as 429, are about this one call. */
const OUSTING: ReadonlySet<number> = new Set([200, 203, 204, 206, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414]);

class Keeper {
  readonly store: CacheStore;
  readonly #options: CacheOptions;
  readonly #clock: Clock;
  readonly #observer: Observer;
  readonly #ignored: ReadonlySet<string>;
  /** A client sends the same fields again and again. */
  readonly #hashes = new WeakMap<Fields, string>();
  readonly #counts = { fresh: 0, stale: 0, validated: 0, missed: 0, revalidationsFailed: 0 };

  constructor(options: CacheOptions, { clock, observer }: CacheParts) {
    this.store = new CacheStore(options.entriesMax, options.bytesMax);
    this.#options = options;
    this.#clock = clock;
    this.#observer = observer;
    this.#ignored = new Set([...options.ignore, 'cache-control', 'pragma']);
  }

  snapshot(): CacheSnapshot {
    return { entries: this.store.entries, bytes: this.store.bytes, ...this.#counts };
  }

  send(call: Call, next: Send): Promise<Reply> {
    if (!SAFE.has(call.method)) return this.#changing(call, next);
    if (!concerns(call) || this.#options.only?.(call) === false) return next(call);
    const wishes = wishesOf(call);
    if (wishes.has('no-store')) return next(call);
    const entry = this.store.find(addressOf(call), this.#keyOf(call));
    if (entry === undefined || entry.body.length > call.limits.bodyBytesMax) {
      if (wishes.has('only-if-cached')) return Promise.resolve(notKept());
      this.#counts.missed++;
      return this.#fetch(call, next, wishes);
    }
    const use = useOf(entry.terms, entry.ageMs(this.#clock.now()), wishes);
    if (use === 'validate') {
      if (wishes.has('only-if-cached')) return Promise.resolve(notKept());
      return this.#validate(call, next, wishes, entry);
    }
    if (use === 'while-revalidate') this.#revalidate(call, next, wishes, entry);
    return Promise.resolve(this.#serve(call, entry, use === 'fresh' && this.#isFresh(entry) ? 'fresh' : 'stale'));
  }

  #isFresh(entry: CacheEntry): boolean {
    return entry.ageMs(this.#clock.now()) < entry.terms.lifetimeMs;
  }

  #serve(call: Call, entry: CacheEntry, use: CacheUse): Reply {
    this.#counts[use]++;
    this.#observer.cacheUsed?.({ ...factOf(call), use });
    const { status, headers, body } = entry;
    const seconds = Math.floor(entry.ageMs(this.#clock.now()) / 1_000);
    const aged = ReplyFields.of([...headers.without('age').list, ['Age', String(seconds)]], headers.reason);
    return new Reply(status, aged, Buffer.from(body), false, 0, true);
  }

  /** The call as it is; what comes back is kept if it may be. */
  #fetch(call: Call, next: Send, wishes: CacheControl): Promise<Reply> {
    const moment = this.store.moment;
    const sentAt = this.#clock.now();
    return next(call).then((reply) => this.#arrived(call, reply, wishes, moment, sentAt));
  }

  #arrived(call: Call, reply: Reply, wishes: CacheControl, moment: number, sentAt: number): Reply {
    const storedAt = this.#clock.now();
    const { status, headers } = reply;
    const terms = termsOf(headers, { tookMs: storedAt - sentAt, wallMs: this.#clock.wall() });
    if (reply.movedTo !== undefined || !storable(wishes, reply, terms, this.#ignored)) return reply;
    const address = addressOf(call);
    const keep = (body: Uint8Array) => {
      if (body.length > this.#options.bodyBytesMax || !this.store.unchanged(address, moment)) return;
      const key = this.#keyOf(call);
      this.store.keep(new CacheEntry({ address, key, status, body, headers: storedFields(headers), terms, storedAt }));
    };
    const body = reply.take();
    if (body instanceof Uint8Array) {
      keep(Buffer.from(body));
      return reply.with(body);
    }
    const tooLarge = body.bytesExpected > this.#options.bodyBytesMax;
    return reply.with(tooLarge ? body : new Tee(body, this.#options.bodyBytesMax, keep));
  }

  #validate(call: Call, next: Send, wishes: CacheControl, entry: CacheEntry): Promise<Reply> {
    const usable = () => usableOnError(entry.terms, entry.ageMs(this.#clock.now()), wishes);
    return this.#ask(call, next, wishes, entry).then(
      (reply) => {
        if (reply === undefined) return this.#serve(call, entry, 'validated');
        if (!FAILED.has(reply.status) || !usable()) {
          this.#counts.missed++;
          return reply;
        }
        drain(reply);
        return this.#serve(call, entry, 'stale');
      },
      (error: unknown) => {
        if (call.signal?.aborted || !usable()) throw error;
        return this.#serve(call, entry, 'stale');
      },
    );
  }

  /** Whether what is kept is still good. @returns nothing when it is; otherwise the answer that stands in its place */
  #ask(call: Call, next: Send, wishes: CacheControl, entry: CacheEntry): Promise<Reply | undefined> {
    const moment = this.store.moment;
    const sentAt = this.#clock.now();
    return next(conditional(call, entry)).then((reply) => {
      if (reply.status !== 304) {
        if (OUSTING.has(reply.status)) this.store.forget(entry);
        return this.#arrived(call, reply, wishes, moment, sentAt);
      }
      drain(reply);
      if (!isOf(reply.headers, entry)) {
        this.store.forget(entry);
        return this.#fetch(call, next, wishes);
      }
      if (this.store.unchanged(entry.address, moment)) this.#freshen(entry, reply.headers, sentAt);
      return undefined;
    });
  }

  #freshen(entry: CacheEntry, validated: ReplyFields, sentAt: number): void {
    const now = this.#clock.now();
    entry.headers = freshened(entry.headers, validated);
    // The age and date that were stored are not those of the validation: without its own, it is of this moment.
    const missing = ['age', 'date'].filter((name) => !validated.has(name));
    entry.terms = termsOf(entry.headers.without(...missing), { tookMs: now - sentAt, wallMs: this.#clock.wall() });
    entry.storedAt = now;
  }

  /** Beside an answer that has been given: nobody waits for it, and nobody can abort it. */
  #revalidate(call: Call, next: Send, wishes: CacheControl, entry: CacheEntry): void {
    if (entry.revalidating) return;
    entry.revalidating = true;
    const now = this.#clock.now();
    const deadlineAt = now + (call.deadlineAt - call.startedAt);
    const limits = { ...call.limits, bodyBytesMax: Math.min(call.limits.bodyBytesMax, this.#options.bodyBytesMax) };
    const over = () => void (entry.revalidating = false);
    this.#ask({ ...call, signal: undefined, startedAt: now, deadlineAt, limits }, next, wishes, entry)
      .then((reply) => reply?.bytes()) // read to its end, it is kept
      .then(over, () => {
        over();
        this.#counts.revalidationsFailed++;
      });
  }

  /** Changes the address, unless it was refused (RFC 9111 § 4.4); who knows when there is no answer, or a failure. */
  #changing(call: Call, next: Send): Promise<Reply> {
    return next(call).then(
      (reply) => {
        if (reply.status < 400 || reply.status >= 500) {
          this.store.invalidate(addressOf(call));
          for (const name of ['location', 'content-location']) this.#invalidateAt(call, reply.headers.get(name));
        }
        return reply;
      },
      (error: unknown) => {
        this.store.invalidate(addressOf(call));
        throw error;
      },
    );
  }

  /** Addresses of the same origin only: nobody may have others' answers forgotten. */
  #invalidateAt(call: Call, location: string | undefined): void {
    const url = location === undefined ? null : URL.parse(location, call.origin.key + call.path);
    if (url?.origin === call.origin.key) this.store.invalidate(call.origin.key + url.pathname + url.search);
  }

  #keyOf({ section, headers }: Call): string {
    let hash = this.#hashes.get(headers);
    if (hash === undefined) {
      const { text } = headers.without((name) => this.#ignored.has(name));
      hash = createHash('sha256').update(text).digest('base64');
      this.#hashes.set(headers, hash);
    }
    return `${section}\n${hash}`;
  }
}

const addressOf = ({ origin, path }: Call): string => origin.key + path;

/** The call as a question whether what is kept has changed (RFC 9110 § 13.1); as it is when there is no validator. */
function conditional(call: Call, { headers }: CacheEntry): Call {
  const etag = headers.get('etag');
  const modified = headers.get('last-modified');
  if (etag === undefined && modified === undefined) return call;
  const question = Fields.of({ 'if-none-match': etag, 'if-modified-since': modified });
  return { ...call, headers: question.over(call.headers) };
}

/** Whether a 304 speaks of what is kept: its validator, if it has one, is the same (RFC 9111 § 4.3.4). */
function isOf(validated: ReplyFields, { headers }: CacheEntry): boolean {
  const etag = validated.get('etag');
  return etag === undefined || strong(etag) === strong(headers.get('etag') ?? '');
}

const strong = (etag: string): string => etag.replace(/^W\//, '');

/** The answer to `only-if-cached` when nothing can be used (RFC 9111 § 5.2.1.7). */
function notKept(): Reply {
  return new Reply(504, ReplyFields.of([], 'Gateway Timeout'), new Uint8Array(), false, 0, true);
}
