/**
 * History that is kept: a row per upstream and minute, written when the minute is over.
 *
 *   off
 *   on ──could not write──▶ unavailable ──a minute later, when it can──▶ on
 *
 * Invariants:
 *   (1) Nothing here waits for the disk but questions about history; calls never do.
 *   (2) A minute that could not be written is counted and gone: nothing piles up.
 *   (3) One write is under way at a time.
 *   (4) The wall clock names minutes and nothing else: however it is set, a row says how long it really saw.
 */
import type { AnyUpstream } from '../data/routes.ts';
import type { Feed } from '../figures/feed.ts';
import type { Log } from '../logs/log.ts';
import type { History } from './history.ts';
import { Minutes } from './minute.ts';
import { RANGES, type RangeName } from './ranges.ts';
import type { Row } from './row.ts';
import type { StoreOptions } from './store.ts';
import { Thread } from './thread.ts';
import type { HistoryState, HistoryTold } from './told.ts';
import type { Reply } from './worker.ts';

const MINUTE_MS = 60_000;
const minuteOf = (at: number): number => Math.floor(at / MINUTE_MS) * MINUTE_MS;
/** How often it is noted how full pools are. */
const SAMPLE_MS = 15_000;

/** Where rows come from: this process, or several that are asked. */
export interface MinuteRows {
  sample(upstreams: readonly AnyUpstream[]): void;
  take(upstreams: readonly AnyUpstream[], at: number, seconds: number): readonly Row[] | Promise<readonly Row[]>;
}

export interface KeptParts {
  readonly upstreams: () => readonly AnyUpstream[];
  readonly feed: Feed;
  readonly log: Log;
  /** In ms since 1970. */
  readonly wall?: () => number;
  /** In ms, never going back. */
  readonly now?: () => number;
  readonly minutes?: MinuteRows;
}

export class KeptHistory implements History {
  readonly #parts: KeptParts;
  readonly #thread: Thread;
  readonly #minutes: MinuteRows;
  readonly #wall: () => number;
  readonly #now: () => number;
  #state: HistoryState = { state: 'on' };
  #lost = 0;
  #writing = false;
  /** Up to when everything is in a row: by the wall clock, and by the other. */
  #until: number;
  #seen: number;
  #retryAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: StoreOptions, parts: KeptParts) {
    this.#parts = parts;
    this.#thread = new Thread(options);
    this.#minutes = parts.minutes ?? new Minutes();
    this.#wall = parts.wall ?? Date.now;
    this.#now = parts.now ?? (() => performance.now());
    this.#until = this.#wall();
    this.#seen = this.#now();
  }

  get state(): HistoryState {
    return this.#lost === 0 ? this.#state : { ...this.#state, lostMinutes: this.#lost };
  }

  async start(): Promise<void> {
    this.#minutes.sample(this.#parts.upstreams());
    this.#timer = setInterval(() => this.#look(), SAMPLE_MS);
    this.#timer.unref();
    this.#note(await this.#thread.ask({ ask: 'open' }));
  }

  async read(range: RangeName, upstream: string | undefined): Promise<HistoryTold> {
    const reply = await this.#thread.ask({ ask: 'read', range, upstream, now: this.#wall() });
    this.#note(reply);
    const { at, upstreams } = (reply.ok ? reply.points : undefined) ?? { at: [], upstreams: [] };
    return { history: this.state, range, stepMs: RANGES[range].stepMs, at, upstreams };
  }

  /** Writes what is over, and with `all` what is not: the minute under way. */
  async flush(all: boolean): Promise<void> {
    const [now, seen] = [this.#wall(), this.#now()];
    const at = minuteOf(this.#until);
    if (this.#writing || seen <= this.#seen || (!all && minuteOf(now) === at)) return;
    // Up to now, a few seconds beyond the minute: a row says how long it saw, so its rates are right.
    const seconds = (seen - this.#seen) / 1_000;
    this.#until = now;
    this.#seen = seen;
    this.#writing = true;
    const reply = await this.#written(at, seconds, now).finally(() => {
      this.#writing = false;
    });
    if (!reply.ok) this.#lost++;
    this.#note(reply);
  }

  async #written(at: number, seconds: number, now: number): Promise<Reply> {
    try {
      const rows = await this.#minutes.take(this.#parts.upstreams(), at, seconds);
      return await this.#thread.ask({ ask: 'write', rows, now });
    } catch (error) {
      return { ok: false, reason: error instanceof Error ? error.message : String(error) };
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    if (this.#timer !== undefined && this.#state.state === 'on') await this.flush(true);
    await this.#thread.close();
  }

  #look(): void {
    this.#minutes.sample(this.#parts.upstreams());
    if (this.#now() >= this.#retryAt) void this.flush(false);
  }

  #note(reply: Reply): void {
    const before = this.#state.state;
    if (reply.ok) {
      this.#state = { state: 'on', bytes: reply.bytes };
      this.#retryAt = 0;
      if (before === 'on') return;
      this.#parts.feed.tell('history', undefined, { state: 'on' });
      this.#parts.log.info('history is kept again');
    } else {
      const { reason } = reply;
      this.#state = { state: 'unavailable', reason, retryAt: this.#wall() + MINUTE_MS };
      this.#retryAt = this.#now() + MINUTE_MS;
      if (before !== 'on') return;
      this.#parts.feed.tell('history', undefined, { state: 'unavailable', reason });
      this.#parts.log.warn('history is not kept; calls go on', { reason });
    }
  }
}
