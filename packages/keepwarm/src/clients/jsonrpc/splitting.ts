/**
 * Searches that a node refuses as too much at once, in parts: halves, and halves of those that are refused as well,
 * down to single heights. The parts are asked for from the lowest height on, and joined in the order of their heights.
 *
 *   whole ──refused as too much──▶ halves ──▶ asked for, so many at once ──all answered──▶ joined
 *                                    ▲             │ refused as too much      │ anything else
 *                                    └─────────────┘                          └──▶ that; the others are aborted
 *
 * Invariants:
 *   (1) All or nothing: every height of the range is in exactly one part, and without one of them there is no answer.
 *   (2) At most `callsMax` calls, `concurrency` at once. Where one more is needed the refusal stands, and says so.
 *   (3) The deadline and signal of the call hold for all of it, and when it has ended nothing of it is under way.
 */
import { type Abortable, listen, unlisten } from '../../core/abort.ts';
import { NetError } from '../../core/error.ts';
import type { HeightRange, RangeTraits } from './answer-traits.ts';
import type { RpcCallOptions, SplittingOptions } from './options.ts';
import { RpcError } from './rpc-error.ts';
import { type Heeds, type Question, type Sender, sentParams, withParams } from './sender.ts';

export interface SplittingSnapshot {
  /** Searches that were refused, and asked for in parts. */
  readonly split: number;
  /** Parts asked for. */
  readonly parts: number;
}

/** How a question is asked as it is. */
export type AskOnce = (question: Question, options: RpcCallOptions) => Promise<unknown>;

export class Splitting {
  readonly #options: SplittingOptions;
  readonly #sender: Sender;
  #split = 0;
  #parts = 0;

  constructor(options: SplittingOptions, sender: Sender) {
    this.#options = options;
    this.#sender = sender;
  }

  /** @param heeds told of the outcome before whoever awaits it @throws the node's refusal, or what else became of it */
  async ask(question: Question, options: RpcCallOptions, heeds: Heeds | undefined, once: AskOnce): Promise<unknown> {
    try {
      const value = await this.#answer(question, options, once);
      heeds?.answered(value);
      return value;
    } catch (error) {
      heeds?.failed();
      throw error;
    }
  }

  snapshot(): SplittingSnapshot {
    return { split: this.#split, parts: this.#parts };
  }

  async #answer(question: Question, options: RpcCallOptions, once: AskOnce): Promise<unknown> {
    const { clock } = this.#sender;
    const deadlineAt = this.#sender.deadlineAt(clock.now(), question.plan, options);
    const traits = question.plan.answers!.range!;
    const params = sentParams(question);
    const range = traits.of(params);
    try {
      return await once(question, options);
    } catch (error) {
      const refused = error instanceof RpcError && traits.tooMuch(error.said) !== undefined;
      if (!refused || range === undefined || lengthOf(range) <= 1) throw error;
      this.#split++;
      const leave = (signal: AbortSignal): RpcCallOptions => ({
        signal,
        deadlineMs: Math.max(1, deadlineAt - clock.now()),
      });
      const ask = (part: HeightRange, signal: AbortSignal): Promise<unknown> => {
        this.#parts++;
        return once(withParams(question, traits.with(params, part)), leave(signal));
      };
      return await new Parting(traits, this.#options, ask).run(range, error, options.signal);
    }
  }
}

const lengthOf = ({ from, to }: HeightRange): number => to - from + 1;

type AskPart = (part: HeightRange, signal: AbortSignal) => Promise<unknown>;

/** One search in parts. */
class Parting implements Abortable {
  readonly #traits: RangeTraits;
  readonly #options: SplittingOptions;
  readonly #ask: AskPart;
  readonly #parts = new AbortController();
  /** Not asked for yet; the lowest is last. */
  readonly #waiting: HeightRange[] = [];
  readonly #found: { readonly from: number; readonly list: readonly unknown[] }[] = [];
  /** The length of the shortest range that was refused for its length: what is as long need not be tried. */
  #refused = Number.POSITIVE_INFINITY;
  /** The last refusal: it stands if there may be no more calls. */
  #last!: RpcError;
  #calls = 1;
  #underWay = 0;
  #resolve!: (list: readonly unknown[]) => void;
  #reject!: (error: unknown) => void;

  constructor(traits: RangeTraits, options: SplittingOptions, ask: AskPart) {
    this.#traits = traits;
    this.#options = options;
    this.#ask = ask;
  }

  /** @param refusal of the whole */
  async run(whole: HeightRange, refusal: RpcError, signal: AbortSignal | undefined): Promise<readonly unknown[]> {
    const ended = new Promise<readonly unknown[]>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (signal?.aborted === true) this.aborted(signal.reason);
    else if (signal !== undefined) listen(signal, this);
    this.#refusedWith(whole, refusal);
    this.#goOn();
    try {
      return await ended;
    } finally {
      if (signal !== undefined) unlisten(signal, this);
      this.#waiting.length = 0;
      this.#parts.abort();
    }
  }

  /** The parts under way say so themselves. */
  aborted(reason: unknown): void {
    this.#parts.abort(reason);
  }

  #goOn(): void {
    // One at a time until a length has been found that is answered: all that are as long would be refused together.
    while (this.#underWay < (this.#found.length === 0 ? 1 : this.#options.concurrency)) {
      const part = this.#waiting.pop();
      if (part === undefined) break;
      if (lengthOf(part) >= this.#refused && lengthOf(part) > 1) this.#halve(part);
      else if (++this.#calls > this.#options.callsMax) return this.#tooMany();
      else this.#start(part);
    }
    if (this.#underWay > 0) return;
    this.#found.sort((a, b) => a.from - b.from);
    this.#resolve(this.#found.flatMap(({ list }) => list));
  }

  #tooMany(): void {
    const { callsMax } = this.#options;
    const what = `keepwarm asked for it in parts, and it takes more calls than one search may become`;
    this.#reject(this.#last.limitedBy(what, 'splitting.callsMax', callsMax));
  }

  #start(part: HeightRange): void {
    this.#underWay++;
    this.#ask(part, this.#parts.signal).then(
      (value) => {
        this.#underWay--;
        const list: unknown = value ?? []; // some say nothing where there is none
        if (!Array.isArray(list)) return this.#reject(noList(list));
        this.#found.push({ from: part.from, list });
        this.#goOn();
      },
      (error: unknown) => {
        this.#underWay--;
        if (!(error instanceof RpcError) || !this.#refusedWith(part, error)) return this.#reject(error);
        this.#goOn();
      },
    );
  }

  /** @returns whether it can be asked for in parts */
  #refusedWith(part: HeightRange, error: RpcError): boolean {
    const what = this.#traits.tooMuch(error.said);
    if (what === undefined || lengthOf(part) <= 1) return false;
    if (what === 'range') this.#refused = Math.min(this.#refused, lengthOf(part));
    this.#last = error;
    this.#halve(part);
    return true;
  }

  #halve({ from, to }: HeightRange): void {
    const middle = from + Math.floor((to - from) / 2);
    this.#waiting.push({ from: middle + 1, to }, { from, to: middle });
  }
}

function noList(value: unknown): NetError {
  const message = `a part of a search was answered with ${typeof value}, not with a list`;
  return new NetError('DECODE', message, { reach: 'answered', phase: 'body' });
}
