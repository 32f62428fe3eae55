/**
 * One upstream subscription for all subscribers of a topic.
 *
 *   first subscriber ──▶ running ◀──▶ lingering   nobody is there; `lingerMs` later it is given up
 *                          └── the end, or an error: all subscribers get it, after what they have not read
 *
 * Invariants:
 *   (1) Per topic key there is at most one upstream subscription, and it is there while anybody subscribes.
 *   (2) Who joins gets what comes from then on.
 *   (3) No subscriber waits for another: each has a queue of its own, with `queueMax` places.
 *   (4) Nobody there for `lingerMs`: the upstream subscription is given up, and nothing of the topic is kept.
 */
import { type Abortable, listen, unlisten } from '../core/abort.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import { Mailbox } from '../core/mailbox.ts';
import type { Gap, Message, StreamObserver, StreamPolicy, Subscribe, Topic } from '../core/subscribe.ts';
import { type Turnstile, turnstileOf } from '../core/turnstile.ts';

export interface ShareOptions {
  /** How long an upstream subscription outlives its last subscriber, in ms. Default 1 s. */
  readonly lingerMs: number;
  /** Messages a subscriber may be behind. Default 10,000. */
  readonly queueMax: number;
  /**
   * What becomes of a subscriber that is further behind: `drop` its oldest, with a gap in their place; or `fail` it
   * with `SATURATED`. Default `drop`.
   */
  readonly overflow: 'drop' | 'fail';
  /** Subscribers of all topics together. Default 10,000. */
  readonly subscribersMax: number;
}

export const SHARE_DEFAULTS: ShareOptions = {
  lingerMs: 1_000,
  queueMax: 10_000,
  overflow: 'drop',
  subscribersMax: 10_000,
};

export interface ShareParts {
  readonly clock: Clock;
  readonly observer: StreamObserver;
}

export interface FeedSnapshot {
  readonly topic: string;
  readonly subscribers: number;
  /** Messages that came, gaps included. */
  readonly messages: number;
  readonly gaps: number;
  /** The most any of its subscribers is behind. */
  readonly behindMax: number;
}

export interface Share {
  readonly policy: StreamPolicy;
  snapshot(): FeedSnapshot[];
  /** Ends every subscription with this error. Twice is harmless. */
  close(error: NetError): void;
}

export function share(options: ShareOptions, parts: ShareParts): Share {
  const feeds = new Map<string, Feed>();
  let subscribers = 0;
  let closed: NetError | undefined;
  const turnstile = turnstileOf(parts.clock);
  const policy: StreamPolicy = (next) => (topic, signal, standing) => ({
    [Symbol.asyncIterator]() {
      if (closed !== undefined) return failed(closed, turnstile);
      if (signal?.aborted) return failed(aborted(topic, signal.reason), turnstile);
      if (subscribers >= options.subscribersMax) return failed(tooMany(topic, options.subscribersMax), turnstile);
      let feed = feeds.get(topic.key);
      if (feed === undefined) {
        feed = new Feed(topic, next, options, parts, () => feeds.delete(topic.key));
        feeds.set(topic.key, feed);
      }
      subscribers++;
      return feed.join(signal, standing, () => subscribers--);
    },
  });
  return {
    policy,
    snapshot: () => [...feeds.values()].map((feed) => feed.snapshot()),
    close(error) {
      closed ??= error;
      for (const feed of [...feeds.values()]) feed.finish(error);
    },
  };
}

class Feed {
  readonly #topic: Topic;
  readonly #options: ShareOptions;
  readonly #parts: ShareParts;
  readonly #forget: () => void;
  readonly #ending = new AbortController();
  readonly #seats = new Set<Seat>();
  #linger: Timer | undefined;
  #over = false;
  #standing = false;
  #messages = 0;
  #gaps = 0;

