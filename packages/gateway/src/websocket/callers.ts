/** The WebSockets of one pool's callers: how many there may be, what came of them, and how all are ended. */
import type { WebSocketConfig } from '../config/websocket.ts';
import type { Conversation } from './conversation.ts';

/** Counted since the start, the first three apart. */
export interface CallersTold {
  readonly open: number;
  readonly subscriptions: number;
  /** Calls under way. */
  readonly inFlight: number;
  readonly opened: number;
  /** Because `callersMax` were there. */
  readonly refused: number;
  /** Messages of callers: a batch is one. */
  readonly calls: number;
  readonly notifications: number;
  /** In subscriptions, of messages that could not be had. */
  readonly gaps: number;
  /** Closed because they did not take what was sent. */
  readonly slow: number;
}

type Counted = 'calls' | 'notifications' | 'gaps' | 'slow';

export class Callers {
  readonly config: WebSocketConfig;
  readonly #open = new Set<Conversation>();
  readonly #counts: Record<Counted, number> = { calls: 0, notifications: 0, gaps: 0, slow: 0 };
  #opened = 0;
  #refused = 0;
  #draining = false;

  constructor(config: WebSocketConfig) {
    this.config = config;
  }

  /** Whether there is room for one more. */
  admits(): boolean {
    if (this.#open.size < this.config.callersMax) return true;
    this.#refused++;
    return false;
  }

  joined(conversation: Conversation): void {
    this.#opened++;
    this.#open.add(conversation);
    if (this.#draining) conversation.drain();
  }

  left(conversation: Conversation): void {
    this.#open.delete(conversation);
  }

  count(what: Counted): void {
    this.#counts[what]++;
  }

  stats(): CallersTold {
    let [subscriptions, inFlight] = [0, 0];
    for (const conversation of this.#open) {
      subscriptions += conversation.subscriptions;
      inFlight += conversation.inFlight;
    }
    const [opened, refused] = [this.#opened, this.#refused];
    return { open: this.#open.size, subscriptions, inFlight, opened, refused, ...this.#counts };
  }

  /** Takes no more calls; each goes as soon as what it asked has been answered. Twice is harmless. */
  drain(): void {
    this.#draining = true;
    for (const conversation of [...this.#open]) conversation.drain();
  }

  /** Ends all, with a goodbye. Twice is harmless. */
  close(): void {
    for (const conversation of [...this.#open]) conversation.close();
  }
}
