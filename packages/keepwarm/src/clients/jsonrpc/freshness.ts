/**
 * How far the endpoints of a pool have come. They are asked in rounds, all at once, so that their heights compare; what
 * answers to calls prove is added to that.
 *
 *             called()                   all have answered, or timeoutMs
 *   asleep ─────────────▶ asking ───────────────────────────────────────▶ resting
 *      ▲                     ▲                 intervalMs, jittered           │
 *      │                     └────────────────────────────────────────────────┤
 *      └───────────── nobody has called for idleMs, nobody waits ─────────────┘     close() leads out of each
 *
 * What was known when it fell asleep is kept: who lagged then lags until it has shown otherwise.
 *
 * Invariants, true whenever no method is running:
 *   (1) At most one probe is under way per endpoint, none after close(), and none lives longer than `timeoutMs`.
 *   (2) Asleep and closed, there is no timer. Otherwise there is one, apart from those of callers who wait.
 *   (3) Somebody is not behind, if anybody ever answered: whose claim became the head. It may have fallen silent since.
 *   (4) States change at the end of a round only, each with one fact.
 *   (5) Everybody who waits for a height is told: that it is reached, that it took too long, or that all is closed.
 */
import { afterInput, type Clock, type Random, type Timer } from '../../core/clock.ts';
import type { Observer } from '../../core/observer.ts';
import type { FreshnessNeed, HeadProbe } from './adapter.ts';
import { headOf } from './freshness-head.ts';
import { FreshnessNode, type FreshnessState } from './freshness-node.ts';
import type { FreshnessOptions } from './freshness-options.ts';
import { Passing } from './freshness-passing.ts';
import { HeightWaiting, type WaitEnds } from './freshness-waiting.ts';

export interface EndpointPlace {
  readonly name: string;
  /** For facts: scheme, host and port, as `Origin.key`. */
  readonly origin: string;
}

export interface FreshnessParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  readonly head: HeadProbe;
  /** Sends the probe to this endpoint, past all retries. @returns its result */
  ask(endpoint: string, signal: AbortSignal): Promise<unknown>;
}

export interface EndpointFreshness {
  readonly name: string;
  /** `unknown`: it has not said yet. `implausible`: it claims a height that nobody can believe. */
  readonly state: FreshnessState;
  /** By its last probe. */
  readonly height: number | undefined;
  /** Heights behind the head; below 0 for what is implausible. */
  readonly lag: number;
  /** How long ago the head passed it, in ms; 0 when it has not. */
  readonly lagMs: number;
}

export interface FreshnessSnapshot {
  /** Nothing before the first round. */
  readonly head: number | undefined;
  readonly endpoints: readonly EndpointFreshness[];
}

/** While somebody waits, the longest rest between rounds, in ms. */
const REST_MS_MAX = 250;
/** Heights that have not been asked for in so many intervals may be of long ago. */
const ROUNDS_OLD_MAX = 2;
/** How much of the pace is what the last round showed. */
const PACE_SHARE = 0.3;

export class Freshness {
  readonly #nodes: ReadonlyMap<string, FreshnessNode>;
  readonly #options: FreshnessOptions;
  readonly #parts: FreshnessParts;
  readonly #passing = new Passing();
  readonly #waiting: HeightWaiting;
  #phase: 'asleep' | 'asking' | 'resting' | 'closed' = 'asleep';
  #timer: Timer | undefined;
  #round: AbortController | undefined;
  #calledAt = Number.NEGATIVE_INFINITY;
  #head: number | undefined;
  #headAt = Number.NEGATIVE_INFINITY;
  /** When the last round began of which all is known. */
  #roundAt = Number.NEGATIVE_INFINITY;
  /** Whether anybody answered in it. */
  #isHeard = false;
  #rate: number | undefined;
  #furthest = -1;

  constructor(endpoints: readonly EndpointPlace[], options: FreshnessOptions, parts: FreshnessParts) {
    this.#nodes = new Map(endpoints.map(({ name, origin }) => [name, new FreshnessNode(name, origin)]));
    this.#options = options;
    this.#parts = parts;
    this.#waiting = new HeightWaiting(options.reachMs, parts.clock);
  }

  /** The height of the chain, by the last round. */
  get head(): number | undefined {
    return this.#head;
  }

