/**
 * One subscription of a caller: messages of the pool's own subscription under an id that stays, whichever node they
 * come from.
 *
 *   asked ──agreed──▶ standing ──▶ over (the topic's own end, unsubscribed, the caller left)
 *     └──▶ refused        └──▶ lost: no node can help any more
 *
 * Invariants:
 *   (1) The id is told before the first message, and only when a node has agreed.
 *   (2) While the caller does not take what was written, messages wait, in order; more than `queueMax`, and it is slow.
 */
import type { Gap, Message } from 'keepwarm/jsonrpc';
import { exactText } from 'keepwarm/jsonrpc';
import type { SharedSubscriptions } from './shared-subscriptions.ts';
import type { SubscriptionId } from './subscription-ids.ts';

export interface SubscriptionHost {
  readonly notification: string;
  readonly id: SubscriptionId;
  readonly queueMax: number;
  send(text: string): void;
  /** Settles when what was written has been taken; nothing when it has been. */
  ready(): Promise<void> | undefined;
  /** A node has agreed. */
  standing(): void;
  gap(gap: Gap): void;
  /** More messages wait than may. */
  slow(): void;
  /** It has ended: by itself, or with an error; before it stood, that is a refusal. */
  over(error?: unknown): void;
}

export class Subscription {
  readonly #ending = new AbortController();
  readonly #host: SubscriptionHost;
  readonly #queue: Message[] = [];

  constructor(host: SubscriptionHost) {
    this.#host = host;
  }

  start(subscriptions: SharedSubscriptions, method: string, params: unknown): void {
    void this.#run(subscriptions, method, params);
  }

  /** Nothing is told after this. Twice is harmless. */
  end(): void {
    this.#ending.abort();
    this.#queue.length = 0;
  }

  async #run(subscriptions: SharedSubscriptions, method: string, params: unknown): Promise<void> {
    const { signal } = this.#ending;
    const host = this.#host;
    try {
      const options = { signal, onStanding: () => void (signal.aborted || host.standing()) };
      for await (const message of subscriptions.subscribe(method, params, options)) {
        if (signal.aborted) return;
        this.#take(message);
      }
      while (this.#queue.length > 0 && !signal.aborted) await host.ready();
      if (!signal.aborted) host.over();
    } catch (error) {
      if (!signal.aborted) host.over(error);
    }
  }

  #take(message: Message): void {
    const { ready, queueMax, slow } = this.#host;
    const taken = this.#queue.length > 0 ? NOT_YET : ready();
    if (taken === undefined) return this.#pass(message);
    this.#queue.push(message);
    if (this.#queue.length > queueMax) slow();
    else if (taken !== NOT_YET) void taken.then(() => this.#flush());
  }

  #flush(): void {
    while (this.#queue.length > 0 && !this.#ending.signal.aborted) {
      const taken = this.#host.ready();
      if (taken !== undefined) return void taken.then(() => this.#flush());
      this.#pass(this.#queue.shift()!);
    }
  }

  #pass(message: Message): void {
    if (message.kind === 'gap') this.#host.gap(message);
    else this.#tell(message);
  }

  #tell({ value }: Extract<Message, { kind: 'data' }>): void {
    const { notification, id } = this.#host;
    const subscription = JSON.stringify(id);
    const result = textOf(value);
    this.#host.send(
      `{"jsonrpc":"2.0","method":"${notification}","params":{"subscription":${subscription},"result":${result}}}`,
    );
  }
}

/** Others wait before it. */
const NOT_YET: Promise<void> = Promise.resolve();

/** The same message is told to many: it is written once. */
const written = new WeakMap<object, string>();

function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return exactText(value) ?? 'null';
  const known = written.get(value);
  if (known !== undefined) return known;
  const text = exactText(value) ?? 'null';
  written.set(value, text);
  return text;
}
