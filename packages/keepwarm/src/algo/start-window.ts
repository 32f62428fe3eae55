/**
 * Starts of connections under a provider's limit, as the provider counts them: it sees each at some instant between its
 * grant and its settlement, which is the peer's first bytes, or a definite failure. A log stamped at the grant lets
 * twice the limit through, since one batch may land late and the next at once; so a start holds its place from its
 * grant until it is settled, and counts for a window from then on (`algo/exact-window.ts`).
 *
 *   wanted ──admitted──▶ under way ──settled──▶ counts for windowMs more ──▶ free
 *                           │ └──lost, without an answer──▶ counts for lateMs + windowMs more
 *                           └──cancelled, before a packet left──▶ free
 *   penalised ──▶ nothing is admitted until the pause is over
 *
 * Invariants, true whenever no method is running:
 *   (1) No half-open window of windowMs, at the provider, has more than `limit` starts in it.
 *   (2) Growth leaves `reserve` places to reconnects, which may take any.
 *   (3) Nothing is admitted before `pausedUntil`, which only ever moves on.
 *   (4) What an earlier run had begun or settled is counted as if it were this one's.
 */
import { ExactWindow } from './exact-window.ts';

/** Reconnects bring back what there was; growth is what there was not yet: more sessions, successors, warm-ups. */
export type StartKind = 'reconnect' | 'growth';

export interface StartFigures {
  /** Starts in any window; a whole number from 1. */
  readonly limit: number;
  /** Length of the window, in ms. */
  readonly windowMs: number;
  /** Places that growth leaves to reconnects; fewer than `limit`. */
  readonly reserve: number;
  /** How long a start that got no answer may still be on its way to the provider, in ms. */
  readonly lateMs: number;
}

/** A start of an earlier run, on the clock of this one. */
export interface Remembered {
  /** The instant by which the provider has counted it; nothing when it was under way when that run ended. */
  readonly settledAt: number | undefined;
}

export class StartWindow {
  readonly #figures: StartFigures;
  readonly #window: ExactWindow;
  #underWay = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;

  /**
   * @param earlier starts of an earlier run; those that were under way, or are yet to be counted, are under way still,
   *                and whoever made this settles them once they cannot be any more. `full` when nothing is known of it.
   */
  constructor(figures: StartFigures, now: number, earlier: readonly Remembered[] | 'full' = []) {
    this.#figures = figures;
    this.#window = new ExactWindow(figures);
    if (earlier === 'full') this.#window.take(figures.limit, now);
    else this.#remember(earlier, now);
  }

  /** Starts that are under way. */
  get underWay(): number {
    return this.#underWay;
  }

  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  /** Places that are taken. */
  used(now: number): number {
    return this.#window.used(now);
  }

  /** Whether a start may be begun at `now`. */
  admits(kind: StartKind, now: number): boolean {
    return now >= this.#pausedUntil && this.#window.fits(1 + this.#kept(kind), now);
  }

  /**
   * The earliest instant at which a start may be begun, when nothing else is. What is under way is taken to be settled
   * now: ask again when something was settled.
   */
  admitsAt(kind: StartKind, now: number): number {
    return Math.max(this.#window.fitsAt(1 + this.#kept(kind), now), this.#pausedUntil);
  }

  /** The caller has asked `admits`. */
  begin(now: number): void {
    this.#window.begin(1, now);
    this.#underWay++;
  }

  /** The peer has answered, or refused: it has counted this start. */
  settle(now: number): void {
    this.#underWay--;
    this.#window.settle(1, now);
  }

  /** It ended without an answer, and what was sent may still arrive. */
  lose(now: number): void {
    this.#underWay--;
    this.#window.lose(1, now);
  }

  /** Nothing was sent. */
  cancel(): void {
    this.#underWay--;
    this.#window.cancel(1);
  }

  /** The provider has had too much: nothing more until then. */
  pause(until: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, until);
  }

  #kept(kind: StartKind): number {
    return kind === 'growth' ? this.#figures.reserve : 0;
  }

  /** Of more than there may be, the latest count: a limit that was lowered holds for what begins now. */
  #remember(earlier: readonly Remembered[], now: number): void {
    const { limit } = this.#figures;
    const settled = earlier.flatMap(({ settledAt = Number.POSITIVE_INFINITY }) => (settledAt > now ? [] : [settledAt]));
    const underWay = Math.min(earlier.length - settled.length, limit);
    settled.sort((a, b) => a - b);
    const room = limit - underWay;
    for (const at of room === 0 ? [] : settled.slice(-room)) {
      this.#window.begin(1, at);
      this.#window.settle(1, at);
    }
    for (let i = 0; i < underWay; i++) this.begin(now);
  }
}
