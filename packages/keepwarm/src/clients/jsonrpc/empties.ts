/**
 * Answers that say that there is nothing, where another endpoint may have something. A node that has not got there yet,
 * or keeps no more of the past, says `null` as if the thing did not exist; the caller cannot tell the two apart.
 *
 *   empty ──may be elsewhere, and the budget has plenty──▶ asked elsewhere ──something──▶ that
 *     │                                                        │ nothing, failed, or too late
 *     └──────────────────────── nowhere else ──────────────────┴──▶ the empty answer
 *
 * Invariants:
 *   (1) A caller to whom an endpoint gave an answer gets an answer, unless it leaves itself: what fails elsewhere, or
 *       takes longer than `HELD_MS_MAX`, leaves the empty one.
 *   (2) At most `endpointsMax` more endpoints are asked, each once, and only those that would take the call.
 *   (3) Asking again takes at most half of the budget of retries: failures have the other half.
 */
import { NetError } from '../../core/error.ts';
import type { Emptiness } from './answer-traits.ts';
import { needOf } from './asked.ts';
import type { Differing } from './differing.ts';
import type { Freshness } from './freshness.ts';
import type { RpcCallOptions } from './options.ts';
import type { Again, Heeds, Question, Sender } from './sender.ts';

export interface EmptiesSnapshot {
  /** Times another endpoint was asked for what an answer lacked. */
  readonly asked: number;
  /** Times that one had it. */
  readonly found: number;
}

export interface EmptiesParts {
  readonly sender: Sender;
  /** Nothing when nobody follows the heads. */
  readonly freshness: Freshness | undefined;
  readonly differing: Differing;
}

/** How long an answer that is there is held back for a better one, in ms: ours, a slow round trip or two. */
const HELD_MS_MAX = 1_000;

/** Where the answer came from is last. */
type Place = Required<Pick<Again, 'deadlineAt' | 'tried'>>;

export class Empties {
  readonly #endpointsMax: number;
  readonly #parts: EmptiesParts;
  #asked = 0;
  #found = 0;

  constructor(endpointsMax: number, parts: EmptiesParts) {
    this.#endpointsMax = endpointsMax;
    this.#parts = parts;
  }

  /** A read whose answer may be empty. @param heeds told of the outcome before whoever awaits it */
  ask(question: Question, options: RpcCallOptions, heeds?: Heeds): Promise<unknown> {
    const { sender } = this.#parts;
    const place: Place = { deadlineAt: sender.deadlineAt(sender.clock.now(), question.plan, options), tried: [] };
    const answered = sender.one(question, options, place).then((value) => {
      return this.lacks(question, value, place.tried) ? this.elsewhere(question, options, place, value) : value;
    });
    if (heeds === undefined) return answered;
    return answered.then(
      (value) => {
        heeds.answered(value);
        return value;
      },
      (error: unknown) => {
        heeds.failed();
        throw error;
      },
    );
  }

  /** Whether another endpoint may have what this answer lacks. @param tried where it was asked, the answerer last */
  lacks(question: Question, value: unknown, tried: string[]): boolean {
    const { plan, params, minHeight } = question;
    const emptiness = plan.answers?.empty?.(value, params);
    if (emptiness === undefined) return false;
    const { height } = needOf(plan, params, minHeight);
    return this.#mayBeElsewhere(emptiness, height, tried) && this.#parts.sender.anyElse(tried, question);
  }

  /** The first answer that is not empty; this one if there is none. */
  async elsewhere(question: Question, options: RpcCallOptions, place: Place, empty: unknown): Promise<unknown> {
    const { sender, differing } = this.#parts;
    const { plan, params } = question;
    const { tried } = place;
    const deadlineAt = Math.min(place.deadlineAt, sender.clock.now() + HELD_MS_MAX);
    const lacking = tried.slice(-1);
    for (let i = 0; i < this.#endpointsMax; i++) {
      if ((i > 0 && !sender.anyElse(tried, question)) || !sender.door.spare()) break;
      this.#asked++;
      let value: unknown;
      try {
        value = await sender.one(question, options, { deadlineAt, tried, once: true });
      } catch (error) {
        if (options.signal?.aborted === true) throw error;
        if (error instanceof NetError && error.code === 'DEADLINE') break;
        continue; // it has shown nothing: the next one may
      }
      if (plan.answers?.empty?.(value, params) === undefined) {
        this.#found++;
        for (const endpoint of lacking) differing.note(endpoint, 'lacked', plan.method);
        return value;
      }
      lacking.push(...tried.slice(-1));
    }
    return empty;
  }

  snapshot(): EmptiesSnapshot {
    return { asked: this.#asked, found: this.#found };
  }

  /** @param height that the call names */
  #mayBeElsewhere(emptiness: Emptiness, height: number | undefined, tried: readonly string[]): boolean {
    const { freshness } = this.#parts;
    if (height === undefined || freshness === undefined) return emptiness === 'absent';
    if (!freshness.mayBeReached(height)) return false; // of the future
    return emptiness === 'absent' || freshness.reached(tried.at(-1) ?? '') < height;
  }
}
