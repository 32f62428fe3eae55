/**
 * Rate limits that can be entered before a call exists: an order is signed after every limit has let it pass, so that
 * its time is the time of sending. Whatever else is called waits in the client, in the same limits.
 */
import { Buffer } from 'node:buffer';
import type { ReadyLimit } from '../../clients/resilience.ts';
import type { Call, Send } from '../../core/call.ts';
import { nextCallId } from '../../core/call-fact.ts';
import type { Clock } from '../../core/clock.ts';
import { Fields } from '../../core/fields.ts';
import type { Observer } from '../../core/observer.ts';
import { originOf } from '../../core/origin.ts';
import { Reply } from '../../core/reply.ts';
import { type RateLimitPolicy, rateLimit } from '../../policies/rate-limit.ts';
import type { RateLimit, RateLimitOptions } from '../../policies/rate-options.ts';
import type { Instant } from './server-time.ts';
import type { ExchangeLimits, Window } from './settle.ts';

export interface Entry {
  readonly method: string;
  /** As the client sends it, base path included. */
  readonly path: string;
  readonly section: string;
  readonly signal?: AbortSignal | undefined;
  readonly deadlineAt: number;
}

export interface GateParts {
  readonly clock: Clock;
  readonly observer: Observer;
  /** Whether a call is signed by its body: it enters here rather than in the client. */
  isSigned(call: Pick<Call, 'method' | 'path'>): boolean;
  /** Whether a refusal says that too much is asked, whatever its status: it is told as 429, which the limits heed. */
  isSlow(text: string): boolean;
  /** Told of every reply, and of when its call was sent. Must not throw. */
  heard(reply: Reply, sent: Instant): void;
}

export class Gate {
  readonly #limit: RateLimitPolicy;
  readonly #clock: Clock;
  readonly #origin: URL;
  /** The same limits for the client, which lets pass what has entered here. */
  readonly forClient: ReadyLimit;

  constructor(options: RateLimitOptions, origin: URL, parts: GateParts) {
    this.#limit = rateLimit(options, parts);
    this.#clock = parts.clock;
    this.#origin = origin;
    const policy = (next: Send): Send => {
      const through = async (call: Call): Promise<Reply> => {
        const sent = { wall: parts.clock.wall(), now: parts.clock.now() };
        const reply = await next(call);
        parts.heard(reply, sent);
        return reply.status >= 400 && reply.status < 500 && reply.status !== 429 ? slowed(reply, parts) : reply;
      };
      const limited = this.#limit(through);
      return (call) => (parts.isSigned(call) ? through(call) : limited(call));
    };
    this.forClient = Object.assign(policy, {
      snapshot: () => this.#limit.snapshot(),
      close: () => this.#limit.close(),
    });
  }

  /** Runs `send` as soon as every limit admits it. @throws NetError `SATURATED`, `ABORTED`, `DEADLINE`, `CLOSED` */
  enter(entry: Entry, send: () => Promise<Reply>): Promise<Reply> {
    return this.#limit(() => send())({
      id: nextCallId(),
      origin: originOf(this.#origin),
      headers: Fields.of({}),
      body: undefined,
      startedAt: this.#clock.now(),
      limits: NO_LIMITS,
      traits: { idempotent: false },
      attempt: 1,
      ...entry,
      signal: entry.signal,
    });
  }
}

/** Unused: what is sent in the end has limits of its own. */
const NO_LIMITS = { queueMs: Infinity, firstByteMs: Infinity, betweenBytesMs: Infinity, bodyBytesMax: Infinity };

/** A refusal is small, and read here for those above. */
async function slowed(reply: Reply, { isSlow }: GateParts): Promise<Reply> {
  const { status, headers, socketId, reused } = reply;
  const text = await reply.text();
  const read = new Reply(isSlow(text) ? 429 : status, headers, Buffer.from(text), false, socketId, reused);
  read.from = reply.from;
  return read;
}

/** For each kind of limit, whether a call counts in it. @param base what stands before every path */
export type Counts<Kind extends string> = Readonly<Record<Kind, (call: Call, base: string) => boolean>>;

/**
 * Limits as one stack: a call counts in those that are about it, and starts when all of them admit it. A kind called
 * `…PerAccount`, or `perAccount`, holds for each account by itself. The narrowest stand first: when the exchange says
 * that it is asked too much and not by whom, the first that counts the call is what pauses.
 */
export function stacked<Kind extends string>(
  table: Readonly<Record<Kind, readonly Window[]>>,
  given: ExchangeLimits<Kind>,
  counts: Counts<Kind>,
  base: string,
): RateLimitOptions {
  const kinds = Object.keys(table) as Kind[];
  const rest = Object.entries(given).filter(([name]) => !Object.hasOwn(table, name));
  const limits = kinds.flatMap((kind) =>
    (given[kind] ?? table[kind]).map(
      (window): RateLimit => ({
        ...window,
        name: `${kind} ${window.limit} per ${window.windowMs} ms`,
        weight: (call) => (counts[kind](call, base) ? 1 : 0),
        ...(/PerAccount$/i.test(kind) && { key: (call: Call) => call.section }),
      }),
    ),
  );
  return { ...Object.fromEntries(rest), limits };
}
