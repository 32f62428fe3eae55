/** Reads that several endpoints must answer alike before they are believed: `asking.ts` is one of them. */
import { exactText } from '../../wire/jsonrpc/numbers.ts';
import type { Agree } from './agree-options.ts';
import { type AgreementTally, Asking, type AskingParts, type Settle, Vote } from './asking.ts';
import type { RpcCallOptions } from './options.ts';
import type { Heeds, Question } from './sender.ts';

export interface AgreementSnapshot {
  /** Calls that several endpoints had to agree on, that have ended by their answers. */
  readonly agreed: number;
  readonly disagreed: number;
  /** Endpoints asked in place of others, which had failed or said otherwise. */
  readonly more: number;
}

export type AgreementParts = Omit<AskingParts, 'tally'>;

export class Agreement {
  readonly #parts: AgreementParts;
  readonly #tally: AgreementTally = { agreed: 0, disagreed: 0, more: 0 };

  constructor(parts: AgreementParts) {
    this.#parts = parts;
  }

  /**
   * @param heeds told of the outcome before whoever awaits it
   * @throws NetError `DISAGREED`; the endpoints' own error when none of them answered, or when they agree on one
   */
  ask(question: Question, agree: Agree, options: RpcCallOptions, heeds?: Heeds): Promise<unknown> {
    const { sender } = this.#parts;
    const deadlineAt = sender.deadlineAt(sender.clock.now(), question.plan, options);
    return new Promise<unknown>((resolve, reject) => {
      const settle: Settle = (vote) => {
        if (vote instanceof Vote && !vote.isError) {
          // Compared to the last digit, and given as its caller wants it.
          const value = question.exact ? vote.value : JSON.parse(exactText(vote.value) ?? 'null');
          heeds?.answered(value);
          return resolve(value);
        }
        heeds?.failed();
        reject(vote instanceof Vote ? vote.value : vote);
      };
      const parts = { ...this.#parts, tally: this.#tally };
      new Asking(parts, { ...question, exact: true }, agree, { signal: options.signal, deadlineAt }, settle).begin();
    });
  }

  snapshot(): AgreementSnapshot {
    return { ...this.#tally };
  }
}
