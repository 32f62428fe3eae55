/**
 * Questions on one connection, and their answers by id.
 *
 * Invariants:
 *   (1) Each settles once: by its answer, `answerMs`, its signal, or the end of the connection.
 *   (2) What comes after its asker gave up goes to `late`, where there is something to undo, and otherwise nowhere.
 *   (3) At most `QUESTIONS_MAX` are open, those with a `late` included.
 */
import { type Abortable, listen, unlisten } from '../../core/abort.ts';
import { afterInput, type Clock } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import { answerOf, Failure, Result } from '../../wire/jsonrpc/answer.ts';
import { paramsText, requestPrefix, requestText } from '../../wire/jsonrpc/request.ts';
import { RpcError } from './rpc-error.ts';

const QUESTIONS_MAX = 10_000;

export interface Question<T> {
  readonly method: string;
  readonly params: unknown;
  readonly signal: AbortSignal | undefined;
  readonly answerMs: number;
  /** Makes something of the result, at the moment it comes: before anything that comes after it. */
  readonly accept: (result: unknown) => T;
  /** Told the result when nobody waits for it any more. */
  readonly late?: (result: unknown) => void;
}

interface Open {
  readonly method: string;
  answered(message: unknown): void;
  lost(error: NetError): void;
}

export class Questions {
  readonly #endpoint: string;
  readonly #clock: Clock;
  readonly #open = new Map<number, Open>();
  #lastId = 0;

  constructor(endpoint: string, clock: Clock) {
    this.#endpoint = endpoint;
    this.#clock = clock;
  }

  get size(): number {
    return this.#open.size;
  }

  ask<T>(send: (text: string) => void, question: Question<T>): Promise<T> {
    const { method, params, signal, answerMs, accept, late } = question;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(this.#aborted(method, signal.reason, 'unsent'));
      if (this.#open.size >= QUESTIONS_MAX) return reject(this.#tooMany(method));
      const id = ++this.#lastId;
      let waiting = true;
      const stop = (): void => {
        waiting = false;
        timer.cancel();
        if (signal !== undefined) unlisten(signal, party);
      };
      const giveUp = (error: NetError): void => {
        stop();
        if (late === undefined) this.#open.delete(id);
        reject(error);
      };
      const timer = afterInput(this.#clock, answerMs, () => giveUp(this.#tooLate(method, answerMs)));
      const party: Abortable = { aborted: (reason) => giveUp(this.#aborted(method, reason, 'unknown')) };
      const answered = (message: unknown): void => {
        this.#open.delete(id);
        const answer = answerOf(message, id, false);
        if (!waiting) return answer instanceof Result ? late?.(answer.value) : undefined;
        stop();
        try {
          if (answer instanceof Failure) throw new RpcError(answer.error, { method, endpoint: this.#endpoint });
          if (!(answer instanceof Result)) throw this.broken(`the answer to ${method} ${answer.what}`);
          resolve(accept(answer.value));
        } catch (error) {
          reject(error);
        }
      };
      const lost = (error: NetError): void => {
        if (waiting) giveUp(error);
      };
      if (signal !== undefined) listen(signal, party);
      try {
        const text = requestText(requestPrefix(method), id, paramsText(params));
        this.#open.set(id, { method, answered, lost });
        send(text);
      } catch (error) {
        this.#open.delete(id);
        stop();
        reject(error);
      }
    });
  }

  /** Whether the message is the answer to a question; if so it has its effect before this returns. */
  answered(message: Readonly<Record<string, unknown>>): boolean {
    const { id } = message;
    const number = typeof id === 'string' && /^\d{1,15}$/.test(id) ? Number(id) : id;
    const open = typeof number === 'number' ? this.#open.get(number) : undefined;
    open?.answered(message);
    return open !== undefined;
  }

  lost(error: NetError): void {
    const all = [...this.#open.values()];
    this.#open.clear();
    for (const open of all) open.lost(error);
  }

  broken(what: string): NetError {
    return new NetError('PROTOCOL', `${this.#endpoint}: ${what}`, { reach: 'answered', phase: 'body' });
  }

  #tooLate(method: string, value: number): NetError {
    const message = `${this.#endpoint} did not answer ${method} within ${value} ms (limit answerMs)`;
    return new NetError('TIMEOUT', message, { reach: 'unknown', phase: 'head', limit: 'answerMs', value });
  }

  #aborted(method: string, cause: unknown, reach: NetError['reach']): NetError {
    return new NetError('ABORTED', `${method} at ${this.#endpoint} was given up`, { reach, cause });
  }

  #tooMany(method: string): NetError {
    const message = `${QUESTIONS_MAX} questions at ${this.#endpoint} are open, too many for ${method}`;
    return new NetError('SATURATED', message, { reach: 'unsent', phase: 'queue', value: QUESTIONS_MAX });
  }
}
