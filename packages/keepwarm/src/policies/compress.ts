/**
 * Compresses what is sent, for origins that are known to take it: nothing in HTTP/1.1 says so beforehand, so it is
 * never done unasked. An origin that turns out not to take it gets the body once more as it was, and others as they are
 * from then on.
 *
 *   untried ──a good answer──▶ takes it
 *      └──────415, 501; 400 where safe──▶ sent again as it was ──another answer──▶ refuses it, for `refusedMs`
 *
 * Invariants:
 *   (1) What is sent is the body the caller gave, in exactly the coding its fields name, with its length where known;
 *       or it is untouched: when its caller encoded it, when its fields vouch for its bytes, when it would not get
 *       smaller.
 *   (2) A call is sent again at most once, after an answer that refused it, and after 400 only if it may be repeated.
 *
 * Stands above retry, so that a body is compressed once. A call it leaves alone costs a few comparisons.
 */
import { type Call, isRepeatable, mayRepeat, type Policy, type Send } from '../core/call.ts';
import { factOf } from '../core/call-fact.ts';
import type { Clock } from '../core/clock.ts';
import { drain } from '../core/drain.ts';
import { DueList } from '../core/due.ts';
import { Fields } from '../core/fields.ts';
import type { Observer } from '../core/observer.ts';
import type { Reply } from '../core/reply.ts';
import { type Coding, encode, encodeAtOnce, encodedProducer } from './encode.ts';

export interface CompressOptions {
  readonly coding: Coding;
  /** Origins whose calls are compressed, such as `https://api.example.com`; or all that calls go to. */
  readonly origins: readonly string[] | 'all';
  /** Smaller bodies are sent as they are, in bytes. */
  readonly bytesMin: number;
  /** Whether streams are compressed as well. Their length is not known then, and some servers ask for it (411). */
  readonly streams: boolean;
  /** How long an origin that refused is not asked again, in ms. */
  readonly refusedMs: number;
}

/**
 * Where each comes from:
 *  - `coding` gzip: what a server that takes any takes (RFC 9110 § 8.4.1.3).
 *  - `origins` none: see above.
 *  - `bytesMin` 1 KiB: the network stack design this library grew from. Less goes out in one packet anyway.
 *  - `streams` off, `refusedMs` 1 h: ours; servers change with their releases.
 */
export const COMPRESS_DEFAULTS: CompressOptions = {
  coding: 'gzip',
  origins: [],
  bytesMin: 1_024,
  streams: false,
  refusedMs: 3_600_000,
};

export interface CompressParts {
  readonly clock: Clock;
  readonly observer: Observer;
}

export interface CompressSnapshot {
  /** Bodies compressed, and their bytes before and after; streams are not counted in bytes. */
  readonly bodies: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Origins that refuse it at the moment. */
  readonly refusing: readonly string[];
}

export interface Compress extends Policy {
  snapshot(): CompressSnapshot;
}

export function compress(options: CompressOptions, parts: CompressParts): Compress {
  const press = new Press(options, parts);
  const policy: Policy = (next) => (call) => press.send(call, next);
  return Object.assign(policy, { snapshot: () => press.snapshot() });
}

/** Bodies up to this size are compressed at once: it takes less than handing them to a thread and back. */
const AT_ONCE_BYTES = 16 * 1024;
/** Origins about which something is remembered. */
const ORIGINS_MAX = 1_000;

/** Fields that say in which coding the body is already, or that vouch for its bytes as they are. */
const SETTLED = [
  'content-encoding',
  'content-range',
  'content-md5',
  'content-digest',
  'repr-digest',
  'digest',
  'signature',
];

class Press {
  readonly #options: CompressOptions;
  readonly #clock: Clock;
  readonly #observer: Observer;
  readonly #due: DueList;
  readonly #origins: ReadonlySet<string> | undefined;
  /** Origins that have answered: with when they are to be asked again; 0 for those that take it. */
  readonly #known = new Map<string, number>();
  /** A client sends the same fields again and again, and an engine writes those it knows faster. */
  readonly #fields = new WeakMap<Fields, Fields>();
  #bodies = 0;
  #bytesBefore = 0;
  #bytesAfter = 0;

  constructor(options: CompressOptions, { clock, observer }: CompressParts) {
    this.#options = options;
    this.#clock = clock;
    this.#observer = observer;
    this.#due = new DueList(clock);
    this.#origins = options.origins === 'all' ? undefined : new Set(options.origins);
  }

