/**
 * Makes one stream of many that are lost, one after the other.
 *
 *   opening ──▶ (catching up) ──▶ flowing ──▶ lost ──▶ opening …
 *      └ error that no endpoint could help: thrown            └ the topic is over: ended
 *
 * Where to open, and how long to wait before, is the opener's concern. This is about the messages:
 *
 *   (1) A message is told once, whichever streams and fillings bring it. The same stream may repeat itself.
 *   (2) Where the topic's messages are linked or numbered, a message that does not follow what was told comes after a
 *       gap, and what could be had of the missing comes between the two.
 *   (3) Where they are not, every resumption is a gap.
 *   (4) `filled` is said only of heights of which nothing is missing, and their messages follow.
 *   (5) Heights told are those of a message or of the anchor; the next gap begins behind the highest.
 */
import type { Clock } from '../core/clock.ts';
import type { Continuity, Found, Missing, Place } from '../core/continuity.ts';
import { NetError } from '../core/error.ts';
import type { Data, Gap, GapReason, Message, Stream, StreamObserver, Subscribe, Topic } from '../core/subscribe.ts';
import { SeenIds } from './resume-memory.ts';

export interface ResumeOptions {
  /** Opens a stream, somewhere. It throws what no other endpoint could help, and otherwise keeps trying. */
  readonly open: (topic: Topic, resumed: boolean, signal: AbortSignal | undefined) => Promise<Stream>;
  readonly continuityOf: (topic: Topic) => Continuity;
  /** Ids remembered per topic. Default 8,192. */
  readonly idsMax?: number;
  readonly clock: Clock;
  readonly observer: StreamObserver;
  /** Told when messages were seen before and not told again. */
  readonly onRepeat?: () => void;
}

const IDS_MAX = 8_192;

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
  }

  /** What a new stream begins with: after a loss, what was missed; and its anchor. */
  async *caughtUp(stream: Stream, source: number): AsyncGenerator<Message> {
    const { anchor, newest, linked } = this.#continuity;
    const value = linked === true ? await answered(newest?.(stream.ask)) : undefined;
    if (source === 1) {
      if (value !== undefined) this.#beginAfter(value, source);
      if (anchor !== undefined) this.#reach(await answered(anchor(stream.ask)));
      return;
    }
    this.#reason = 'lost';
    if (linked === true) {
      if (this.#seen.size === 0) yield this.#gap('lost', undefined, undefined, false);
      if (value !== undefined) yield* this.#data(value, stream, source, true);
      return;
    }
    const whole = { from: this.#height, to: undefined, next: undefined };
    const anchored = yield* this.#missed(whole, stream, source);
    if (!anchored && anchor !== undefined) this.#reach(await answered(anchor(stream.ask)));
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
    if (message.kind === 'gap') return false;
    const place = this.#continuity.linked === true ? this.#continuity.place?.(message.value) : undefined;
    return place === undefined || this.#missingBefore(place) === undefined;
  }

  /** What does not follow: before it comes what is missing. */
  async *take(message: Message, stream: Stream, source: number): AsyncGenerator<Message> {
    if (message.kind === 'data') {
      yield* this.#data(message.value, stream, source, false);
    } else if (this.#continuity.linked !== true) {
      yield this.#gap(message.reason, this.#height, undefined, false, message.dropped);
    } // of linked messages, the next tells by itself what is missing
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

  async *#data(value: unknown, stream: Stream, source: number, filled: boolean): AsyncGenerator<Message> {
    const place = this.#continuity.place?.(value);
    const missing = place === undefined ? undefined : this.#missingBefore(place);
    if (missing !== undefined) yield* this.#missed({ ...missing, next: value }, stream, source);
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

  /** Tells a gap, and what could be had of what is missing. @returns whether the height is that of now */
  async *#missed(
    { from, to, next }: Heights & { readonly next: unknown },
    stream: Stream,
    source: number,
  ): AsyncGenerator<Message, boolean> {
    const known = (id: string): boolean => this.#seen.has(id);
    const missing: Missing = { params: this.#topic.params, floor: this.#floor, from, to, next, known };
    const found = await answered(this.#continuity.fill?.(missing, stream.ask));
    if (found === undefined) {
      yield this.#gap(this.#reason, from, to, false);
      return false;
    }
    const values = found.values.filter((value) => !this.#seen.has(this.#continuity.place?.(value)?.id ?? ''));
    if (values.length > 0 || !found.complete || !found.joins) yield* this.#gaps(from, to, found);
    for (const value of values) {
      const told = this.tell(value, source, true);
      if (told !== undefined) yield told;
      if (this.over) return true;
    }
    this.#reach(found.to);
    return found.to !== undefined;
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

/** What could be had. When asking fails, the gap stays one; the stream tells of its own troubles. */
async function answered<T>(asking: Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await asking;
  } catch {
    return undefined; // told by a gap that is not filled
  }
}
