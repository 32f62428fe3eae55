/**
 * A read that several endpoints must answer alike before it is believed.
 *
 *                so many endpoints, at once         so many say the same
 *   (call) ────────────────────────────────▶ asking ─────────────────────▶ agreed: theirs; the others are aborted
 *                                            │    │ nobody else to ask, and those under way cannot make it so many
 *           one failed or said otherwise, ◀──┘    └────────────────────▶ disagreed: an error, or the furthest one's
 *           and another takes calls: that                    the caller's signal, or the deadline, ends each
 *
 * Invariants:
 *   (1) An endpoint has one vote: votes stand under its name, and it is asked at most once unless it was not reached.
 *   (2) No more are under way than the largest party lacks: the first ones at once, then one for each that is lost.
 *       Once `PATIENCE_MS` have passed there may be twice as many, so that one that never answers holds nobody up.
 *   (3) It settles once, and then nothing of it is under way.
 *   (4) Copies are neither hedged nor repeated: asking others is what this does, by the budget of retries.
 */
import { type Abortable, listen, unlisten } from '../../core/abort.ts';
import type { Timer } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import type { Agree } from './agree-options.ts';
import type { Differing } from './differing.ts';
import type { Freshness } from './freshness.ts';
import { RpcError } from './rpc-error.ts';
import { type Sameness, sameText } from './sameness.ts';
import type { Question, Sender } from './sender.ts';

/** How long the first ones may take before others are asked as well, in ms: ours, a slow round trip or two. */
const PATIENCE_MS = 1_000;

export interface AgreementTally {
  agreed: number;
  disagreed: number;
  more: number;
}

export interface AskingParts {
  readonly sender: Sender;
  /** Nothing when nobody follows the heads. */
  readonly freshness: Freshness | undefined;
  readonly differing: Differing;
  readonly sameness: Sameness;
  /** Counted into. */
  readonly tally: AgreementTally;
}

/** What an endpoint said: a result, or an error about the call itself, which is the node's answer as well. */
export class Vote {
  readonly endpoint: string;
  readonly value: unknown;
  readonly isError: boolean;

  constructor(endpoint: string, value: unknown, isError: boolean) {
    this.endpoint = endpoint;
    this.value = value;
    this.isError = isError;
  }
}

/** With what it ends: a vote that is believed, or why there is none. */
export type Settle = (outcome: Vote | unknown) => void;

export interface AskingLeave {
  readonly signal: AbortSignal | undefined;
  readonly deadlineAt: number;
}

export class Asking implements Abortable {
  readonly #parts: AskingParts;
  readonly #question: Question;
  readonly #agree: Agree;
  readonly #leave: AskingLeave;
  readonly #settle: Settle;
  readonly #copies = new AbortController();
  /** Votes that say the same, by what they say. */
  readonly #parties = new Map<string, Vote[]>();
  readonly #voters = new Set<string>();
  /** Where it has been sent; and the same for each copy, as its call has it. */
  readonly #tried: string[] = [];
  readonly #lists: string[][] = [];
  readonly #failures: { readonly endpoint: string; readonly error: unknown }[] = [];
  #underWay = 0;
  #settled = false;
  #patience: Timer | undefined;

  constructor(parts: AskingParts, question: Question, agree: Agree, leave: AskingLeave, settle: Settle) {
    this.#parts = parts;
    this.#question = question;
    this.#agree = agree;
    this.#leave = leave;
    this.#settle = settle;
  }

  begin(): void {
    const { signal } = this.#leave;
    if (signal?.aborted === true) return this.aborted(signal.reason);
    if (signal !== undefined) listen(signal, this);
    for (let i = 0; i < this.#agree.count; i++) {
      if (i > 0 && !this.#anyElse()) break;
      this.#send();
    }
    this.#patience = this.#parts.sender.clock.after(PATIENCE_MS, () => this.#askMore(2 * this.#lacking));
  }

  aborted(cause: unknown): void {
    const message = `${this.#question.plan.method} was aborted by its caller while endpoints were to agree on it`;
    this.#end(new NetError('ABORTED', message, { reach: 'unknown', phase: 'head', cause }));
  }

  #anyElse(): boolean {
    return this.#parts.sender.anyElse(this.#tried, this.#question);
  }

