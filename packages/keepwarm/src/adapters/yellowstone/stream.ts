/**
 * A subscription that goes on: one upstream stream after the other, told as one.
 *
 *   waiting ──backoff──▶ opening ──first message──▶ open ──lost──▶ waiting …
 *      │                    └ final error: thrown     └ replay refused: opening, without what is gone
 *      └──────────────────── close, signal ────────────▶ closed
 *
 * Invariants:
 *   (1) At most one upstream stream is open, and it is read only as fast as its reader reads: what waits, waits at the
 *       server, and the window of HTTP/2 stops it.
 *   (2) Messages are told once and in order; where some are missing, a gap stands in their place.
 *   (3) `from_slot` goes out with the first write of a stream and never again: each write of it would replay anew.
 *   (4) After `close`, the signal or a final error, nothing is open and no timer is set.
 */
import { fullJitter } from '../../algo/backoff.ts';
import { invalid } from '../../clients/options.ts';
import { listen, unlisten } from '../../core/abort.ts';
import type { Random } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import { sleep } from '../../core/sleep.ts';
import type { Gap, Message, StreamObserver } from '../../core/subscribe.ts';
import { turnstileOf } from '../../core/turnstile.ts';
import type { SubscribeUpdate } from '../../wire/geyser/generated/geyser_pb.js';
import { Link, type LinkParts } from './link.ts';
import { Progress } from './progress.ts';
import { Asked, OWN_FILTER, type Subscription } from './request.ts';
import type { YellowstoneStreamStats } from './stream-stats.ts';
import { notOpen, verdictOn } from './verdict.ts';

export interface StreamParts extends Omit<LinkParts, 'signal'> {
  readonly random: Random;
  readonly observer: StreamObserver;
  readonly signal: AbortSignal | undefined;
  /** It is over. */
  readonly over: (stream: YellowstoneStream) => void;
}

type Result = IteratorResult<Message<SubscribeUpdate>>;

const TOPIC = 'geyser.Subscribe';
const PING_MS = 5_000;
/** Updates that are read in one go and not told, so that a long replay does not hold the event loop. */
const AT_ONCE_MAX = 256;
/** A server whose oldest slot moves on while it is asked for is asked so often, then without a replay. */
const TOO_OLD_MAX = 3;

export class YellowstoneStream implements AsyncIterableIterator<Message<SubscribeUpdate>> {
  readonly #parts: StreamParts;
  readonly #progress: Progress;
  readonly #ending = new AbortController();
  #asked: Asked;
  #link: Link | undefined;
  /** A message that stands behind a gap. */
  #ready: Message<SubscribeUpdate> | undefined;
  #readers = 0; // reads under way, each after the one before it; and the last of them
  #reading: Promise<Result> | undefined;
  /** Losses since it last got further, and how far that was. */
  #losses = 0;
  #lossesAt: number | undefined;
  #tooOld = 0;
  #replayable = true;
  readonly #counts = { openings: 0, updates: 0, repeats: 0, gaps: 0 };
  #waiting = false;
  #error: unknown;
  #closed = false;

