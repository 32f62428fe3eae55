/**
 * Reads that several endpoints must answer alike before they are believed: `asking.ts` is one of them.
 *
 * Endpoints a block apart answer differently about the head, and each rightly. So what asks about the head is asked
 * about one height, where its method has params for that: the greatest that so many endpoints are known to have
 * reached, and one more, so that there is somebody left to ask when one fails.
 */
import { NetError } from '../../core/error.ts';
import { rounded } from '../../wire/jsonrpc/numbers.ts';
import type { Agree } from './agree-options.ts';
import { type AgreementTally, Asking, type AskingLeave, type AskingParts, type Settle, Vote } from './asking.ts';
import type { RpcCallOptions } from './options.ts';
import { type Heeds, type Question, sentParams, withParams } from './sender.ts';

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
    const { sender, freshness } = this.#parts;
    const { plan } = question;
    const leave = { signal: options.signal, deadlineAt: sender.deadlineAt(sender.clock.now(), plan, options) };
    const known = asksOfHead(question) ? freshness?.current(leave) : undefined;
    if (known === undefined) return this.#begin(question, agree, leave, heeds);
    return known.then(
      () => this.#begin(question, agree, leave, heeds),
      (cause: unknown) => {
        heeds?.failed();
        if (cause instanceof NetError) throw cause;
        const message = `${plan.method} was aborted by its caller while endpoints were asked for their heights`;
        throw new NetError('ABORTED', message, { reach: 'unsent', phase: 'queue', cause });
      },
    );
  }

  snapshot(): AgreementSnapshot {
    return { ...this.#tally };
  }

  #begin(question: Question, agree: Agree, leave: AskingLeave, heeds: Heeds | undefined): Promise<unknown> {
    return new Promise<unknown>((resolve, reject) => {
      const settle: Settle = (vote) => {
        if (vote instanceof Vote && !vote.isError) {
          // Compared to the last digit, and given as its caller wants it.
          const value = question.exact ? vote.value : rounded(vote.value ?? null);
          heeds?.answered(value);
          return resolve(value);
        }
        heeds?.failed();
        reject(vote instanceof Vote ? vote.value : vote);
      };
      const parts = { ...this.#parts, tally: this.#tally };
      const asked = { ...this.#atOneHeight(question, agree), exact: true };
      new Asking(parts, asked, agree, leave, settle).begin();
    });
  }

  /** As it is where it does not ask about the head, or nobody has said where that is. */
  #atOneHeight(question: Question, { count }: Agree): Question {
    const { plan, minHeight = 0 } = question;
    const { freshness } = this.#parts;
    const common = plan.traits.atHeight === undefined ? undefined : freshness?.common(count + 1);
    if (common === undefined) return question;
    const params = plan.traits.atHeight?.(sentParams(question), Math.max(common, minHeight));
    return params === undefined ? question : withParams(question, params);
  }
}

/** Of any height that can be: of which it is asked is known later. */
const asksOfHead = (question: Question): boolean =>
  question.plan.traits.atHeight?.(sentParams(question), Number.MAX_SAFE_INTEGER) !== undefined;
