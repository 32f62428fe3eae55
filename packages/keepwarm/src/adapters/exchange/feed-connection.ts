/**
 * One WebSocket connection of a feed, with the channels on it. See feed.ts for its life.
 *
 * Where the peer sends binary messages, those that cannot be read harm nobody but whom they were for: a channel that
 * counts its messages is begun anew, any other is told a gap, and the connection goes on.
 */
import type { Buffer } from 'node:buffer';
import type { Clock, Timer } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import type { Mailbox } from '../../core/mailbox.ts';
import type { Gap, StreamUnread } from '../../core/subscribe.ts';
import type { SessionHandler, WebSocketSession } from '../../engines/websocket/session.ts';
import { ALL, type FeedFrame, type FeedWords, type FramePlace, type Thread } from './feed-words.ts';

/** What came in binary messages. */
export interface FrameCounts {
  /** Those that were read. */
  read: number;
  /** Those of kinds that are not known, left out. */
  unknown: number;
  /** Those that could not be read. */
  malformed: number;
}

/** What a connection tells its feed. */
export interface FeedEnds {
  gone(error: NetError): void;
  /** A channel has to be subscribed anew, for what its messages were. */
  spoilt(channel: string): void;
  unread(fact: Omit<StreamUnread, 'endpoint'>): void;
  readonly counts: FrameCounts;
}

interface Seat {
  readonly mailbox: Mailbox;
  readonly thread: Thread | undefined;
  readonly place: FramePlace | undefined;
  /** It is being subscribed anew: what still comes is of no use. */
  over: boolean;
}

interface Question {
  resolve(): void;
  reject(error: NetError): void;
}

/** How long the peer may take to answer a subscription, in ms. */
const ANSWER_MS = 10_000;
/** A connection that nobody uses is kept for so long, in ms. */
const UNUSED_MS = 1_000;
/** Kinds of messages that are not known, told of by one connection. */
const KINDS_MAX = 100;

const SKIPPED: Gap = {
  ...{ kind: 'gap', reason: 'skipped', from: undefined, to: undefined, filled: false, dropped: undefined },
};

const keyOf = ({ kind, of }: FramePlace): string => `${kind} ${of}`;

export class Connection implements SessionHandler {
  readonly #words: FeedWords;
  readonly #pingMs: number;
  readonly #clock: Clock;
  readonly #ends: FeedEnds;
  readonly #channels = new Map<string, Seat>();
  /** By what a frame has of them, where frames come. */
  readonly #places = new Map<string, string>();
  readonly #unknown = new Set<string>();
  readonly #questions = new Map<number, Question>();
  #session: WebSocketSession | undefined;
  #error: NetError | undefined;
  #ping: Timer | undefined;
  #unused: Timer | undefined;
  #ids = 0;

  constructor(words: FeedWords, pingMs: number, clock: Clock, ends: FeedEnds) {
    this.#words = words;
    this.#pingMs = pingMs;
    this.#clock = clock;
    this.#ends = ends;
  }

  opened(session: WebSocketSession): void {
    this.#session = session;
    this.#pingLater();
  }

  async greeted(): Promise<void> {
    const { greeting } = this.#words;
    if (greeting === undefined) return;
    const id = ++this.#ids;
    await this.#ask(id, await greeting(id));
  }

  /** Ends it for whoever is on it. Twice is harmless. */
  close(): void {
    this.#session?.close();
  }

