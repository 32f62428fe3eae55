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
import type { Clock, Timer } from '../core/clock.ts';
import { DueList } from '../core/due.ts';
import { NetError } from '../core/error.ts';
import type { Observer } from '../core/observer.ts';
import { type BodySource, Reply } from '../core/reply.ts';
import { type Company, Party } from './coalesce-party.ts';
import { ReadAhead } from './read-ahead.ts';

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

class Desk {
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

/** One call under way, and everybody who waits for it. */
class Attempt implements Company {
  readonly key: string;
  readonly first: Call;
  readonly parties = new Set<Party>();
  readonly #desk: Desk;
  readonly #next: Send;
  /** By which the call under way is ended when nobody waits any more; only there when its caller can leave. */
  #controller: AbortController | undefined;
  #body: ReadAhead | undefined;
  #timer: Timer | undefined;

  constructor(desk: Desk, next: Send, first: Call, key: string) {
    this.#desk = desk;
    this.#next = next;
    this.first = first;
    this.key = key;
  }

  admits({ limits }: Call, next: Send): boolean {
    const { queueMs, firstByteMs, betweenBytesMs, bodyBytesMax } = this.first.limits;
    return (
      next === this.#next &&
      this.parties.size < this.#desk.options.partiesMax &&
      (limits === this.first.limits ||
        (limits.queueMs === queueMs &&
          limits.firstByteMs === firstByteMs &&
          limits.betweenBytesMs === betweenBytesMs &&
          limits.bodyBytesMax === bodyBytesMax))
    );
  }

  join(call: Call): Party {
    const party = new Party(call, this);
    this.parties.add(party);
    if (party.dueAt < this.first.deadlineAt) this.#desk.due.join(party);
    return party;
  }

  start(call: Call): void {
    this.#controller = call.signal === undefined ? undefined : new AbortController();
    const sent = this.#controller === undefined ? call : { ...call, signal: this.#controller.signal };
    this.#next(sent).then(
      (answer) => this.#answered(answer),
      (error: unknown) => this.#failed(error),
    );
  }

  left(party: Party, error: NetError): void {
    this.#release(party);
    party.reject(error);
    if (this.parties.size > 0) return;
    this.#desk.seal(this);
    this.#timer?.cancel();
    this.#body?.cancel(error);
    this.#controller?.abort(error.cause ?? error);
  }

  #release(party: Party): void {
    this.parties.delete(party);
    if (party.listed) this.#desk.due.leave(party);
    party.settle();
  }

  #answered(reply: Reply): void {
    this.#desk.seal(this);
    if (this.parties.size === 0) return reply.discard();
    const { headers } = reply;
    const { bodyBytesMax, cookies } = this.#desk.options;
    if (this.parties.size === 1 || (!cookies && headers.has('set-cookie'))) return this.#hand(reply);
    const body = reply.take();
    if (body instanceof Uint8Array) return this.#share(reply, body);
    const endless = headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    this.#readAhead(reply, body, endless || body.bytesExpected > bodyBytesMax);
  }

  #readAhead(reply: Reply, source: BodySource, hopeless: boolean): void {
    const { bodyBytesMax, bodyMs } = this.#desk.options;
    if (hopeless) return this.#hand(withBody(reply, source));
    const body = new ReadAhead(source, bodyBytesMax);
    this.#body = body;
    this.#timer = this.#desk.clock.after(bodyMs, () => body.giveUp());
    const over = () => {
      this.#body = undefined;
      this.#timer?.cancel();
    };
    body.gather({
      whole: (bytes) => {
        over();
        this.#share(reply, bytes);
      },
      live: () => {
        over();
        this.#hand(withBody(reply, body));
      },
      failed: (error) => {
        over();
        this.#failed(error);
      },
    });
  }

  /** A copy of the bytes for each but one. */
  #share(reply: Reply, bytes: Uint8Array): void {
    let own = bytes;
    for (const party of this.parties) {
      this.#release(party);
      party.resolve(withBody(reply, own));
      own = Buffer.from(bytes);
    }
  }

  /** The one who has waited longest gets it as it is; the others ask for themselves. */
  #hand(reply: Reply): void {
    let handed = false;
    for (const party of this.parties) {
      this.#release(party);
      if (handed) this.#desk.separated++;
      party.resolve(handed ? this.#next(party.call) : reply);
      handed = true;
    }
  }

  #failed(thrown: unknown): void {
    this.#desk.seal(this);
    const timeIsUp = thrown instanceof NetError && thrown.code === 'DEADLINE';
    const now = this.#desk.clock.now();
    for (const party of this.parties) {
      this.#release(party);
      if (timeIsUp && party.call.deadlineAt > now) party.resolve(this.#desk.send(party.call, this.#next));
      else party.reject(thrown);
    }
  }
}

function withBody(reply: Reply, body: Uint8Array | BodySource): Reply {
  if (!reply.encoded) return reply.with(body);
  const copy = new Reply(reply.status, reply.headers, body, true, reply.socketId, reply.reused);
  copy.trailers = reply.ending?.trailers ?? reply.trailers;
  if (!(body instanceof Uint8Array)) reply.onEnd(() => copy.finish(reply.ending));
  return reply.movedTo === undefined ? copy : copy.moved(reply.movedTo);
}
