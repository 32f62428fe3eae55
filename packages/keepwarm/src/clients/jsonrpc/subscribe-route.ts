/**
 * One upstream subscription on one connection: its messages, until it is left or lost.
 *
 * Invariants:
 *   (1) It ends once: left by its reader, or with an error when its connection is lost, it is aborted or silent.
 *   (2) Silence is measured from the peer's agreement, then from the last notification, before anything else is asked
 *       of it: a peer that is late is not forgiven for a slow reader.
 *   (3) After its end it holds neither timer nor listener, and what it asked for is given up.
 */
import { type Abortable, listen, unlisten } from '../../core/abort.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import { Mailbox } from '../../core/mailbox.ts';
import type { Message, Stream, Topic } from '../../core/subscribe.ts';

/** What a route needs of those around it. */
export interface RouteHost {
  readonly clock: Clock;
  /** Asks on behalf of the route; given up with the signal. */
  ask(method: string, params: unknown, signal: AbortSignal): Promise<unknown>;
  /** The route has ended; `silent` when the peer did not keep what was expected of it. */
  left(route: Route, silent: boolean): void;
}

const LOST = { kind: 'gap', from: undefined, to: undefined, filled: false, dropped: undefined } as const;

export class Route implements Stream, Abortable {
  readonly topic: Topic;
  readonly endpoint: string;
  readonly #host: RouteHost;
  readonly #mailbox: Mailbox;
  readonly #silenceMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #ending = new AbortController();
  #heardAt: number;
  #watch: Timer | undefined;
  #over = false;

  constructor(
    topic: Topic,
    endpoint: string,
    options: { readonly bufferMax: number; readonly silenceMs: number },
    host: RouteHost,
    signal: AbortSignal | undefined,
  ) {
    this.topic = topic;
    this.endpoint = endpoint;
    this.#host = host;
    this.#signal = signal;
    this.#mailbox = new Mailbox(options.bufferMax);
    this.#silenceMs = options.silenceMs;
    this.#heardAt = host.clock.now();
    this.#watchIn(options.silenceMs);
    if (signal?.aborted) this.aborted(signal.reason);
    else if (signal !== undefined) listen(signal, this);
  }

  get over(): boolean {
    return this.#over;
  }

  readonly ask = (method: string, params: unknown): Promise<unknown> =>
    this.#host.ask(method, params, this.#ending.signal);

  told(value: unknown): void {
    this.#heardAt = this.#host.clock.now();
    this.#mailbox.push({ kind: 'data', value, height: undefined, filled: false });
  }

  /** Some came before it could be known whose they are, and could not be kept. */
  missed(): void {
    this.#mailbox.push({ ...LOST, reason: 'slow' });
  }

  leave(): void {
    this.#mailbox.drop();
    this.#end(false);
  }

  /** The connection is lost, or closed: what had come is still read. */
  lost(error: NetError): void {
    this.#mailbox.end(error);
    this.#end(false);
  }

  aborted(cause: unknown): void {
    const message = `the subscription to ${this.topic.name} was given up`;
    this.#mailbox.drop(new NetError('ABORTED', message, { reach: 'answered', cause }));
    this.#end(false);
  }

  [Symbol.asyncIterator](): AsyncIterator<Message> {
    return {
      next: () => this.#mailbox.next(),
      return: () => {
        this.leave();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  #watchIn(ms: number): void {
    if (!Number.isFinite(ms)) return;
    this.#watch = this.#host.clock.after(ms, () => {
      // What had arrived before the instant is read first.
      this.#host.clock.nextTurn(() => this.#look());
    });
  }

  #look(): void {
    if (this.#over) return;
    const silentMs = this.#host.clock.now() - this.#heardAt;
    if (silentMs < this.#silenceMs) return this.#watchIn(this.#silenceMs - silentMs);
    const limits = { limit: 'silenceMs', value: this.#silenceMs };
    const message = `${this.endpoint} said nothing of ${this.topic.name} for ${this.#silenceMs} ms (limit silenceMs)`;
    this.#mailbox.end(new NetError('TIMEOUT', message, { reach: 'answered', ...limits }));
    this.#end(true);
  }

  #end(silent: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#watch?.cancel();
    if (this.#signal !== undefined) unlisten(this.#signal, this);
    this.#ending.abort();
    this.#host.left(this, silent);
  }
}