  async join(channel: string, mailbox: Mailbox, thread?: Thread): Promise<void> {
    this.#unused?.cancel();
    if (this.#error !== undefined) throw this.#error;
    this.#sit(channel, mailbox, thread); // from now on: the first message may come with the answer
    const id = ++this.#ids;
    try {
      await this.#ask(id, this.#words.subscribe(channel, id));
    } catch (error) {
      this.#forget(channel, mailbox);
      throw error;
    }
  }

  /** Twice is harmless. @returns what is there once nothing comes for it any more, where frames do not name it */
  async leave(channel: string, mailbox: Mailbox): Promise<void> {
    mailbox.drop();
    if (!this.#forget(channel, mailbox) || this.#error !== undefined) return;
    const id = ++this.#ids;
    const text = this.#words.unsubscribe(channel, id);
    try {
      // Without frames its answer is of no interest, nor whether there is one: what still comes names it.
      if (this.#words.binary === undefined) this.#session?.send(text);
      else await this.#ask(id, text);
    } catch {
      // it is going, and says so itself; or there was no such subscription
    }
  }

  message(text: string): void {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      return this.#quit('sent a message that is not JSON');
    }
    if (typeof message !== 'object' || message === null) return;
    const said = this.#words.read(message as Record<string, unknown>);
    if (said === undefined) return;
    if (said.kind === 'data') {
      const seat = this.#channels.get(said.channel);
      return seat && this.#tell(said.channel, seat, said.value);
    }
    const question = this.#questions.get(said.id);
    if (question === undefined) return;
    if (said.error === undefined) question.resolve();
    else question.reject(new NetError('RPC', `the peer refuses: ${said.error}`, { reach: 'answered' }));
  }

  binary(bytes: Buffer): void {
    const { binary } = this.#words;
    if (binary === undefined) return this.message(bytes.toString('utf8')); // some servers send their JSON so
    const { counts } = this.#ends;
    let frame: FeedFrame | undefined;
    try {
      frame = binary.read(bytes);
    } catch (thrown) {
      counts.malformed++;
      const error = NetError.from(thrown);
      this.#ends.unread({ reason: 'malformed', bytes: bytes.length, error });
      return this.#spoil(binary.kindOf(bytes), error);
    }
    if (frame?.known === false) return this.#leaveOut(frame.what, bytes);
    counts.read++;
    if (frame === undefined) return;
    const channel = this.#places.get(keyOf(frame)) ?? this.#places.get(keyOf({ kind: frame.kind, of: ALL }));
    const seat = channel === undefined ? undefined : this.#channels.get(channel);
    if (seat !== undefined) this.#tell(channel!, seat, frame.value);
  }

  ended(error: NetError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#ping?.cancel();
    this.#unused?.cancel();
    for (const question of [...this.#questions.values()]) question.reject(error);
    for (const { mailbox } of this.#channels.values()) mailbox.end(error.code === 'CLOSED' ? lostByUs(error) : error);
    this.#channels.clear();
    this.#places.clear();
    this.#ends.gone(error);
  }

  #sit(channel: string, mailbox: Mailbox, thread: Thread | undefined): void {
    const place = this.#words.binary?.placeOf(channel);
    this.#channels.set(channel, { mailbox, place, thread, over: false });
    if (place !== undefined) this.#places.set(keyOf(place), channel);
  }

  #tell(channel: string, seat: Seat, value: unknown): void {
    if (seat.over) return;
    try {
      if (seat.thread?.next(value) === false) return;
    } catch (thrown) {
      return this.#renew(channel, seat, NetError.from(thrown));
    }
    seat.mailbox.push({ kind: 'data', value, height: undefined, filled: false });
  }

  /** Whoever a message that could not be read may have been for. @param kind nothing where it may have been for all */
  #spoil(kind: string | undefined, error: NetError): void {
    for (const [channel, seat] of [...this.#channels]) {
      const { mailbox, place, thread } = seat;
      if (place === undefined || (kind !== undefined && place.kind !== kind)) continue;
      if (thread === undefined) mailbox.push(SKIPPED);
      else this.#renew(channel, seat, error);
    }
  }

  /** Its reader takes what came before, then the error, and subscribes anew. */
  #renew(channel: string, seat: Seat, error: NetError): void {
    if (seat.over) return;
    seat.over = true;
    seat.mailbox.end(error);
    this.#ends.spoilt(channel);
  }

  /** Told of once for each kind: it may come as often as any other. */
  #leaveOut(what: string, bytes: Uint8Array): void {
    this.#ends.counts.unknown++;
    if (this.#unknown.has(what) || this.#unknown.size >= KINDS_MAX) return;
    this.#unknown.add(what);
    const error = new NetError('DECODE', `${what} is not known here, and is left out`, { reach: 'answered' });
    this.#ends.unread({ reason: 'unknown', bytes: bytes.length, error });
  }

  #ask(id: number, text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        timer.cancel();
        this.#questions.delete(id);
      };
      const timer = this.#clock.after(ANSWER_MS, () => {
        const error = new NetError('TIMEOUT', `no answer to a subscription within ${ANSWER_MS} ms`, {
          reach: 'unknown',
        });
        this.#questions.get(id)?.reject(error);
        this.#session?.close('reset');
        this.ended(error);
      });
      this.#questions.set(id, {
        resolve() {
          done();
          resolve();
        },
        reject(error) {
          done();
          reject(error);
        },
      });
      try {
        if (this.#error !== undefined) throw this.#error;
        this.#session!.send(text);
      } catch (thrown) {
        this.#questions.get(id)?.reject(NetError.from(thrown));
      }
    });
  }

  /** @returns whether it was there */
  #forget(channel: string, mailbox: Mailbox): boolean {
    const seat = this.#channels.get(channel);
    if (seat?.mailbox !== mailbox) return false;
    this.#channels.delete(channel);
    if (seat.place !== undefined) this.#places.delete(keyOf(seat.place));
    if (this.#channels.size === 0 && this.#error === undefined) {
      this.#unused?.cancel();
      this.#unused = this.#clock.after(UNUSED_MS, () => this.#session?.close());
    }
    return true;
  }

  #pingLater(): void {
    const { ping } = this.#words;
    if (ping === undefined) return;
    this.#ping = this.#clock.after(this.#pingMs, () => {
      if (this.#error !== undefined) return;
      try {
        this.#session!.send(ping(0));
      } catch {
        return; // it is going, and says so itself
      }
      this.#pingLater();
    });
  }

  #quit(what: string): void {
    const error = new NetError('PROTOCOL', `the peer ${what}`, { reach: 'answered' });
    this.#session?.close('protocol');
    this.ended(error);
  }
}

/** Closed while somebody joined: for that one it is a loss like any other. */
const lostByUs = (cause: NetError): NetError =>
  new NetError('RESET', 'the connection was closed as nobody used it', { reach: 'unknown', cause });