  send(call: Call, next: Send): Promise<Reply> {
    const { body } = call;
    if (body === undefined || !this.#applies(call)) return next(call);
    const { bytesMin, coding, streams } = this.#options;
    if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
      if (!streams || (body.bytes ?? bytesMin) < bytesMin) return next(call);
      return this.#run(
        call,
        { ...call, headers: this.#named(call.headers), body: encodedProducer(coding, body) },
        next,
      );
    }
    if (body.length * (typeof body === 'string' ? BYTES_PER_UNIT_MAX : 1) < bytesMin) return next(call);
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    if (bytes.length < bytesMin) return next(call);
    if (bytes.length <= AT_ONCE_BYTES) return this.#encoded(call, bytes, encodeAtOnce(coding, bytes), next);
    return encode(coding, bytes, call, this.#due).then((encoded) => this.#encoded(call, bytes, encoded, next));
  }

  snapshot(): CompressSnapshot {
    const now = this.#clock.now();
    return {
      bodies: this.#bodies,
      bytesBefore: this.#bytesBefore,
      bytesAfter: this.#bytesAfter,
      refusing: [...this.#known].filter(([, until]) => until > now).map(([origin]) => origin),
    };
  }

  #applies({ origin, headers }: Call): boolean {
    if (this.#origins !== undefined && !this.#origins.has(origin.key)) return false;
    if ((this.#known.get(origin.key) ?? 0) > this.#clock.now()) return false;
    return !SETTLED.some((name) => headers.has(name));
  }

  #encoded(call: Call, bytes: Uint8Array, encoded: Uint8Array, next: Send): Promise<Reply> {
    if (encoded.length >= bytes.length) return next(call);
    this.#bytesBefore += bytes.length;
    this.#bytesAfter += encoded.length;
    return this.#run(call, { ...call, headers: this.#named(call.headers), body: encoded }, next);
  }

  #named(headers: Fields): Fields {
    let named = this.#fields.get(headers);
    if (named === undefined) {
      const rest = headers.without((name) => name === 'content-length'); // it was that of the body as it was
      named = Fields.of({ 'content-encoding': this.#options.coding }).over(rest);
      this.#fields.set(headers, named);
    }
    return named;
  }

  #run(call: Call, sent: Call, next: Send): Promise<Reply> {
    this.#bodies++;
    return next(sent).then((reply) => {
      const { status } = reply;
      if (status === 415 || status === 501 || status === 400) return this.#refused(call, reply, next);
      if (status < 400) this.#remember(call, 0);
      return reply;
    });
  }

  /** Whether it is the coding that was refused shows when the body is sent as it was. */
  #refused(call: Call, reply: Reply, next: Send): Reply | Promise<Reply> {
    const taken = codingsOf(reply.headers.get('accept-encoding'));
    if (taken?.has(this.#options.coding)) return reply; // RFC 9110 § 15.5.16: so it is something else
    const tried = this.#known.get(call.origin.key) === 0;
    if (reply.status === 400 && (tried || !mayRepeat(call))) return reply;
    if (taken !== undefined || (reply.status === 415 && !tried && !isRepeatable(call.body))) this.#refuses(call, reply);
    if (!isRepeatable(call.body)) return reply;
    drain(reply);
    return next(call).then((plain) => {
      if (plain.status !== reply.status && taken === undefined) this.#refuses(call, reply);
      return plain;
    });
  }

  #refuses(call: Call, { status }: Reply): void {
    this.#remember(call, this.#clock.now() + this.#options.refusedMs);
    this.#observer.compressionRefused?.({ ...factOf(call), status });
  }

  #remember({ origin }: Call, until: number): void {
    if (this.#known.get(origin.key) === until) return;
    this.#known.delete(origin.key);
    this.#known.set(origin.key, until);
    if (this.#known.size > ORIGINS_MAX) for (const [oldest] of this.#known) return void this.#known.delete(oldest);
  }
}

/** A UTF-16 unit becomes at most three bytes of UTF-8. */
const BYTES_PER_UNIT_MAX = 3;

/** What `Accept-Encoding` in a reply says the peer takes (RFC 9110 § 12.5.3); nothing when it says nothing. */
function codingsOf(field: string | undefined): ReadonlySet<string> | undefined {
  if (field === undefined) return undefined;
  const taken = new Set<string>();
  for (const part of field.toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((each) => each.trim());
    if (!parameters.some((each) => /^q=0(?:\.0*)?$/.test(each))) taken.add(name);
  }
  return taken;
}
