/**
 * Channels over one WebSocket connection, opened when somebody subscribes; when it is lost, opened again, with what was
 * missed asked for by REST and what came twice told once.
 *
 *   subscriber ──▶ share ──▶ onward ──▶ resume ──▶ channel ──▶ connection
 *
 *   none ──▶ opening ──▶ open ──▶ gone ──▶ (a rest, longer with each failure in a row) opening …
 *              │          └ nothing subscribed: closed
 *              └ refused: opening with another key, REFUSALS_MAX in a row; then every subscription ends with the reason
 *
 * Invariants:
 *   (1) At most one connection is open or being opened.
 *   (2) When it is gone, every channel on it has ended with the reason; each is subscribed to anew on the next.
 *   (3) A message goes to the channel it names; what names none of ours is dropped.
 *   (4) While it is open, `ping` is said every `pingMs`.
 *   (5) Who cannot be reached is tried for ever; who refuses us, no more often than REFUSALS_MAX in a row.
 */
import { fullJitter } from '../../algo/backoff.ts';
import type { ClientOptions } from '../../clients/client-options.ts';
import { guarded } from '../../clients/facts.ts';
import { networkOf } from '../../clients/network.ts';
import { type Clock, type Random, systemClock, systemRandom } from '../../core/clock.ts';
import type { Continuity, Found } from '../../core/continuity.ts';
import { NetError } from '../../core/error.ts';
import { Fields } from '../../core/fields.ts';
import { Mailbox } from '../../core/mailbox.ts';
import { originOf } from '../../core/origin.ts';
import { sleep } from '../../core/sleep.ts';
import type { Message, Stream, Subscribe, Topic } from '../../core/subscribe.ts';
import { WebSocketEngine } from '../../engines/websocket/engine.ts';
import { WEBSOCKET_DEFAULTS } from '../../engines/websocket/options.ts';
import type { DnsCache } from '../../net/dns.ts';
import { resume } from '../../policies/resume.ts';
import { SHARE_DEFAULTS, type Share, share } from '../../policies/share.ts';
import { Connection, type FeedWords } from './feed-connection.ts';
import { onward, type StandingOf } from './onward.ts';

export type FeedOptions = Pick<
  ClientOptions,
  'tls' | 'connect' | 'dns' | 'proxy' | 'socketPath' | 'connector' | 'observer' | 'clock' | 'random'
>;

export interface FeedPlan {
  /** As facts say it. */
  readonly name: string;
  /** Where to connect now; asked each time, as it may hold a key that is fresh. */
  readonly url: () => Promise<string>;
  readonly words: FeedWords;
  readonly pingMs: number;
  /** How the messages of a channel hang together. */
  readonly continuityOf: (channel: string) => Continuity;
  /** Of channels whose messages tell how something stands: which of two is the later. */
  readonly standingOf?: StandingOf | undefined;
  /** Told when the peer did not let us in: the next connection should come with another key. */
  readonly refused?: (() => void) | undefined;
}

/** As the defaults of the subscriptions of JSON-RPC: at once, then up to 10 s. */
const REST_BASE_MS = 100;
const REST_CAP_MS = 10_000;
/** Connections in a row that are refused, each with a key of its own: then it is not the key. */
const REFUSALS_MAX = 3;
/** Messages a channel may be behind. */
const BEHIND_MAX = 10_000;

export class Feed {
  readonly #plan: FeedPlan;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #engine: WebSocketEngine;
  readonly #dns: DnsCache;
  readonly #share: Share;
  readonly #subscribe: Subscribe;
  readonly #ending = new AbortController();
  #connection: Promise<Connection> | undefined;
  #failures = 0;
  #refusals = 0;

  constructor(plan: FeedPlan, options: FeedOptions) {
    this.#plan = plan;
    const clock = options.clock ?? systemClock;
    const observer = options.observer === undefined ? {} : guarded(options.observer);
    this.#clock = clock;
    this.#random = options.random ?? systemRandom;
    const { dns, dialler } = networkOf(options, clock, observer);
    this.#dns = dns;
    this.#engine = new WebSocketEngine(WEBSOCKET_DEFAULTS, { clock, observer, dialler });
    this.#share = share(SHARE_DEFAULTS, { clock, observer });
    const continuityOf = ({ key }: Topic): Continuity => plan.continuityOf(key);
    const open = (topic: Topic, resumed: boolean, signal?: AbortSignal) => this.#open(topic, resumed, signal);
    const { standingOf } = plan;
    const resumed = resume({ open, continuityOf, clock, observer });
    this.#subscribe = this.#share.policy(standingOf === undefined ? resumed : onward(standingOf)(resumed));
  }

  /** Connections opened so far and still there. */
  get sockets() {
    return this.#engine.sockets.lives();
  }