  #send(): void {
    this.#underWay++;
    const tried = [...this.#tried];
    const place = { deadlineAt: this.#leave.deadlineAt, tried, once: true };
    const { sender } = this.#parts;
    const sent = sender.one(this.#question, { signal: this.#copies.signal }, place);
    this.#lists.push(tried);
    this.#note(tried);
    sent.then(
      (value) => this.#answered(tried, value, false),
      (error: unknown) => this.#failed(tried, error),
    );
  }

  /** One that cannot be reached goes on by itself: not to where another copy is. Its own place stays last. */
  #note(tried: readonly string[]): void {
    for (const name of tried) {
      if (this.#tried.includes(name)) continue;
      this.#tried.push(name);
      for (const copy of this.#lists) if (!copy.includes(name)) copy.unshift(name);
    }
  }

  #answered(tried: readonly string[], value: unknown, isError: boolean): void {
    if (this.#settled) return;
    this.#underWay--;
    this.#note(tried);
    const endpoint = tried.at(-1) ?? '';
    const said = this.#said(value);
    if (said === undefined || this.#voters.has(endpoint)) {
      this.#failures.push({ endpoint, error: undefined }); // not to be compared, or heard already
    } else {
      this.#voters.add(endpoint);
      const party = this.#parties.get(said) ?? [];
      party.push(new Vote(endpoint, value, isError));
      this.#parties.set(said, party);
      if (party.length >= this.#agree.count) return this.#agreed(party);
    }
    this.#goOn();
  }

  #failed(tried: readonly string[], error: unknown): void {
    if (this.#settled) return;
    if (error instanceof RpcError && error.kind === 'final') return this.#answered(tried, error, true);
    if (error instanceof NetError && (error.code === 'DEADLINE' || error.code === 'CLOSED')) return this.#end(error);
    this.#underWay--;
    this.#note(tried);
    this.#failures.push({ endpoint: tried.at(-1) ?? '', error });
    this.#goOn();
  }

  /** Errors about the call are the same when the chain says the same by them; their words are each node's own. */
  #said(value: unknown): string | undefined {
    const { method } = this.#question.plan;
    try {
      if (!(value instanceof RpcError)) return sameText(value, method, this.#parts.sameness);
      return `error ${typeof value.data === 'string' ? sameText(value.data, '', this.#parts.sameness) : value.code}`;
    } catch {
      return undefined; // nested so deep that it cannot be compared
    }
  }

  /** What the largest party lacks. */
  get #lacking(): number {
    return this.#agree.count - Math.max(0, ...Array.from(this.#parties.values(), ({ length }) => length));
  }

  #goOn(): void {
    const lacking = this.#lacking;
    this.#askMore(lacking);
    if (this.#underWay < lacking) this.#disagreed();
  }

  #askMore(underWayMax: number): void {
    const { sender, tally } = this.#parts;
    while (this.#underWay < underWayMax && this.#anyElse() && sender.door.grant()) {
      tally.more++;
      this.#send();
    }
  }

  #agreed(party: readonly Vote[]): void {
    const { differing, tally } = this.#parts;
    const { method } = this.#question.plan;
    for (const [, others] of this.#parties) {
      if (others !== party) for (const { endpoint } of others) differing.note(endpoint, 'disagreed', method);
    }
    tally.agreed++;
    this.#end(party[0]);
  }

  #disagreed(): void {
    const { tally } = this.#parts;
    const parties = [...this.#parties.values()].sort((a, b) => b.length - a.length);
    const failure = this.#failures.find(({ error }) => error !== undefined)?.error;
    // Who waits for the furthest hears all who are still under way.
    if (this.#agree.otherwise === 'furthest' && this.#underWay > 0) return;
    if (parties.length === 0 && failure !== undefined) return this.#end(failure);
    tally.disagreed++;
    const furthest = this.#agree.otherwise === 'furthest' ? this.#furthest(parties.flat()) : undefined;
    this.#end(furthest ?? disagreement(this.#question, this.#agree, parties, this.#failures, this.#underWay));
  }

  #furthest(votes: readonly Vote[]): Vote | undefined {
    const { freshness } = this.#parts;
    const height = ({ endpoint }: Vote): number => freshness?.reached(endpoint) ?? -1;
    return votes.reduce<Vote | undefined>((best, vote) => {
      return best === undefined || height(vote) > height(best) ? vote : best;
    }, undefined);
  }

  #end(outcome: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#patience?.cancel();
    if (this.#leave.signal !== undefined) unlisten(this.#leave.signal, this);
    this.#settle(outcome);
    this.#copies.abort();
  }
}

/** How many said what, by the names of endpoints; nothing of what they said. */
function disagreement(
  { plan }: Question,
  { count }: Agree,
  parties: readonly (readonly Vote[])[],
  failures: readonly { readonly endpoint: string; readonly error: unknown }[],
  underWay: number,
): NetError {
  const names = (of: readonly { readonly endpoint: string }[]): string => of.map(({ endpoint }) => endpoint).join(', ');
  const said = parties.map((party, i) => `${party.length} said ${i === 0 ? 'one thing' : 'another'} (${names(party)})`);
  if (failures.length > 0) said.push(`${failures.length} failed (${names(failures)})`);
  if (underWay > 0) said.push(`${underWay} could not change that`);
  else if (failures.length + parties.flat().length < count) said.push('no other endpoint takes it now');
  const message = `${plan.method}: ${count} endpoints must agree; ${said.join(', ')}`;
  const cause = failures.find(({ error }) => error !== undefined)?.error;
  return new NetError('DISAGREED', message, { reach: 'answered', phase: 'body', limit: 'agree', value: count, cause });
}
