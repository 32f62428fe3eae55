/**
 * The engine of a client: each call goes out over what its origin speaks.
 *
 *   http: origin   ──▶ HTTP/1.1, or HTTP/2 when the option says that it is known to be spoken there
 *   https: origin  ──▶ unknown ──first dial──▶ HTTP/2 or HTTP/1.1, from then on
 *
 * While it is unknown, callers wait for one dial together, however many they are: one session may carry them all. What
 * was learnt is forgotten with the last connection, some time after: a server may learn HTTP/2, or unlearn it.
 */

import type { Relay, Send } from '../core/call.ts';
import { NetError } from '../core/error.ts';
import type { Origin } from '../core/origin.ts';
import { checkText, refused } from '../core/refusal.ts';
import { sending, tell } from '../core/relay.ts';
import type { Reply } from '../core/reply.ts';
import { type EngineOptions, type EngineParts, Http1Engine } from './http1/engine.ts';
import type { PoolSnapshot, WarmUpResult } from './http1/origin-pool.ts';
import { Http1Only } from './http1-only.ts';
import { Http2Engine } from './http2/engine.ts';
import type { SessionOptions } from './http2/options.ts';

/**
 * Which HTTP an origin is spoken to in.
 *  - `never`: HTTP/1.1.
 *  - `allow`, the default: both are offered in the TLS handshake (ALPN), HTTP/1.1 first: HTTP/2 where the server
 *    prefers it.
 *  - `prefer`: both are offered, HTTP/2 first.
 *  - `prior-knowledge`: HTTP/2 and nothing else; on `http:` origins without asking (RFC 9113 § 3.3).
 */
export type Http2Use = 'never' | 'allow' | 'prefer' | 'prior-knowledge';

export interface ProtocolOptions extends EngineOptions {
  readonly http2: Http2Use;
  /** How long a peer may take for its settings once it is connected, in ms. */
  readonly helloMs: number;
  readonly session: SessionOptions;
}

const OFFERS: Readonly<Record<Exclude<Http2Use, 'never'>, readonly string[]>> = {
  allow: ['http/1.1', 'h2'],
  prefer: ['h2', 'http/1.1'],
  'prior-knowledge': ['h2'],
};

export class Engine {
  readonly http1: Http1Engine;
  readonly #http2: Http2Engine | undefined;
  readonly #use: Http2Use;
  readonly #http1Only: Http1Only;
  readonly send: Send;

  constructor(options: ProtocolOptions, parts: EngineParts) {
    const { http2 } = options;
    this.#use = http2;
    this.http1 = new Http1Engine(options, parts);
    this.#http1Only = new Http1Only(parts.clock);
    this.send = this.http1.send;
    if (http2 === 'never') return;
    this.#http2 = new Http2Engine(
      { ...options, protocols: OFFERS[http2] },
      {
        http1: this.http1,
        dialler: parts.dialler,
        starts: parts.starts,
        learnt: (origin, protocol) => this.#learn(origin, protocol),
        isHttp1Only: (origin, section) => !this.#speaksHttp2(origin, section),
      },
    );
    this.send = sending(this.#route, parts.clock);
  }

  readonly #route: Relay = (call, to, now) => {
    if (!this.#speaksHttp2(call.origin, call.section)) return this.http1.relay(call, to, now);
    const reply = new Promise<Reply>((resolve, reject) => this.#http2!.run(call, resolve, reject, now));
    tell(reply, to, this.http1.clock);
  };

  async warmUp(origin: Origin, section: string, count: number): Promise<WarmUpResult> {
    if (!Number.isInteger(count) || count < 0) throw refused('count of warmUp', count, 'a whole number from 0');
    checkText('section of warmUp', section);
    if (!this.#speaksHttp2(origin, section)) return this.http1.warmUp(origin, section, count);
    if (this.http1.closed) throw new NetError('CLOSED', 'the client is draining or closed', CLOSING);
    const result = await this.#http2!.place(origin, section).warmUp(count);
    return this.#speaksHttp2(origin, section) ? result : this.http1.warmUp(origin, section, count);
  }

  /** One entry for each origin and section, and both where both protocols are in use. */
  pools(): PoolSnapshot[] {
    const sessions: PoolSnapshot[] = [];
    for (const place of this.#http2?.places ?? []) {
      const { pool } = place;
      if (pool.size + pool.slotsLent + pool.waiting > 0) sessions.push(place.snapshot());
    }
    return [...this.http1.pools(), ...sessions];
  }

  closeIdle(): number {
    return this.http1.closeIdle() + (this.#http2?.closeIdle() ?? 0);
  }

  /** Takes no more calls; those under way may finish until `deadlineMs` has passed, then everything is closed. */
  async drain(deadlineMs: number): Promise<void> {
    const error = new NetError('CLOSED', 'the client is draining or closed', CLOSING);
    this.#http2?.refuse(error);
    this.http1.refuse(error);
    if (this.http1.due.size > 0 && deadlineMs > 0) await this.http1.untilQuiet(deadlineMs);
    this.close();
  }

  /** Ends everything now. */
  close(): void {
    this.#http2?.shut(new NetError('CLOSED', 'the client was closed', CLOSING));
    this.http1.close();
    this.#http2?.close();
  }

  #speaksHttp2(origin: Origin, section: string): boolean {
    if (this.#http2 === undefined) return false;
    if (!origin.secure) return this.#use === 'prior-knowledge';
    return !this.#http1Only.has(origin.key, () => this.http1.pool(origin, section).pool.size > 0);
  }

  #learn(origin: Origin, protocol: 'h2' | 'http/1.1' | 'http/1.1 only'): void {
    if (protocol === 'h2') this.#http1Only.forget(origin.key);
    else if (protocol === 'http/1.1') this.#http1Only.note(origin.key);
    else this.#http1Only.require(origin.key);
  }
}

const CLOSING = { reach: 'unsent', phase: 'closing' } as const;
