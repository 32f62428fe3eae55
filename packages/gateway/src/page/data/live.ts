/**
 * What is known of the gateway, and how old that is.
 *
 *                 ┌────────────── tries again after 1 s, 2 s, 4 s … 15 s ─────────────┐
 *   connecting ──▶ live ──▶ lost ─────────────────────────────────────────────────────┘
 *        └───────▶ locked: reading needs the token, and it has not been shown
 *
 * Invariants:
 *   (1) `live` means that the stream of events is open and the last question was answered: what is shown is fresh.
 *   (2) There is one try at a time. The question that is under way when it ends may be answered until the next one:
 *       where only events are refused, what is shown is not called live, and is not nothing either.
 *   (3) Nothing is asked for while the page is hidden, nor tried again; once it is seen again, at once.
 *   (4) No more than `EVENTS_MAX` events are remembered, and `SAMPLES_MAX` samples of each upstream there is.
 *   (5) Components are told once for all that came in one turn: a page that opens is told of hundreds of events.
 */
import type { Snapshot } from '../../admin/snapshot.ts';
import type { FeedEvent } from '../../figures/feed.ts';
import { eventsOf } from './event-stream.ts';
import { Samples } from './samples.ts';
import { AskError, ask } from './session.ts';

export type LiveState = 'connecting' | 'live' | 'lost' | 'locked';

const EVERY_MS = 1_000;
const EVENTS_MAX = 500;
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 15_000;

/** What the page tells of; calls and sockets have pages of their own. */
const KINDS = [
  ...['socketOpenFailed', 'ratePaused', 'rateRefused', 'breakerOpened', 'breakerHalfOpened', 'breakerClosed'],
  ...['concurrencyRefused', 'endpointEjected', 'endpointReadmitted', 'endpointCordoned', 'endpointLagging'],
  ...['endpointCaughtUp', 'streamLost', 'streamGap', 'leakSuspected', 'leakRecovered'],
  ...['action', 'reloaded', 'draining', 'history', 'workerServes', 'workerSilent', 'workerHeard', 'workerGone'],
  ...['redisLost', 'redisBack'],
].join(',');

export class Live {
  state: LiveState = 'connecting';
  snapshot: Snapshot | undefined;
  /** On the clock of `performance.now`. */
  seenAt = 0;
  retryAt = 0;
  /** Oldest first. */
  events: readonly FeedEvent[] = [];
  readonly samples = new Samples();
  readonly #listeners = new Set<() => void>();
  #last = '0';
  #tries = 0;
  /** In this try: the stream of events is open; a question has been answered. */
  #follows = false;
  #answered = false;
  #isTelling = false;
  #wake: () => void = () => undefined;

  /** @returns how to stop */
  subscribe(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => void this.#listeners.delete(changed);
  }

  start(): void {
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#wake();
    });
    void this.#run();
  }

  retryNow(): void {
    this.#tries = 0;
    this.#wake();
  }

  async #run(): Promise<void> {
    for (;;) {
      const [stop, question] = [new AbortController(), new AbortController()];
      try {
        await Promise.race([this.#follow(stop.signal), this.#look(stop.signal, question.signal)]);
      } catch (error) {
        this.state = error instanceof AskError && error.status === 401 ? 'locked' : 'lost';
      }
      // A refusal that comes late must not take away what has been entered meanwhile.
      if (this.state === 'locked') question.abort();
      stop.abort();
      this.#follows = false;
      this.#answered = false;
      const waitMs = Math.min(RETRY_MS * 2 ** this.#tries++, RETRY_MS_MAX);
      this.retryAt = performance.now() + waitMs;
      this.#tell();
      await this.#pause(waitMs);
      question.abort();
      await this.#seen();
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    for await (const { event, data } of eventsOf(`api/events?kinds=${KINDS}&since=${this.#last}`, signal)) {
      if (signal.aborted) return; // what was still to be told when the try ended is asked for by the next one
      this.#follows = true;
      this.#settle();
      if (event === undefined) {
        this.#last = data.id;
        this.events = [...this.events.slice(1 - EVENTS_MAX), data];
        this.#tell();
      } else if (event === 'hello' && this.#last.split('-')[0] !== String(data['run'])) {
        // Another run of the gateway: what happened in the last one is told as it was, and this one from its start.
        this.#last = `${data['run']}-0`;
      }
    }
  }

  async #look(signal: AbortSignal, question: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const snapshot = await ask<Snapshot>('api/stats?sockets=0', { signal: question });
      this.snapshot = snapshot;
      this.seenAt = performance.now();
      this.samples.take(snapshot, Date.now());
      this.#tell();
      if (signal.aborted) return;
      this.#answered = true;
      this.#settle();
      await this.#pause(EVERY_MS);
      await this.#seen(signal);
    }
  }

  #settle(): void {
    if (!this.#follows || !this.#answered || this.state === 'live') return;
    this.state = 'live';
    this.#tries = 0;
    this.#tell();
  }

  async #seen(signal?: AbortSignal): Promise<void> {
    while (document.hidden && signal?.aborted !== true) await this.#pause(60_000);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    setTimeout(() => {
      this.#isTelling = false;
      for (const changed of this.#listeners) changed();
    });
  }
}
