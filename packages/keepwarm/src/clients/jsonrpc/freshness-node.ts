/**
 * How far one endpoint has come, and whether that will do.
 *
 *               an answer            lag > lagMax, or silent while the head moved away
 *   unknown ──────────────▶ fresh ────────────────────────────────────────▶ lagging
 *      │                    ▲   ▲             lag ≤ lagMax ÷ 2                 │
 *      │                    │   └──────────────────────────────────────────────┘
 *      │  a claim nobody    │ a claim that is believed
 *      └───believes────▶ implausible   (from everywhere; to lagging, if what is then believed is behind)
 *
 * An endpoint that never said where it is stays unknown, and takes part: whether it works is for its calls to show.
 */
import type { Claim } from './freshness-head.ts';

export type FreshnessState = 'unknown' | 'fresh' | 'lagging' | 'implausible';

/** Rounds an endpoint may miss before it is measured by its last answer: one may be lost. */
const MISSED_MAX = 1;
/** How long the last answer of a silent endpoint holds the head, in ms: long enough to be ejected, or to come back. */
const REMEMBERED_MS = 60_000;

export class FreshnessNode {
  readonly name: string;
  readonly origin: string;
  state: FreshnessState = 'unknown';
  /** By its last probe. */
  height: number | undefined;
  /** The most that a probe or an answer has shown, since its last probe showed less. */
  reached = -1;
  /** Heights behind the head, when it was last measured. */
  lag = 0;
  /** When it became lagging or implausible. */
  since = 0;
  /** In this round. */
  claim: Claim | undefined;
  #believed: number | undefined;
  #believedAt = 0;
  #missed = 0;
  #refusedAt: number | undefined;
  #refusedHeight = 0;

  constructor(name: string, origin: string) {
    this.name = name;
    this.origin = origin;
  }

  get isBehind(): boolean {
    return this.state === 'lagging' || this.state === 'implausible';
  }

  /** Whether it said where it is when it was last asked. */
  get isHeard(): boolean {
    return this.height !== undefined && this.#missed === 0;
  }

  /** @param headSince when the head last moved */
  answered(height: number, now: number, headSince: number): void {
    const { height: before = height } = this;
    this.height = height;
    // What it had once and has no more (a restart, another machine behind the same name) it cannot answer from.
    this.reached = height < before ? height : Math.max(this.reached, height);
    const rising = this.#refusedAt !== undefined && height > this.#refusedHeight;
    this.claim = {
      height,
      before: this.#believed,
      sinceMs: now - this.#believedAt,
      refusedMs: rising ? now - Math.max(this.#refusedAt!, headSince) : 0,
    };
  }

  /**
   * What counts for it in this round: its answer; or its last one, for a while, if that was believed. Without that, the
   * head would fall back to those that lag as soon as those that do not fall silent.
   */
  claimAt(now: number): Claim | undefined {
    if (this.claim !== undefined || this.state === 'implausible') return this.claim;
    if (this.height === undefined || now - this.#believedAt > REMEMBERED_MS) return undefined;
    return { height: this.height, before: this.height, sinceMs: 0, refusedMs: 0 };
  }

  /** An answer to a call has shown that it is at least here. */
  seen(height: number): void {
    if (height > this.reached) this.reached = height;
  }

  /** The round is over. @returns the state it was in, if that has changed */
  measure(head: number, refused: boolean, lagMax: number, now: number): FreshnessState | undefined {
    const before = this.state;
    const { claim } = this;
    this.claim = undefined;
    if (claim === undefined) this.#missed++;
    else this.#missed = 0;
    if (this.height === undefined) return undefined;
    if (claim !== undefined) this.#note(claim.height, refused, now);
    this.lag = head - (claim === undefined ? Math.max(this.height, this.reached) : this.height);
    this.state = this.#next(refused && claim !== undefined, claim === undefined, lagMax);
    if (this.state === before) return undefined;
    if (this.isBehind && before !== 'lagging' && before !== 'implausible') this.since = now;
    return before;
  }

  #note(height: number, refused: boolean, now: number): void {
    if (!refused) {
      this.#believed = height;
      this.#believedAt = now;
      this.#refusedAt = undefined;
    } else if (this.#refusedAt === undefined) {
      this.#refusedAt = now;
      this.#refusedHeight = height;
    }
  }

  #next(refused: boolean, silent: boolean, lagMax: number): FreshnessState {
    if (refused) return 'implausible';
    if (silent && (this.state === 'implausible' || this.#missed <= MISSED_MAX)) return this.state;
    if (this.lag > lagMax) return 'lagging';
    return this.state === 'lagging' && (silent || this.lag > lagMax / 2) ? 'lagging' : 'fresh';
  }
}