  /** A call is about to be made: as long as that goes on, endpoints are asked. One alone has nobody to lag behind. */
  called(): void {
    this.#calledAt = this.#parts.clock.now();
    if (this.#phase === 'asleep' && this.#nodes.size > 1) this.#ask();
  }

  /** Whether an endpoint has come far enough; where nobody has, whether it keeps up with the head. */
  eligible(endpoint: string, { head, height }: FreshnessNeed): boolean {
    const node = this.#nodes.get(endpoint);
    if (node === undefined) return true;
    if (head && node.isBehind) return false;
    // Who is asked about a height that he has not reached says so: nobody needs to know beforehand.
    if (height === undefined || (!head && node.state === 'unknown')) return true;
    return this.#furthest >= height ? node.reached >= height && node.state !== 'implausible' : !node.isBehind;
  }

  /** How far this endpoint is known to have come; -1 for nowhere. */
  reached(endpoint: string): number {
    return this.#nodes.get(endpoint)?.reached ?? -1;
  }

  /** Whether some endpoint has reached it, or may have since they were asked. */
  mayBeReached(height: number): boolean {
    return this.#head === undefined || this.#furthest >= height || this.#isNear(height);
  }

  /** An answer of this endpoint proves that it has reached this height. */
  seen(endpoint: string, height: number): void {
    const node = this.#nodes.get(endpoint);
    if (node === undefined || node.state === 'implausible' || height <= node.reached) return;
    if (!this.#isNear(height)) return;
    node.seen(height);
    this.#measureFurthest();
  }

  /** Resolves when every endpoint has been asked once, with or without success. */
  async ready(): Promise<void> {
    if (this.#roundAt === Number.NEGATIVE_INFINITY)
      await this.#measured({}).catch(() => undefined); // closed: no more
    else this.called();
  }

  /**
   * The greatest height that so many endpoints have reached, of those that keep up and were heard in the last round; of
   * fewer, what all of them have. Nothing of none.
   */
  common(count: number): number | undefined {
    if (!this.#isHeard) return undefined;
    const told = [...this.#nodes.values()].flatMap((node) => (node.isHeard && !node.isBehind ? node.reached : []));
    told.sort((a, b) => b - a);
    return told[Math.min(count, told.length) - 1];
  }

  /**
   * Resolves when heights are known that are not of long ago; nothing if they are.
   *
   * @throws NetError `DEADLINE`, `SATURATED` when too many wait, `CLOSED`; the signal's reason
   */
  current(ends: WaitEnds): Promise<void> | undefined {
    const { intervalMs, timeoutMs } = this.#options;
    const isRecent = this.#parts.clock.now() - this.#roundAt <= ROUNDS_OLD_MAX * intervalMs + timeoutMs;
    return isRecent ? undefined : this.#measured(ends);
  }

  /**
   * Resolves as soon as some endpoint has reached the height.
   *
   * @throws NetError `TIMEOUT` after `reachMs`, `DEADLINE`, `SATURATED` when too many wait, `CLOSED`; the reason
   */
  reach(height: number, ends: WaitEnds = {}): Promise<void> {
    if (this.#furthest >= height || this.#nodes.size < 2) return Promise.resolve();
    const reached = this.#waiting.wait(height, ends);
    this.called();
    if (this.#phase === 'resting') this.#rest(); // sooner
    return reached;
  }

  snapshot(): FreshnessSnapshot {
    const now = this.#parts.clock.now();
    const endpoints = Array.from(this.#nodes.values(), ({ name, state, height, lag }) => {
      return { name, state, height, lag, lagMs: lag > 0 ? this.#passing.agoMs(height ?? 0, now) : 0 };
    });
    return { head: this.#head, endpoints };
  }

  /** Twice is harmless. */
  close(): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#timer?.cancel();
    this.#round?.abort();
    this.#waiting.close();
  }

  async #measured(ends: WaitEnds): Promise<void> {
    if (this.#nodes.size < 2) return;
    const measured = this.#waiting.round(ends);
    this.called();
    await measured;
  }

  /** No further above the head than any chain can have come since: an answer may be as wrong as a probe. */
  #isNear(height: number): boolean {
    if (this.#head === undefined) return false;
    const { clock, head } = this.#parts;
    return height - this.#head <= this.#options.lagMax + (clock.now() - this.#headAt) / head.heightMsMin;
  }

  #ask(): void {
    const { clock, head, ask } = this.#parts;
    const round = new AbortController();
    this.#round = round;
    this.#phase = 'asking';
    const startedAt = clock.now();
    this.#timer = afterInput(clock, this.#options.timeoutMs, () => this.#measure(round, startedAt));
    let under = this.#nodes.size;
    const ended = (): void => {
      if (--under === 0) this.#measure(round, startedAt);
    };
    for (const node of this.#nodes.values()) {
      const answered = (result: unknown): void => {
        const height = this.#round === round ? head.read(result) : undefined;
        if (height !== undefined) node.answered(height, clock.now(), this.#headAt);
      };
      // One that cannot be asked, or does not say, has missed the round; calls show what is wrong with it.
      new Promise((resolve) => resolve(ask(node.name, round.signal))).then(answered).then(ended, ended);
    }
  }

  /** The round is over; what comes later is about another time. */
  #measure(round: AbortController, startedAt: number): void {
    if (this.#round !== round || this.#phase !== 'asking') return;
    const now = this.#parts.clock.now();
    this.#timer?.cancel();
    this.#round = undefined;
    round.abort();
    const nodes = [...this.#nodes.values()];
    const { lagMax } = this.#options;
    this.#isHeard = nodes.some(({ claim }) => claim !== undefined);
    if (this.#isHeard) {
      const claims = nodes.flatMap((node) => node.claimAt(now) ?? []);
      const { heightMsMin } = this.#parts.head;
      const { head, seconded, refused } = headOf(claims, this.#head, { rate: this.#rate, heightMsMin, lagMax });
      this.#moved(head, seconded, now);
      for (const node of nodes) this.#tell(node, node.measure(head, refused.has(node.claim!), lagMax, now), now);
      this.#measureFurthest();
    }
    this.#roundAt = startedAt;
    this.#waiting.measured();
    this.#rest(startedAt);
  }

  #moved(head: number, seconded: boolean, now: number): void {
    if (this.#head !== undefined && seconded && head >= this.#head && now > this.#headAt) {
      const rate = (head - this.#head) / (now - this.#headAt);
      // A head that stands is measured once it moves: blocks come seldom, and rounds often.
      if (rate > 0) this.#rate = this.#rate === undefined ? rate : this.#rate + PACE_SHARE * (rate - this.#rate);
    }
    if (head === this.#head) return;
    this.#head = head;
    this.#headAt = now;
    this.#passing.at(head, now);
  }

  #tell(node: FreshnessNode, before: FreshnessState | undefined, now: number): void {
    if (before === undefined) return;
    const { name: endpoint, origin, state, height, lag, since } = node;
    const place = { endpoint, origin, height: height!, head: this.#head!, lag };
    const { observer } = this.#parts;
    if (node.isBehind) {
      const reason = state === 'implausible' ? 'implausible' : 'behind';
      observer.endpointLagging?.({ ...place, reason });
    } else if (before !== 'unknown') {
      observer.endpointCaughtUp?.({ ...place, laggedMs: now - since });
    }
  }

  #measureFurthest(): void {
    this.#furthest = -1;
    for (const { reached, state } of this.#nodes.values()) {
      if (state !== 'implausible' && reached > this.#furthest) this.#furthest = reached;
    }
    this.#waiting.reached(this.#furthest);
  }

  /** @param askedAt when the last round began */
  #rest(askedAt = this.#parts.clock.now()): void {
    const { clock, random } = this.#parts;
    const { intervalMs, jitter, idleMs } = this.#options;
    const now = clock.now();
    this.#timer?.cancel();
    if (now - this.#calledAt >= idleMs && this.#waiting.size === 0) {
      this.#phase = 'asleep';
      return;
    }
    this.#phase = 'resting';
    const restMs = intervalMs * (1 - jitter + 2 * jitter * random());
    const longest = this.#waiting.size > 0 ? Math.min(restMs, REST_MS_MAX) : restMs;
    this.#timer = clock.after(Math.max(0, askedAt + longest - now), () => this.#ask());
  }
}