  /** The messages of a channel from now on. @throws by its iterator: `ABORTED`, `CLOSED`, or the peer's refusal */
  subscribe<T>(channel: string, signal?: AbortSignal): AsyncIterable<Message<T>> {
    const topic: Topic = { key: channel, name: channel.split(/[@.]/)[0]!, method: channel, params: undefined };
    return this.#subscribe(topic, signal) as AsyncIterable<Message<T>>;
  }

  /** Ends all subscriptions with `CLOSED`. Twice is harmless. */
  close(): void {
    const error = new NetError('CLOSED', `the streams of ${this.#plan.name} were closed`, { reach: 'answered' });
    this.#ending.abort(error);
    this.#share.close(error);
    this.#engine.close();
    this.#dns.close();
  }

  async #open(topic: Topic, _resumed: boolean, signal: AbortSignal | undefined): Promise<Stream> {
    const givenUp = signal === undefined ? this.#ending.signal : AbortSignal.any([signal, this.#ending.signal]);
    for (;;) {
      if (givenUp.aborted) throw NetError.from(givenUp.reason);
      try {
        const connection = await orGivenUp((this.#connection ??= this.#connect()), givenUp);
        const mailbox = new Mailbox(BEHIND_MAX);
        await orGivenUp(connection.join(topic.key, mailbox), givenUp);
        this.#failures = 0;
        return streamOf(this.#plan.name, mailbox, () => connection.leave(topic.key, mailbox));
      } catch (thrown) {
        const error = NetError.from(thrown);
        if (givenUp.aborted || error.code === 'RPC' || error.code === 'INVALID') throw error;
        this.#failures++;
        const restMs = fullJitter(REST_BASE_MS, REST_CAP_MS, this.#failures, this.#random);
        await sleep(this.#clock, restMs, givenUp).catch(() => undefined); // seen by the loop
      }
    }
  }

  #connect(): Promise<Connection> {
    let connecting: Promise<Connection> | undefined;
    // It may be told more than once, and late: by then another may stand in its place.
    const gone = (): void => {
      if (this.#connection === connecting) this.#connection = undefined;
    };
    connecting = this.#dial(gone);
    return connecting;
  }

  async #dial(gone: () => void): Promise<Connection> {
    const { url, words, pingMs } = this.#plan;
    try {
      const place = new URL(await url());
      const connection = new Connection(words, pingMs, this.#clock, gone);
      const path = place.pathname + place.search;
      const where = { origin: originOf(httpOf(place)), path, fields: Fields.of({}) };
      connection.opened(await this.#engine.open(where, connection, this.#ending.signal));
      await connection.greeted().catch((thrown: unknown) => {
        connection.close();
        throw thrown;
      });
      this.#refusals = 0;
      return connection;
    } catch (thrown) {
      gone();
      const error = NetError.from(thrown);
      throw isRefusal(error) ? this.#refused(error) : error;
    }
  }

  /** `RPC` once it is final, as a channel that is refused. */
  #refused(cause: NetError): NetError {
    this.#plan.refused?.();
    const final = ++this.#refusals >= REFUSALS_MAX;
    const times = `${this.#refusals} times in a row, each time with a key of its own (at most ${REFUSALS_MAX})`;
    if (final) this.#refusals = 0; // who subscribes after this is another matter
    const message = `the streams of ${this.#plan.name} were refused ${times}: ${cause.message}`;
    return new NetError(final ? 'RPC' : 'STATUS', message, { reach: 'answered', status: cause.status, cause });
  }
}

/** It was heard, and we were not let in: by the greeting, the handshake, or who gives out the keys. */
function isRefusal({ code, status = 0 }: NetError): boolean {
  if (code === 'RPC') return true;
  return code === 'STATUS' && status >= 400 && status < 500 && ![408, 425, 429].includes(status);
}

/** What stands by now is all there is to say of what was missed. */
export const asItStands = (values: readonly unknown[]): Found => ({
  ...{ values, from: undefined, to: undefined, complete: true, joins: true },
});

/** Origins are those of HTTP: a WebSocket connection begins as one. */
function httpOf(url: URL): URL {
  const http = new URL(url);
  return new URL(http.href.replace(/^ws/, 'http'));
}

function streamOf(endpoint: string, mailbox: Mailbox, leave: () => void): Stream {
  return {
    endpoint,
    ask: () => Promise.reject(new NetError('INVALID', 'what was missed is asked for by REST', { reach: 'unsent' })),
    leave,
    [Symbol.asyncIterator]: () => ({
      next: () => mailbox.next(),
      return() {
        leave();
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
}

function orGivenUp<T>(waited: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(NetError.from(signal.reason));
    if (signal.aborted) {
      waited.catch(() => undefined);
      return aborted();
    }
    signal.addEventListener('abort', aborted, { once: true });
    waited.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}
