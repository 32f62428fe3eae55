/**
 * Makes one stream of many that are lost, one after the other.
 *
 *   opening ──▶ (catching up) ──▶ flowing ──▶ lost ──▶ opening …
 *      │               └──── cut ─────┴ cut ─────┘  └ the topic is over: ended
 *      └ error that no endpoint could help: thrown
 *
 * Where to open, and how long to wait before, is the opener's concern. This is about the messages:
 *
 *   (1) A message is told once, whichever streams and fillings bring it. The same stream may repeat itself.
 *   (2) Where the topic's messages are linked or numbered, a message that does not follow what was told comes after a
 *       gap, and what could be had of the missing comes between the two.
 *   (3) Where they are not, every resumption is a gap.
 *   (4) `filled` is said only of heights of which nothing is missing, and their messages follow.
 *   (5) Heights told are those of a message or of the anchor; the next gap begins behind the highest.
 *   (6) A gap whose filling is cut by the loss of its stream is not told yet: the next stream tries the same gap. After
 *       TRIES_MAX cuts the one after them tells it, unfilled, without asking.
 *   (7) What came behind such a gap waits with it, at most `keptMax` messages, and is told after it, unless it is in
 *       what was had. What ends the topic does not wait.
 */
import type { Clock } from '../core/clock.ts';
import type { Continuity, Found, Missing, Place } from '../core/continuity.ts';
import { NetError } from '../core/error.ts';
import type { Data, Gap, GapReason, Message, Stream, StreamObserver, Subscribe, Topic } from '../core/subscribe.ts';
import { KeptMessages } from './resume-kept.ts';
import { SeenIds } from './resume-memory.ts';

export interface ResumeOptions {
  /** Opens a stream, somewhere. It throws what no other endpoint could help, and otherwise keeps trying. */
  readonly open: (topic: Topic, resumed: boolean, signal: AbortSignal | undefined) => Promise<Stream>;
  readonly continuityOf: (topic: Topic) => Continuity;
  /** Ids remembered per topic. Default 8,192. */
  readonly idsMax?: number;
  /** Messages that wait behind a gap until another stream has tried to fill it. Default 10,000. */
  readonly keptMax?: number;
  readonly clock: Clock;
  readonly observer: StreamObserver;
  /** Told when messages were seen before and not told again. */
  readonly onRepeat?: () => void;
}

const IDS_MAX = 8_192;
const KEPT_MAX = 10_000;
/** Streams that may be lost over one gap: more than that, and asking for it may be what ends them. */
const TRIES_MAX = 3;

export function resume(options: ResumeOptions): Subscribe {
  return (topic, signal, standing) => resumed(options, topic, signal, standing);
}

async function* resumed(
  options: ResumeOptions,
  topic: Topic,
  signal?: AbortSignal,
  standing?: () => void,
): AsyncGenerator<Message> {
  const { clock, observer } = options;
  const thread = new Thread(options.continuityOf(topic), topic, options);
  for (let streams = 1; ; streams++) {
    const again = streams > 1;
    const startedAt = clock.now();
    const stream = await options.open(topic, again, signal);
    const { endpoint } = stream;
    observer.streamOpened?.({ topic: topic.name, endpoint, resumed: again, openMs: clock.now() - startedAt });
    if (!again) standing?.();
    try {
      yield* thread.caughtUp(stream, streams);
      if (thread.over) return;
      for await (const message of stream) {
        if (thread.follows(message)) {
          const told = thread.tell(message.value, streams, false);
          if (told !== undefined) yield told;
        } else {
          yield* thread.take(message, stream, streams);
        }
        if (thread.over) return;
      }
      throw new NetError('RESET', `the stream of ${topic.name} ended`, { reach: 'answered' });
    } catch (thrown) {
      const error = NetError.from(thrown);
      if (signal?.aborted || error.code === 'CLOSED') throw thrown;
      observer.streamLost?.({ topic: topic.name, endpoint, error });
    } finally {
      stream.leave();
    }
  }
}

