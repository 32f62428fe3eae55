/** One WebSocket connection of a feed, with the channels on it. See feed.ts for its life. */
import type { Clock, Timer } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import type { Mailbox } from '../../core/mailbox.ts';
import type { SessionHandler, WebSocketSession } from '../../engines/websocket/session.ts';

/** How a peer speaks. */
export interface FeedWords {
  /** Said first, each answered before anything else is said. */
  readonly greeting?: ((id: number) => Promise<string>) | undefined;
  subscribe(channel: string, id: number): string;
  unsubscribe(channel: string, id: number): string;
  readonly ping?: ((id: number) => string) | undefined;
  /** What a message is; nothing for what concerns nobody. */
  read(message: Readonly<Record<string, unknown>>): FeedMessage | undefined;
}

export type FeedMessage =
  | { readonly kind: 'answer'; readonly id: number; readonly error?: string | undefined }
  | { readonly kind: 'data'; readonly channel: string; readonly value: unknown };

interface Question {
  resolve(): void;
  reject(error: NetError): void;
}

/** How long the peer may take to answer a subscription, in ms. */
const ANSWER_MS = 10_000;
/** A connection that nobody uses is kept for so long, in ms. */
const UNUSED_MS = 1_000;

export class Connection implements SessionHandler {
  readonly #words: FeedWords;
  readonly #pingMs: number;
  readonly #clock: Clock;
  readonly #gone: (error: NetError) => void;
  readonly #channels = new Map<string, Mailbox>();
  readonly #questions = new Map<number, Question>();
  #session: WebSocketSession | undefined;
  #error: NetError | undefined;
  #ping: Timer | undefined;
  #unused: Timer | undefined;
  #ids = 0;

  constructor(words: FeedWords, pingMs: number, clock: Clock, gone: (error: NetError) => void) {
    this.#words = words;
    this.#pingMs = pingMs;
    this.#clock = clock;
    this.#gone = gone;
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

  async join(channel: string, mailbox: Mailbox): Promise<void> {
    this.#unused?.cancel();
    if (this.#error !== undefined) throw this.#error;
    this.#channels.set(channel, mailbox); // from now on: the first message may come with the answer
    const id = ++this.#ids;
    try {
      await this.#ask(id, this.#words.subscribe(channel, id));
    } catch (error) {
      this.#forget(channel, mailbox);
      throw error;
    }
  }

  /** Twice is harmless. */
  leave(channel: string, mailbox: Mailbox): void {
    mailbox.drop();
    if (!this.#forget(channel, mailbox) || this.#error !== undefined) return;
    try {
      // Its answer is of no interest, nor whether there is one: what still comes for the channel is dropped.
      this.#session?.send(this.#words.unsubscribe(channel, ++this.#ids));
    } catch {
      // it is going, and says so itself
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
      const { value } = said;
      return this.#channels.get(said.channel)?.push({ kind: 'data', value, height: undefined, filled: false });
    }
    const question = this.#questions.get(said.id);
    if (question === undefined) return;
    if (said.error === undefined) question.resolve();
    else question.reject(new NetError('RPC', `the peer refuses: ${said.error}`, { reach: 'answered' }));
  }

  ended(error: NetError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#ping?.cancel();
    this.#unused?.cancel();
    for (const question of [...this.#questions.values()]) question.reject(error);
    for (const mailbox of this.#channels.values()) mailbox.end(error.code === 'CLOSED' ? lostByUs(error) : error);
    this.#channels.clear();
    this.#gone(error);
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
    if (this.#channels.get(channel) !== mailbox) return false;
    this.#channels.delete(channel);
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
