/**
 * A body on its way from the connection to its reader. Until the reader comes, what arrives is kept, and reading stops
 * at `KEPT_BYTES_MAX`; then it is pushed through without being kept. A reader that says stop is mostly back before more
 * has come, so reading goes on meanwhile, up to `AHEAD_BYTES_MAX`: stopping and starting a socket costs more.
 *
 *   waiting ──start──▶ flowing ⇄ paused ──▶ over
 *
 * Invariants:
 *   (1) The sink gets every byte once, in order, then exactly one of `end` and `fail`.
 *   (2) While the sink has said stop, nothing is pushed: what still arrives is kept, and is the sink's own afterwards.
 *   (3) Bytes kept ≤ KEPT_BYTES_MAX + one read, and ≤ AHEAD_BYTES_MAX + one read once there is a sink.
 *   (4) What is kept costs what its bytes cost, into however small pieces the peer has cut them.
 */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import type { NetError } from '../../core/error.ts';
import type { BodySink, BodySource } from '../../core/reply.ts';

const KEPT_BYTES_MAX = 256 * 1024;
const AHEAD_BYTES_MAX = 64 * 1024;

/** Pieces that are smaller are put together, into no more than so many bytes. */
const SMALL_BYTES_MAX = 4 * 1024;
const GATHERED_BYTES_MAX = 16 * 1024;
const NOTHING = Buffer.alloc(0);

/** What a pipe asks of the exchange behind it. */
export interface PipeOwner {
  /** The reader has caught up: go on reading. */
  readMore(): void;
  /** The reader takes its time: silence is not the peer's fault. */
  waitForReader(): void;
  abandonBody(reason: unknown): void;
  liftDeadline(until?: number): void;
}

export class BodyPipe implements BodySource {
  readonly bytesExpected: number;
  readonly #owner: PipeOwner;
  #sink: BodySink | undefined;
  #kept: Buffer[] = [];
  /** Of all that is kept, what has been gathered included. */
  #keptBytes = 0;
  /** Small pieces that come after what is in `#kept`: the first so many bytes. */
  #gathered = NOTHING;
  #gatheredBytes = 0;
  #paused = false;
  #outcome: { error: NetError | undefined; trailers: readonly string[] } | undefined;
  #over = false;

  constructor(owner: PipeOwner, bytesExpected: number, kept: Buffer[]) {
    this.#owner = owner;
    this.bytesExpected = bytesExpected;
    for (const chunk of kept) this.#keep(chunk, 0, chunk.length, true);
  }

  /**
   * @param ours nobody writes into these bytes any more, and they have their memory to themselves
   * @returns false when reading should stop until `readMore`
   */
  push(bytes: Buffer, from: number, to: number, ours = false): boolean {
    if (this.#over) return true;
    if (this.#sink === undefined || this.#paused) {
      this.#keep(bytes, from, to, ours);
      return !this.#paused && this.#keptBytes < KEPT_BYTES_MAX;
    }
    this.#paused = !this.#sink.data(bytes.subarray(from, to), ours);
    return !this.#paused;
  }

  /** Whether the reader, not the peer, is what everyone waits for. */
  get stalled(): boolean {
    return this.#paused || (this.#sink === undefined && this.#keptBytes >= KEPT_BYTES_MAX);
  }

  /** Whether its sink keeps what it is given: memory of its own is not wasted on it. */
  get keeps(): boolean {
    return this.#sink?.keeps === true;
  }

  /** Whether as much is kept as may be: reading should stop. */
  get full(): boolean {
    return this.#keptBytes >= (this.#sink === undefined ? KEPT_BYTES_MAX : AHEAD_BYTES_MAX);
  }

  end(trailers: readonly string[]): void {
    this.#outcome ??= { error: undefined, trailers };
    this.#flush();
  }

  fail(error: NetError): void {
    // What was received before the failure is worth nothing to one who wants the whole, but a stream may show it.
    this.#outcome ??= { error, trailers: [] };
    this.#flush();
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    this.#goOn();
  }

  resume(): void {
    if (!this.#paused || this.#over) return;
    this.#paused = false;
    this.#goOn();
  }

  /** Nobody holds the reply any more: unless its body is being read, nobody ever will read it. */
  forsaken(): void {
    if (this.#sink === undefined) this.cancel(new Error('the reply was collected unread'));
  }

  cancel(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#kept = [];
    this.#gathered = NOTHING;
    this.#owner.abandonBody(reason);
  }

  liftDeadline(until?: number): void {
    this.#owner.liftDeadline(until);
  }

  /** @param ours nobody writes into these bytes any more */
  #keep(bytes: Buffer, from: number, to: number, ours: boolean): void {
    const count = to - from;
    this.#keptBytes += count;
    if (count >= SMALL_BYTES_MAX) {
      this.#closeGathered();
      this.#kept.push(ours ? bytes.subarray(from, to) : Buffer.from(bytes.subarray(from, to)));
      return;
    }
    if (this.#gatheredBytes + count > GATHERED_BYTES_MAX) this.#closeGathered();
    const needed = this.#gatheredBytes + count;
    if (needed > this.#gathered.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, Math.min(this.#gathered.length * 2, GATHERED_BYTES_MAX)));
      this.#gathered.copy(larger, 0, 0, this.#gatheredBytes);
      this.#gathered = larger;
    }
    bytes.copy(this.#gathered, this.#gatheredBytes, from, to);
    this.#gatheredBytes = needed;
  }

  #closeGathered(): void {
    if (this.#gatheredBytes === 0) return;
    this.#kept.push(this.#gathered.subarray(0, this.#gatheredBytes));
    this.#gathered = NOTHING;
    this.#gatheredBytes = 0;
  }

  #goOn(): void {
    this.#flush();
    if (this.#over) return;
    if (this.#paused) this.#owner.waitForReader();
    else this.#owner.readMore();
  }

  #flush(): void {
    const sink = this.#sink;
    if (sink === undefined || this.#over) return;
    this.#closeGathered();
    while (!this.#paused && this.#kept.length > 0) {
      const chunk = this.#kept.shift()!;
      this.#keptBytes -= chunk.length;
      this.#paused = !sink.data(chunk, true);
    }
    if (this.#over || this.#paused || this.#outcome === undefined) return;
    this.#over = true;
    this.#sink = undefined;
    const { error, trailers } = this.#outcome;
    if (error === undefined) sink.end(trailers);
    else sink.fail(error);
  }
}

const handles = new FinalizationRegistry<BodyPipe>((pipe) => pipe.forsaken());

/**
 * A pipe as its reader holds it, and nobody else. When it is collected unread, the connection is given up: the backstop
 * for replies that were neither read nor discarded. When that happens is up to the collector; the deadline comes first.
 */
export class BodyHandle implements BodySource {
  readonly #pipe: BodyPipe;

  constructor(pipe: BodyPipe) {
    this.#pipe = pipe;
    handles.register(this, pipe, this);
  }

  get bytesExpected(): number {
    return this.#pipe.bytesExpected;
  }
  /** From now on it has a reader, and being registered would keep all it is made of until the next full collection. */
  start(sink: BodySink): void {
    handles.unregister(this);
    this.#pipe.start(sink);
  }
  resume(): void {
    this.#pipe.resume();
  }
  cancel(reason: unknown): void {
    handles.unregister(this);
    this.#pipe.cancel(reason);
  }
  liftDeadline(until?: number): void {
    this.#pipe.liftDeadline(until);
  }
}
