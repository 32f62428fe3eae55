/**
 * A channel that tells a whole and then its changes, for each of its subscribers: who comes later, or could not keep
 * up, is told the whole as it stands by then, and the changes after it.
 *
 *   nothing ──the whole──▶ at n ──change n + 1──▶ at n + 1 …
 *              ▲             │ change ≤ n: known already, left out
 *              └─ too slow ◀─┘
 *
 * Invariants:
 *   (1) A change is told only to who has been told all that it changes.
 *   (2) Nothing is told twice, but for the whole.
 */
import type { Message } from '../../core/subscribe.ts';
import type { Thread, Wholes } from './feed-words.ts';

/** @param thread the channel's, where it is subscribed to */
export function whole(
  messages: AsyncIterable<Message>,
  wholes: Wholes,
  thread: () => Thread | undefined,
): AsyncIterable<Message> {
  return {
    [Symbol.asyncIterator]() {
      // In this order: what comes from now on waits for its reader, and what came before is in the whole.
      const iterator = messages[Symbol.asyncIterator]();
      return new Reader(iterator, wholes, thread);
    },
  };
}

class Reader implements AsyncIterator<Message> {
  readonly #messages: AsyncIterator<Message>;
  readonly #wholes: Wholes;
  readonly #thread: () => Thread | undefined;
  /** What has been told leads up to here. */
  #at: number | undefined;
  #next: Message | undefined;

  constructor(messages: AsyncIterator<Message>, wholes: Wholes, thread: () => Thread | undefined) {
    this.#messages = messages;
    this.#wholes = wholes;
    this.#thread = thread;
    this.#catchUp(false);
  }

  async next(): Promise<IteratorResult<Message>> {
    for (;;) {
      const kept = this.#next;
      if (kept !== undefined) {
        this.#next = undefined;
        return { done: false, value: kept };
      }
      const result = await this.#messages.next();
      if (result.done === true || this.#follows(result.value)) return result;
    }
  }

  async return(): Promise<IteratorResult<Message>> {
    this.#next = undefined;
    return (await this.#messages.return?.()) ?? { done: true, value: undefined };
  }

  /** Whether it is told. */
  #follows(message: Message): boolean {
    if (message.kind === 'gap') {
      this.#at = undefined;
      if (message.reason === 'slow') this.#catchUp(true);
      return true;
    }
    const stands = this.#wholes.standsAt(message.value);
    // Otherwise it is known already; or changes what has not been told, and the whole will come.
    const told = stands.whole || stands.number === (this.#at ?? Number.NaN) + 1;
    if (told) this.#at = stands.number;
    return told;
  }

  #catchUp(filled: boolean): void {
    const value = this.#thread()?.now();
    if (value === undefined) return;
    this.#at = this.#wholes.standsAt(value).number;
    this.#next = { kind: 'data', value, height: undefined, filled };
  }
}