/** What has been told of a topic, and what follows from it. */
class Thread {
  /** The topic has come to its end: `ends` said so of a message. */
  over = false;
  /** The stream was lost while a gap was being filled: nothing more of it is told. */
  #cut = false;
  /** Streams that were lost over the gap that is to be filled. */
  #cuts = 0;
  /** (7) The first of them is what the gap stands before, where messages are linked. */
  readonly #kept: KeptMessages;
  readonly #continuity: Continuity;
  readonly #topic: Topic;
  readonly #options: ResumeOptions;
  readonly #seen: SeenIds;
  /** The highest height told, or that of the anchor. */
  #height: number | undefined;
  /** What lies at or below was there before the subscription began. */
  #floor: number | undefined;
  /** Why the next gap is one: a loss, until a message has come since. */
  #reason: GapReason = 'skipped';

  constructor(continuity: Continuity, topic: Topic, options: ResumeOptions) {
    this.#continuity = continuity;
    this.#topic = topic;
    this.#options = options;
    this.#seen = new SeenIds(options.idsMax ?? IDS_MAX);
    this.#kept = new KeptMessages(options.keptMax ?? KEPT_MAX);
  }

  /** What a new stream begins with: after a loss, what was missed; and its anchor. */
  async *caughtUp(stream: Stream, source: number): AsyncGenerator<Message> {
    const { anchor, newest, linked } = this.#continuity;
    this.#cut = false;
    const value = linked === true ? await answered(newest?.(stream.ask)) : undefined;
    if (source === 1) {
      if (value !== undefined) this.#beginAfter(value, source);
      if (anchor !== undefined) this.#reach(await answered(anchor(stream.ask)));
      return;
    }
    this.#reason = 'lost';
    if (linked === true) {
      if (this.#seen.size === 0) yield this.#gap('lost', undefined, undefined, false);
      yield* this.#waited(stream, source);
      const now = { kind: 'data', value, height: undefined, filled: true } as const;
      if (value !== undefined && !this.over) yield* this.take(now, stream, source);
      return;
    }
    const whole = { from: this.#height, to: undefined, next: undefined };
    const found = yield* this.#missed(whole, stream, source);
    if (this.#cut || this.over) return;
    if (found === undefined || (!found.complete && found.values.length === 0)) yield* this.#waited(stream, source);
    else this.#kept.take(); // it was found, or will come of this stream
    if (found?.to === undefined && anchor !== undefined) this.#reach(await answered(anchor(stream.ask)));
  }

  /** (7) What waited behind the gap. Where nothing links them, what came between two streams is missing. */
  async *#waited(stream: Stream, now: number): AsyncGenerator<Message> {
    for (const { source, messages } of this.#kept.take()) {
      for (const message of messages) {
        yield* this.take(message, stream, source);
        if (this.over) return;
      }
      if (source !== now) yield* this.#lostBetween();
    }
  }

  *#lostBetween(): Generator<Gap> {
    this.#reason = 'lost';
    if (this.#continuity.linked !== true) yield this.#gap('lost', this.#height, undefined, false);
  }

  /** The newest there was when the stream began: the first to be told follows it, or is it. */
  #beginAfter(value: unknown, source: number): void {
    const place = this.#continuity.place?.(value);
    if (place === undefined) return;
    this.#seen.repeats(place.id, source);
    this.#reach(place.height);
    this.#floor = place.height;
  }

  /** Whether it is a message that can be told as it is. */
  follows(message: Message): message is Data {
    if (message.kind === 'gap' || this.#cut) return false;
    const place = this.#continuity.linked === true ? this.#continuity.place?.(message.value) : undefined;
    return place === undefined || this.#missingBefore(place) === undefined;
  }

  /** What does not follow: before it comes what is missing. */
  async *take(message: Message, stream: Stream, source: number): AsyncGenerator<Message> {
    if (this.#cut) {
      if (!this.#isLast(message)) return void this.#kept.add(message, source);
      this.#cut = false;
      yield this.#gap(this.#reason, this.#height, undefined, false);
      yield* this.#waited(stream, source);
    }
    if (message.kind === 'data') {
      yield* this.#data(message, stream, source);
    } else if (this.#continuity.linked !== true) {
      yield this.#gap(message.reason, this.#height, undefined, false, message.dropped);
    } // of linked messages, the next tells by itself what is missing
  }

  #isLast(message: Message): boolean {
    return message.kind === 'data' && this.#continuity.ends?.(message.value) === true;
  }

  /** Notes a message. @returns it as it is told; nothing when it has been */
  tell(value: unknown, source: number, filled: boolean): Data | undefined {
    this.over ||= this.#continuity.ends?.(value) ?? false;
    const place = this.#continuity.place?.(value);
    if (!filled) this.#reason = 'skipped';
    if (place === undefined) return { kind: 'data', value, height: undefined, filled };
    if (this.#seen.repeats(place.id, filled ? -source : source)) {
      this.#options.onRepeat?.();
      return undefined;
    }
    if (place.undoes !== undefined) this.#seen.forget(place.undoes);
    if (place.height !== undefined) this.#floor ??= place.height - 1;
    this.#reach(place.height);
    return { kind: 'data', value, height: place.height, filled };
  }

  async *#data(message: Data, stream: Stream, source: number): AsyncGenerator<Message> {
    const { value, filled } = message;
    const place = this.#continuity.place?.(value);
    const missing = place === undefined ? undefined : this.#missingBefore(place);
    if (missing !== undefined) yield* this.#missed({ ...missing, next: value }, stream, source);
    if (this.#cut) return void this.#kept.add(message, source);
    const told = this.tell(value, source, filled);
    if (told !== undefined) yield told;
  }

  /** (2) The heights between what was told and this message, when it does not follow. */
  #missingBefore({ id, height, parent, follows }: Place): Heights | undefined {
    if (this.#seen.size === 0 || height === undefined || this.#seen.has(id)) return undefined;
    const told = this.#height ?? height;
    if (parent !== undefined) {
      if (this.#seen.has(parent) || height - 1 <= (this.#floor ?? height)) return undefined;
      return { from: Math.min(told + 1, height - 1), to: height - 1 };
    }
    return follows === undefined || follows <= told ? undefined : { from: told + 1, to: follows };
  }

  /** Tells a gap, and what could be had of what is missing. Tells nothing when that is cut. @returns what was had */
  async *#missed(
    { from, to, next }: Heights & { readonly next: unknown },
    stream: Stream,
    source: number,
  ): AsyncGenerator<Message, Found | undefined> {
    const known = (id: string): boolean => this.#seen.has(id);
    const missing: Missing = { params: this.#topic.params, floor: this.#floor, from, to, next, known };
    const fill = this.#cuts < TRIES_MAX ? this.#continuity.fill : undefined;
    const found = await answered(fill?.(missing, stream.ask));
    if (found === undefined && fill !== undefined && stream.over) {
      this.#cuts++;
      this.#cut = true;
      return undefined;
    }
    this.#cuts = 0;
    if (found === undefined) {
      yield this.#gap(this.#reason, from, to, false);
      return undefined;
    }
    const values = found.values.filter((value) => !this.#seen.has(this.#continuity.place?.(value)?.id ?? ''));
    if (values.length > 0 || !found.complete || !found.joins) yield* this.#gaps(from, to, found);
    for (const value of values) {
      const told = this.tell(value, source, true);
      if (told !== undefined) yield told;
      if (this.over) return found;
    }
    this.#reach(found.to);
    return found;
  }

  /** The part of a gap that stays one, then the part that was filled. */
  *#gaps(from: number | undefined, to: number | undefined, found: Found): Generator<Gap> {
    const first = found.from;
    const last = to ?? found.to;
    if (!found.complete || first === undefined) {
      yield this.#gap(this.#reason, from, last, found.complete && found.joins);
      return;
    }
    const before = from === undefined || from >= first ? undefined : from;
    if (!found.joins) yield this.#gap(this.#reason, before, first - 1, false);
    yield this.#gap(this.#reason, first, last, true);
  }

  #gap(reason: GapReason, from: number | undefined, to: number | undefined, filled: boolean, dropped?: number): Gap {
    const gap = { reason, from, to, filled, dropped };
    this.#options.observer.streamGap?.({ ...gap, topic: this.#topic.name });
    return { kind: 'gap', ...gap };
  }

  #reach(height: number | undefined): void {
    if (height !== undefined && height > (this.#height ?? Number.NEGATIVE_INFINITY)) this.#height = height;
  }
}

interface Heights {
  readonly from: number | undefined;
  readonly to: number | undefined;
}

/** What could be had. When asking fails, the gap stays one, or waits; the stream tells of its own troubles. */
async function answered<T>(asking: Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await asking;
  } catch {
    return undefined; // told by a gap that is not filled, now or when others have tried
  }
}
