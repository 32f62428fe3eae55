/**
 * Rate limits that can be entered before a call exists: an order is signed after every limit has let it pass, so that
 * its time is the time of sending. Whatever else is called waits in the client, in the same limits.
 */

import type { ReadyLimit } from '../../clients/resilience.ts';
import type { Call, Send } from '../../core/call.ts';
import { nextCallId } from '../../core/call-fact.ts';
import type { Clock } from '../../core/clock.ts';
import { Fields } from '../../core/fields.ts';
import type { Observer } from '../../core/observer.ts';
import { originOf } from '../../core/origin.ts';
import type { Reply } from '../../core/reply.ts';
import { type RateLimitPolicy, rateLimit } from '../../policies/rate-limit.ts';
import type { RateLimit, RateLimitOptions } from '../../policies/rate-options.ts';

/** One window. Several stand for all of them together. */
export interface Window {
  /** Calls in any window; a whole number ≥ 1. */
  readonly limit: number;
  /** In ms. */
  readonly windowMs: number;
}

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
  /** Told of every reply, and of our wall clock when its call was sent. Must not throw. */
  readonly heard?: ((reply: Reply, sentWall: number) => void) | undefined;
}

export class Gate {
  readonly #limit: RateLimitPolicy;
  readonly #clock: Clock;
  readonly #origin: URL;
  /** The same limits for the client, which lets pass what has entered here. */
  readonly forClient: ReadyLimit;

  /** @param signed whether a call enters here rather than in the client */
  constructor(
    options: RateLimitOptions,
    origin: URL,
    signed: (call: Pick<Call, 'method' | 'path'>) => boolean,
    parts: GateParts,
  ) {
    this.#limit = rateLimit(options, parts);
    this.#clock = parts.clock;
    this.#origin = origin;
    const policy = (next: Send): Send => {
      const { clock, heard } = parts;
      const sent = async (call: Call): Promise<Reply> => {
        const sentWall = clock.wall();
        const reply = await next(call);
        heard?.(reply, sentWall);
        return reply;
      };
      const limited = this.#limit(sent);
      return (call) => (signed(call) ? sent(call) : limited(call));
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

/** Limits for whoever shares our address, and for each section by itself. */
export function stacked(
  perIp: readonly Window[],
  perAccount: readonly Window[],
  of: (call: Call) => boolean = () => true,
): RateLimit[] {
  const named = (what: string, { limit, windowMs }: Window) => `${limit} per ${windowMs} ms ${what}`;
  return [
    ...perIp.map((window) => ({ ...window, name: named('and address', window) })),
    ...perAccount.map((window) => ({
      ...window,
      name: named('and account', window),
      key: (call: Call) => call.section,
      weight: (call: Call) => (call.section !== '' && of(call) ? 1 : 0),
    })),
  ];
}
