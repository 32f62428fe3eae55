/**
 * Several streams, one after the other, read as one. The last message handled and the keys of those before survive the
 * streams, so that the next one goes on where the last one was.
 *
 *   reading ──wanted, another may be opened first──▶ both: the old one is delivered, the next one's first is waited for
 *      ▲                                              │ ├─ the next one fails ──▶ reading, and another try in a while
 *      └──the old one has brought that, has ended, or `overlapMs` is over──────┘
 *   reading ──wanted, the old one must go first──▶ ended ──▶ the next is opened ──▶ reading
 *
 * Invariants:
 *   (1) At most two streams are open, and each is ended once.
 *   (2) At most one message of each lies here: the rest waits where the peer can be told to wait.
 *   (3) Per message nothing is added to what lives as long as the monitor.
 *   (4) Whatever was waited for, what happened meanwhile is looked at before the bell is waited for.
 */
import type { Clock, Timer } from '../../core/clock.ts';
import type { MonitorStream } from './monitor-adapter.ts';

export interface HandoverParts<M> {
  readonly overlapMs: number;
  readonly keysMax: number;
  readonly keyOf: ((message: M) => string | number | bigint) | undefined;
  readonly clock: Clock;
  /** How long after a next stream has failed another is tried, in ms. */
  readonly againMs: number;
}

type Wanted = 'no' | 'make first' | 'break first';
type Opening<M> = (last: M | undefined) => Promise<MonitorStream<M>>;

/** A stream, and the one message that was asked of it. */
class Source<M> {
  readonly #stream: MonitorStream<M>;
  readonly #ring: () => void;
  #asked = false;
  step: IteratorResult<M> | undefined;
  failure: { readonly error: unknown } | undefined;

  constructor(stream: MonitorStream<M>, ring: () => void) {
    this.#stream = stream;
    this.#ring = ring;
  }

  ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#stream.next().then(
      (step) => {
        this.step = step;
        this.#ring();
      },
      (error: unknown) => {
        this.failure = { error };
        this.#ring();
      },
    );
  }

  take(): void {
    this.step = undefined;
    this.#asked = false;
  }

  async end(): Promise<void> {
    await this.#stream.return?.().catch(() => undefined);
  }
}

export class Handover<M> {
  readonly #parts: HandoverParts<M>;
  readonly #keys = new Set<string | number | bigint>();
  #last: M | undefined;
  #wanted: Wanted = 'no';
  #waiting: (() => void) | undefined;
  #timer: Timer | undefined;
  #late = false;
  repeated = 0;
  count = 0;

  constructor(parts: HandoverParts<M>) {
    this.#parts = parts;
  }

  /** The connection is to go. @param makeFirst whether the next stream may be opened before this one ends */
  wanted(makeFirst: boolean): void {
    this.#wanted = makeFirst ? 'make first' : 'break first';
    this.#ring();
  }

  /** Messages until the signal fires, a stream fails, or one ends by itself. */
  async *read(open: Opening<M>, signal: AbortSignal): AsyncGenerator<M> {
    const sources: Source<M>[] = [];
    const begin = async (): Promise<Source<M>> => {
      const source = new Source(await open(this.#last), this.#ring);
      sources.push(source);
      return source;
    };
    this.#wanted = 'no';
    signal.addEventListener('abort', this.#ring);
    try {
      let old = await begin();
      for (;;) {
        signal.throwIfAborted();
        const wanted = this.#heard();
        if (wanted === 'break first') {
          await sources.shift()!.end();
          old = await begin();
          continue;
        }
        if (wanted === 'make first') {
          const next = await begin().catch(() => this.#again());
          if (next !== undefined) old = yield* this.#both(old, next, signal, sources);
          continue; // (4)
        }
        old.ask();
        if (old.failure !== undefined) throw old.failure.error;
        if (old.step === undefined) await this.#bell();
        else if (old.step.done) return;
        else yield* this.#deliver(old, old.step.value);
      }
    } finally {
      signal.removeEventListener('abort', this.#ring);
      this.#timer?.cancel();
      await Promise.all(sources.map((source) => source.end()));
    }
  }

  /** Reads both until the next one can take over. @returns the one that goes on */
  async *#both(
    old: Source<M>,
    next: Source<M>,
    signal: AbortSignal,
    sources: Source<M>[],
  ): AsyncGenerator<M, Source<M>> {
    next.ask();
    this.#late = false;
    for (let begun = false; ; ) {
      signal.throwIfAborted();
      if (next.failure !== undefined || next.step?.done) {
        sources.pop();
        await next.end();
        this.#again();
        return old;
      }
      if (next.step !== undefined && !begun) {
        begun = true;
        const { clock, overlapMs } = this.#parts;
        this.#timer?.cancel();
        this.#timer = clock.after(overlapMs, () => {
          this.#late = true;
          this.#ring();
        });
      }
      old.ask();
      if (this.#late || old.failure !== undefined || old.step?.done || this.#joined(next)) break;
      if (old.step === undefined) await this.#bell();
      else yield* this.#deliver(old, old.step.value);
    }
    this.#timer?.cancel();
    // What has been read already is handled, whoever else has it.
    if (old.step !== undefined && !old.step.done) yield* this.#deliver(old, old.step.value);
    sources.shift();
    await old.end();
    return next;
  }

  /** Whether all that came before the first message of the next stream has been handled. */
  #joined({ step }: Source<M>): boolean {
    if (step === undefined || step.done) return false;
    const { keyOf } = this.#parts;
    return keyOf === undefined || this.#keys.has(keyOf(step.value));
  }

  *#deliver(source: Source<M>, message: M): Generator<M> {
    source.take();
    const { keyOf, keysMax } = this.#parts;
    if (keyOf !== undefined) {
      const key = keyOf(message);
      if (this.#keys.has(key)) {
        this.repeated++;
        return;
      }
      this.#keys.add(key);
      if (this.#keys.size > keysMax) this.#keys.delete(this.#keys.values().next().value!);
    }
    this.#last = message;
    yield message;
  }

  #heard(): Wanted {
    const wanted = this.#wanted;
    if (wanted === 'no') return wanted;
    this.#wanted = 'no';
    this.count++;
    return wanted;
  }

  /** The old stream is all there is for now. */
  #again(): undefined {
    const { clock, againMs } = this.#parts;
    this.#timer?.cancel();
    this.#timer = clock.after(againMs, () => this.wanted(true));
  }

  readonly #ring = (): void => {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  };

  #bell(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }
}