  constructor(topic: Topic, next: Subscribe, options: ShareOptions, parts: ShareParts, forget: () => void) {
    this.#topic = topic;
    this.#options = options;
    this.#parts = parts;
    this.#forget = forget;
    // Begun in the next microtask, when the first subscriber has its seat.
    void Promise.resolve().then(() => this.#run(next));
  }

  join(signal: AbortSignal | undefined, standing: (() => void) | undefined, left: () => void): AsyncIterator<Message> {
    this.#linger?.cancel();
    this.#linger = undefined;
    const told = (gap: Gap): void => this.#parts.observer.streamGap?.({ ...gap, topic: this.#topic.name });
    const seat = new Seat(new Mailbox(this.#options.queueMax, told), signal, this.#topic, () => {
      left();
      this.#seats.delete(seat);
      if (this.#seats.size === 0 && !this.#over) this.#lingerOn();
    });
    this.#seats.add(seat);
    if (this.#standing) standing?.();
    else seat.standing = standing;
    return seat;
  }

  snapshot(): FeedSnapshot {
    return {
      topic: this.#topic.name,
      subscribers: this.#seats.size,
      messages: this.#messages,
      gaps: this.#gaps,
      behindMax: Math.max(0, ...[...this.#seats].map((seat) => seat.mailbox.size)),
    };
  }

  /** Upstream is given up; whoever is there gets what it has not read, then the error or the end. */
  finish(error?: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#linger?.cancel();
    this.#forget();
    this.#ending.abort(error);
    for (const seat of [...this.#seats]) seat.end(error);
  }

  async #run(next: Subscribe): Promise<void> {
    try {
      for await (const message of next(this.#topic, this.#ending.signal, () => this.#stands())) {
        this.#told(message);
      }
      this.finish();
    } catch (error) {
      turnstileOf(this.#parts.clock).pass(() => this.finish(error));
    }
  }

  #stands(): void {
    this.#standing = true;
    for (const seat of [...this.#seats]) {
      seat.standing?.();
      seat.standing = undefined;
    }
  }

  #told(message: Message): void {
    this.#messages++;
    if (message.kind === 'gap') this.#gaps++;
    const { overflow, queueMax } = this.#options;
    for (const seat of this.#seats) {
      if (overflow === 'fail' && seat.mailbox.full) seat.end(tooSlow(this.#topic, queueMax));
      else seat.mailbox.push(message);
    }
  }

  #lingerOn(): void {
    this.#linger = this.#parts.clock.after(this.#options.lingerMs, () => this.finish());
  }
}

/** One subscriber. It leaves once: by its own will, its signal, or with the feed. */
class Seat implements AsyncIterableIterator<Message>, Abortable {
  readonly mailbox: Mailbox;
  /** Told when a peer has agreed. */
  standing: (() => void) | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #topic: Topic;
  readonly #left: () => void;
  #gone = false;

  constructor(mailbox: Mailbox, signal: AbortSignal | undefined, topic: Topic, left: () => void) {
    this.mailbox = mailbox;
    this.#signal = signal;
    this.#topic = topic;
    this.#left = left;
    if (signal !== undefined) listen(signal, this);
  }

  next(): Promise<IteratorResult<Message>> {
    return this.mailbox.next();
  }

  return(): Promise<IteratorResult<Message>> {
    this.mailbox.drop();
    this.#leave();
    return Promise.resolve({ done: true, value: undefined });
  }

  end(error: unknown): void {
    this.mailbox.end(error);
    this.#leave();
  }

  aborted(reason: unknown): void {
    this.mailbox.drop(aborted(this.#topic, reason));
    this.#leave();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#signal !== undefined) unlisten(this.#signal, this);
    this.#left();
  }
}

function failed(error: NetError, turnstile: Turnstile): AsyncIterator<Message> {
  const mailbox = new Mailbox(0);
  turnstile.pass(() => mailbox.end(error));
  return mailbox;
}

function aborted(topic: Topic, cause: unknown): NetError {
  return new NetError('ABORTED', `the subscription to ${topic.name} was aborted by its caller`, {
    reach: 'answered',
    cause,
  });
}

function tooSlow(topic: Topic, value: number): NetError {
  const message = `a subscriber to ${topic.name} is more than ${value} messages behind (limit queueMax)`;
  return new NetError('SATURATED', message, { reach: 'answered', limit: 'queueMax', value });
}

function tooMany(topic: Topic, value: number): NetError {
  const message = `${value} subscribers are there, too many for one more to ${topic.name} (limit subscribersMax)`;
  return new NetError('SATURATED', message, { reach: 'unsent', limit: 'subscribersMax', value });
}
