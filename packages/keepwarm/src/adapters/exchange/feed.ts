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
 *   (1) At most one connection is open or being opened; where messages do not name their channel, one for each lane
 *       (feed-lanes.ts).
 *   (2) When it is gone, every channel on it has ended with the reason; each is subscribed to anew on the next.
 *   (3) A message goes to the channel it names; what names none of ours is dropped.
 *   (4) While it is open, `ping` is said every `pingMs`.
 *   (5) A channel that is subscribed anew for what its messages were rests before, longer each time within a minute.
 *   (6) Who cannot be reached is tried for ever; who refuses us, no more often than REFUSALS_MAX in a row.
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
import type { Message, Stream, StreamObserver, Subscribe, Topic } from '../../core/subscribe.ts';
import { WebSocketEngine } from '../../engines/websocket/engine.ts';
import { WEBSOCKET_DEFAULTS } from '../../engines/websocket/options.ts';
import type { DnsCache } from '../../net/dns.ts';
import { resume } from '../../policies/resume.ts';
import { SHARE_DEFAULTS, type Share, share } from '../../policies/share.ts';
import { Connection, type FrameCounts } from './feed-connection.ts';
import { type Apart, type Lane, Lanes } from './feed-lanes.ts';
import { Spoilt } from './feed-spoilt.ts';
import type { FeedWords, Thread, Wholes } from './feed-words.ts';
import { onward, type StandingOf } from './onward.ts';
import { orGivenUp } from './waited.ts';
import { whole } from './whole.ts';

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
  /** Channels that tell a whole and then its changes. */
  readonly wholes?: Wholes | undefined;
  readonly pingMs: number;
  /** How the messages of a channel hang together. */
  readonly continuityOf: (channel: string) => Continuity;
  /** Of channels whose messages tell how something stands: which of two is the later. */
  readonly standingOf?: StandingOf | undefined;
  /** Where messages do not name their channel. Without it, all share a connection. */
  readonly apart?: Apart | undefined;
  /**
   * Told when the peer did not let us in: the next connection should come with another key.
   *
   * @param url where it was asked @returns whether it was for what is not asked for any more: it does not count then
   */
  readonly refused?: ((error: NetError, url: string) => boolean) | undefined;
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
  readonly #lanes: Lanes<Connection>;
  readonly #counts: FrameCounts = { read: 0, unknown: 0, malformed: 0 };
  readonly #unread: StreamObserver;
  readonly #spoilt = new Spoilt();
  /** Of each channel that has one, that of its last subscription at the peer. */
  readonly #threads = new Map<string, Thread>();
  #failures = 0;
  #refusals = 0;

  constructor(plan: FeedPlan, options: FeedOptions) {
    this.#plan = plan;
    const clock = options.clock ?? systemClock;
    const observer = options.observer === undefined ? {} : guarded(options.observer);
    this.#clock = clock;
    this.#lanes = new Lanes(plan.apart);
    this.#unread = observer;
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

  /** Binary messages that came so far. */
  get frames(): Readonly<FrameCounts> {
    return { ...this.#counts };
  }

  /** The messages of a channel from now on. @throws by its iterator: `ABORTED`, `CLOSED`, or the peer's refusal */
  subscribe<T>(channel: string, signal?: AbortSignal): AsyncIterable<Message<T>> {
    const topic: Topic = { key: channel, name: channel.split(/[@.]/)[0]!, method: channel, params: undefined };
    const messages = this.#subscribe(topic, signal);
    const { wholes } = this.#plan;
    const told = wholes?.of(channel) ? whole(messages, wholes, () => this.#threads.get(channel)) : messages;
    return told as AsyncIterable<Message<T>>;
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
    await this.#rested(topic.key, givenUp);
    const { lane, giveBack } = this.#lanes.take(topic.key);
    let leaving = false;
    try {
      return await this.#joined(topic.key, lane, givenUp, (left) => {
        leaving = true;
        void left.then(giveBack);
      });
    } catch (thrown) {
      if (!leaving) giveBack();
      throw thrown;
    }
  }

  /** @param leaves told once, when it is left, of the moment nothing comes for it any more */
  async #joined(
    channel: string,
    lane: Lane<Connection>,
    givenUp: AbortSignal,
    leaves: (left: Promise<void>) => void,
  ): Promise<Stream> {
    for (;;) {
      if (givenUp.aborted) throw NetError.from(givenUp.reason);
      let forget = (): void => undefined;
      try {
        const connection = await orGivenUp((lane.connection ??= this.#connect(lane)), givenUp);
        const mailbox = new Mailbox(BEHIND_MAX);
        const leave = (): void => leaves(connection.leave(channel, mailbox));
        const thread = this.#threadOf(channel);
        forget = () => void (this.#threads.get(channel) === thread && this.#threads.delete(channel));
        await orGivenUp(connection.join(channel, mailbox, thread), givenUp).catch((thrown: unknown) => {
          if (givenUp.aborted) leave(); // it may be agreed to yet
          throw thrown;
        });
        this.#failures = 0;
        return streamOf(this.#plan.name, mailbox, () => {
          forget();
          leave();
        });
      } catch (thrown) {
        forget();
        const error = NetError.from(thrown);
        if (givenUp.aborted || error.code === 'RPC' || error.code === 'INVALID') throw error;
        await this.#rest(++this.#failures, givenUp);
      }
    }
  }

  #threadOf(channel: string): Thread | undefined {
    const { wholes } = this.#plan;
    if (!wholes?.of(channel)) return undefined;
    const thread = wholes.thread(channel);
    this.#threads.set(channel, thread);
    return thread;
  }

  /** (5) */
  async #rested(channel: string, givenUp: AbortSignal): Promise<void> {
    const times = this.#spoilt.times(channel, this.#clock.now());
    if (times > 0) await this.#rest(times, givenUp);
  }

  async #rest(times: number, givenUp: AbortSignal): Promise<void> {
    const restMs = fullJitter(REST_BASE_MS, REST_CAP_MS, times, this.#random);
    await sleep(this.#clock, restMs, givenUp).catch(() => undefined); // seen by whoever goes on
  }

  #connect(lane: Lane<Connection>): Promise<Connection> {
    let connecting: Promise<Connection> | undefined;
    // It may be told more than once, and late: by then another may stand in its place.
    const gone = (): void => {
      if (lane.connection === connecting) lane.connection = undefined;
    };
    connecting = this.#dial(gone);
    return connecting;
  }

  async #dial(gone: () => void): Promise<Connection> {
    const { url, words, pingMs, name: endpoint } = this.#plan;
    let asked = '';
    try {
      asked = await url();
      const place = new URL(asked);
      const connection = new Connection(words, pingMs, this.#clock, {
        gone,
        spoilt: (channel) => this.#spoilt.add(channel, this.#clock.now()),
        unread: (fact) => this.#unread.streamUnread?.({ endpoint, ...fact }),
        counts: this.#counts,
      });
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
      throw isRefusal(error) ? this.#refused(error, asked) : error;
    }
  }

  /** `RPC` once it is final, as a channel that is refused. */
  #refused(cause: NetError, url: string): NetError {
    if (this.#plan.refused?.(cause, url) === true) return cause;
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
    over: false, // what was missed is asked for by REST, whatever becomes of the connection
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