  /** @throws NetError `INVALID` @internal */
  constructor(request: Subscription, parts: StreamParts) {
    const { numbers, signal } = parts;
    this.#asked = new Asked(request);
    this.#parts = parts;
    const { fromSlot } = this.#asked;
    this.#progress = new Progress({ ...numbers, fromSlot: fromSlot === undefined ? undefined : Number(fromSlot) });
    if (signal?.aborted) this.aborted(signal.reason);
    else if (signal !== undefined) listen(signal, this);
    // It is a subscription from the moment it is made, not from its first read.
    if (!this.#closed) this.#link = this.#open();
  }

  /**
   * Replaces all filters, in place: nothing is opened anew. Resolves when they are on their way; while the stream is
   * lost, at once: they go out with its next opening.
   *
   * @throws NetError `INVALID`
   */
  async update(request: Subscription): Promise<void> {
    const asked = new Asked(request);
    if (asked.fromSlot !== undefined) throw invalid('an update has no fromSlot; for a replay, subscribe anew');
    if (asked.commitment !== this.#asked.commitment) throw invalid('an update must not change the commitment');
    this.#asked = asked;
    // A stream that is lost meanwhile tells its reader; the next one begins with these filters.
    await this.#link?.write(asked.request).catch(() => undefined);
  }

  /**
   * Asks the server whether it is there; the answer comes among the updates, so somebody must be reading them.
   *
   * @returns how long it took, in ms
   * @throws NetError `CLOSED` while the stream is lost; `TIMEOUT`, `RESET`
   */
  async ping(options: { readonly deadlineMs?: number } = {}): Promise<number> {
    return this.#link?.ping(options.deadlineMs ?? PING_MS) ?? turnstileOf(this.#parts.clock).refuse(notOpen());
  }

  stats(): YellowstoneStreamStats {
    const { whole, remembered } = this.#progress;
    const alive = this.#waiting ? 'waiting' : this.#link?.begun === true ? 'open' : 'opening';
    const unread = this.#link?.unread ?? 0;
    return { state: this.#closed ? 'closed' : alive, ...this.#counts, slot: whole, remembered, unread };
  }

  next(): Promise<Result> {
    if (this.#readers === 0) {
      const told = this.#toldAlready();
      if (told !== undefined) return Promise.resolve({ done: false, value: told });
    }
    // One after the other: two that read at once would change places.
    this.#readers++;
    const read = (): Promise<Result> => this.#read();
    return (this.#reading = this.#reading?.then(read, read) ?? read());
  }

  async return(): Promise<Result> {
    this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** Ends it; its reader gets no more. Twice is harmless. */
  close(): void {
    this.#end(undefined);
  }

  /** @internal */ aborted(reason: unknown): void {
    this.#end(new NetError('ABORTED', 'the subscription was aborted', { reach: 'answered', cause: reason }));
  }

  /** What can be told without waiting, if there is such. */
  #toldAlready(): Message<SubscribeUpdate> | undefined {
    const link = this.#link;
    const ready = this.#ready;
    this.#ready = undefined;
    if (ready !== undefined || link === undefined) return ready;
    for (let read = 0; read < AT_ONCE_MAX; read++) {
      let told: Message<SubscribeUpdate> | undefined;
      try {
        const update = link.ready();
        if (update === undefined) return undefined;
        told = this.#take(update, link);
      } catch (error) {
        told = this.#lost(error, link);
        if (told === undefined) return undefined;
      }
      if (told !== undefined) return told;
    }
    return undefined;
  }

  async #read(): Promise<Result> {
    try {
      while (!this.#closed) {
        const told = this.#toldAlready() ?? (await this.#toldNext());
        if (told !== undefined) return { done: false, value: told };
      }
      // An error is thrown once; after that, as with any iterator, it is simply over.
      const error = this.#error;
      this.#error = undefined;
      if (error !== undefined) throw error;
      return { done: true, value: undefined };
    } finally {
      // Before its reader knows: who asks for the next at once gets it at once.
      if (--this.#readers === 0) this.#reading = undefined;
    }
  }

  async #toldNext(): Promise<Message<SubscribeUpdate> | undefined> {
    const link = (this.#link ??= await this.#reopened());
    if (link === undefined) return undefined;
    try {
      const update = await link.next();
      return this.#closed ? undefined : this.#take(update, link);
    } catch (error) {
      return this.#lost(error, link);
    }
  }

  #open(): Link {
    const again = ++this.#counts.openings > 1;
    const from = this.#replayable && this.#tooOld <= TOO_OLD_MAX ? this.#progress.replayFrom : undefined;
    this.#progress.reopen(from !== undefined);
    const request = this.#asked.from(from === undefined ? undefined : BigInt(from));
    const link = new Link({ ...this.#parts, signal: this.#ending.signal }, request);
    if (again && from !== undefined) link.catchUp(this.#asked.commitment, this.#progress.whole ?? from);
    return link;
  }

  /** Nothing when it was closed meanwhile. */
  async #reopened(): Promise<Link | undefined> {
    const { numbers, clock, random } = this.#parts;
    const { backoffMs, backoffMsMax } = numbers;
    if (this.#losses > 0) {
      this.#waiting = true;
      clock.hold(); // while there is no connection, nothing else keeps the process alive
      try {
        await sleep(clock, fullJitter(backoffMs, backoffMsMax, this.#losses, random), this.#ending.signal);
      } catch {
        return undefined; // closed meanwhile, which the reader sees
      } finally {
        clock.release();
        this.#waiting = false;
      }
    }
    try {
      return this.#open();
    } catch (error) {
      this.#end(error);
      return undefined;
    }
  }

  #take(update: SubscribeUpdate, link: Link): Message<SubscribeUpdate> | undefined {
    if (!link.begun) this.#begun(link);
    const { case: kind } = update.updateOneof;
    if (kind === 'ping' || kind === 'pong') return undefined;
    const { gap: missing, told, slot } = this.#progress.take(update, this.#asked.whole);
    if (missing !== undefined) this.#tellGap(missing);
    if (!told) this.#counts.repeats++;
    if (!told || !this.#isWanted(update)) return missing;
    this.#counts.updates++;
    const filled = slot !== undefined && slot <= link.behind;
    const data = { kind: 'data', value: update, height: slot, filled } as const;
    if (missing !== undefined) this.#ready = data;
    return missing ?? data;
  }

  /** Not what only our own filter asked for. */
  #isWanted({ filters }: SubscribeUpdate): boolean {
    const own = filters.indexOf(OWN_FILTER);
    if (own < 0) return true;
    filters.splice(own, 1);
    return filters.length > 0;
  }

  #begun(link: Link): void {
    link.begun = true;
    this.#tooOld = 0;
    const { clock, observer, caller } = this.#parts;
    const resumed = this.#counts.openings > 1;
    observer.streamOpened?.({ topic: TOPIC, endpoint: caller.target, resumed, openMs: clock.now() - link.startedAt });
  }

  /** @returns a gap, where a replay was refused and it is known what is gone */
  #lost(error: unknown, link: Link): Gap | undefined {
    this.#link = undefined;
    link.close();
    if (this.#closed) return undefined;
    const verdict = verdictOn(error, link.replayed);
    if (verdict.kind === 'final') {
      this.#end(error);
      return undefined;
    }
    const { observer, caller } = this.#parts;
    observer.streamLost?.({ topic: TOPIC, endpoint: caller.target, error: NetError.from(error) });
    const { whole } = this.#progress;
    this.#losses = whole === this.#lossesAt ? this.#losses + 1 : 1;
    this.#lossesAt = whole;
    if (verdict.kind === 'no replay') this.#replayable = false;
    if (verdict.kind !== 'too old') return undefined;
    // Nothing is wrong with the server: it is asked again at once, for what it has.
    this.#losses = 0;
    this.#tooOld = verdict.first === undefined ? TOO_OLD_MAX + 1 : this.#tooOld + 1;
    const missing = verdict.first === undefined ? undefined : this.#progress.lost(verdict.first);
    if (missing !== undefined) this.#tellGap(missing);
    return missing;
  }

  #tellGap({ kind: _, ...missing }: Gap): void {
    this.#counts.gaps++;
    this.#parts.observer.streamGap?.({ ...missing, topic: TOPIC });
  }

  #end(error: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#error = error;
    this.#ready = undefined;
    if (this.#parts.signal !== undefined) unlisten(this.#parts.signal, this);
    this.#link?.close();
    this.#link = undefined;
    this.#ending.abort(error);
    this.#parts.over(this);
  }
}
