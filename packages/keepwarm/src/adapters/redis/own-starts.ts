/**
 * The starts of one process of a fleet, as it states them to Redis and counts them itself while it is alone.
 *
 *   begun ──settled──▶ counts for windowMs ──▶ gone          begun ──cancelled──▶ given back until Redis has heard it
 *     └─────lost─────▶ counts for lateMs + windowMs ──▶ gone
 *
 * Invariants:
 *   (1) What Redis is told counts there until no sooner than it does here, whenever the report arrives.
 *   (2) What is given back is told until Redis has heard it; beyond GIVEN_BACK_MAX of them, they expire by themselves.
 */
const GIVEN_BACK_MAX = 1_000;

export interface StartTimes {
  readonly windowMs: number;
  readonly lateMs: number;
  readonly attemptMs: number;
}

/** The longest a start counts from its grant, in ms. */
export const holdOf = ({ windowMs, lateMs, attemptMs }: StartTimes): number => attemptMs + lateMs + windowMs;

export class OwnStarts {
  readonly #times: StartTimes;
  /** Until when each counts; nothing while it is under way. */
  readonly #starts = new Map<number, number | undefined>();
  readonly #givenBack = new Set<number>();
  #underWay = 0;

  constructor(times: StartTimes) {
    this.#times = times;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** Those that count. */
  used(now: number): number {
    for (const [id, until] of this.#starts) if (until !== undefined && until <= now) this.#starts.delete(id);
    return this.#starts.size;
  }

  /** When fewer than `most` will count, should nothing else happen; `Infinity` when that takes a settlement. */
  belowAt(most: number, now: number): number {
    const need = this.used(now) - most + 1;
    if (need <= 0) return now;
    const ends = [...this.#starts.values()].flatMap((until) => (until === undefined ? [] : [until]));
    return ends.sort((a, b) => a - b)[need - 1] ?? Number.POSITIVE_INFINITY;
  }

  begin(id: number): void {
    this.#starts.set(id, undefined);
    this.#underWay++;
  }

  settle(id: number, now: number): void {
    this.#underWay--;
    this.#starts.set(id, now + this.#times.windowMs);
  }

  lose(id: number, now: number): void {
    this.#underWay--;
    this.#starts.set(id, now + this.#times.lateMs + this.#times.windowMs);
  }

  cancel(id: number): void {
    this.#underWay--;
    this.#starts.delete(id);
    this.giveBack(id);
  }

  /** Redis may have granted what nobody uses. */
  giveBack(id: number): void {
    if (this.#givenBack.size < GIVEN_BACK_MAX) this.#givenBack.add(id);
  }

  /** Of each start how long it counts from now on, in µs, 0 for what is given back: as the script reads it. */
  report(now: number): number[] {
    const heldUs = holdOf(this.#times) * 1_000;
    const args = [this.used(now) + this.#givenBack.size];
    for (const [id, until] of this.#starts)
      args.push(id, until === undefined ? heldUs : Math.ceil((until - now) * 1_000));
    for (const id of this.#givenBack) args.push(id, 0);
    return args;
  }

  /** Redis has heard a report that had these among it. */
  heard(givenBack: Iterable<number>): void {
    for (const id of givenBack) this.#givenBack.delete(id);
  }

  get givenBack(): readonly number[] {
    return [...this.#givenBack];
  }
}
