/**
 * Whether a write stands that a node refuses: the first of its copies may have been taken although no answer to it
 * came, and then a further copy is refused because of the first ("nonce too low", "blockhash not found").
 *
 *   a copy lost ──▶ a further copy, refused ──▶ is it there, by its identity? ── an endpoint has it ──▶ its answer
 *                                                        └── none has it ──▶ the node's error, as it is
 *
 * A copy is a further one when its caller says that there may have been others (`idempotent`, `broadcast`), when it
 * went to more than one endpoint, or when an earlier call with the same write was lost here.
 *
 * Invariants:
 *   (1) A write that is refused as its first and only copy fails at once, with the node's own error.
 *   (2) Nothing is answered but what an endpoint has, or what the node that refuses says it has.
 *   (3) Asking ends with the call's deadline and signal, and after `ROUND_MS` in each round.
 */

import { NetError } from '../../core/error.ts';
import { sleep } from '../../core/sleep.ts';
import { paramsText } from '../../wire/jsonrpc/request.ts';
import type { WriteProof } from './adapter.ts';
import type { Plans } from './plan.ts';
import { RpcError } from './rpc-error.ts';
import type { Question, Sender } from './sender.ts';

/** Writes that were lost and may be sent again by their callers; the oldest is forgotten. */
const LOST_MAX = 1_000;
/** When endpoints are asked, in ms after each other: behind one address may be nodes of which some are late. */
const PAUSES_MS: readonly number[] = [0, 250, 1_000];
/** The longest one round may take, in ms: an endpoint that hangs does not hold back what another has said. */
const ROUND_MS = 2_000;

/** All copies that one call makes of a write. */
export interface Copies {
  readonly deadlineAt: number;
  readonly signal: AbortSignal | undefined;
  /** Endpoints they went to. */
  readonly tried: string[];
  /** Whether the caller says that there may have been others. */
  readonly allowed: boolean;
  /** Of them, how many nothing has come of yet. */
  underWay: number;
  /** Whether the outcome of one is not known, and never will be. */
  lost: boolean;
  asking: Promise<unknown> | undefined;
}

export class Standing {
  readonly #sender: Sender;
  readonly #plans: Plans;
  readonly #endpoints: number;
  /** By their identities. */
  readonly #lost = new Set<string>();

  constructor(sender: Sender, plans: Plans, endpoints: number) {
    this.#sender = sender;
    this.#plans = plans;
    this.#endpoints = endpoints;
  }

  /**
   * What a write comes to that failed.
   *
   * @returns its answer, if it stands
   * @throws the error otherwise
   */
  async settle(question: Question, error: unknown, copies: Copies): Promise<unknown> {
    const { writeId, proof } = question.plan.traits;
    const said = error instanceof RpcError ? error : undefined;
    if (isLost(error)) copies.lost = true;
    const refused = said?.kind === 'known' || (isFinal(said) && proof?.mayStand(said.said) === true);
    if (!refused && !copies.lost) throw error;
    const id = writeId?.(question.params);
    if (id === undefined) throw error;
    const isFurther = copies.allowed || copies.tried.length > 1 || this.#lost.has(id);
    if (copies.lost || copies.tried.length > 1) this.#remember(id);
    if (!refused || !isFurther) throw error;
    if (said?.kind === 'known' && proof?.answer !== 'found') return id;
    if (proof === undefined) throw error;
    copies.asking ??= this.#ask(question, id, proof, copies).finally(() => {
      copies.asking = undefined;
    });
    const found = await copies.asking;
    if (found === undefined) throw error;
    return proof.answer === 'found' ? found : id;
  }

  /** @returns what an endpoint has, as soon as one says so; nothing when none does */
  async #ask(question: Question, id: string, proof: WriteProof, copies: Copies): Promise<unknown> {
    const { clock } = this.#sender;
    const { signal, deadlineAt } = copies;
    const inDoubt = (): boolean => copies.lost || copies.underWay > 0 || copies.tried.length > 1 || this.#lost.has(id);
    for (const pauseMs of PAUSES_MS) {
      if (pauseMs > 0) {
        if (!inDoubt() || clock.now() + pauseMs >= deadlineAt) return undefined;
        await sleep(clock, pauseMs, signal).catch(() => undefined); // the caller has left: what is known is enough
      }
      if (signal?.aborted === true || clock.now() >= deadlineAt) return undefined;
      const found = await this.#round(question, id, proof, copies);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Each endpoint once, all at the same time. */
  async #round({ exact }: Question, id: string, proof: WriteProof, { signal, deadlineAt }: Copies): Promise<unknown> {
    const params = proof.params(id);
    const plan = this.#plans.of(proof.method);
    const question = { plan, params, text: paramsText(params), minHeight: undefined, exact };
    const tried: string[] = [];
    const again = { deadlineAt: Math.min(deadlineAt, this.#sender.clock.now() + ROUND_MS), tried };
    const asked: Promise<unknown>[] = [];
    for (let i = 0; i < this.#endpoints; i++) {
      if (i > 0 && !this.#sender.anyElse(tried, question)) break;
      asked.push(this.#sender.one(question, { signal }, again).then((result) => there(proof, id, result)));
    }
    return Promise.any(asked).catch(() => undefined); // not there, or nobody to ask: the node's error says more
  }

  #remember(id: string): void {
    this.#lost.delete(id);
    this.#lost.add(id);
    if (this.#lost.size <= LOST_MAX) return;
    for (const oldest of this.#lost) {
      this.#lost.delete(oldest);
      return;
    }
  }
}

function there(proof: WriteProof, id: string, result: unknown): unknown {
  if (!proof.stands(result, id)) throw new Error('it is not there');
  return result;
}

/** Of the call itself, or of how far the node is. Everything else does not say that the write was looked at. */
function isFinal(said: RpcError | undefined): said is RpcError {
  return said?.kind === 'final' || said?.kind === 'behind';
}

/** Whether it may have been done: neither surely unsent, nor surely refused. */
function isLost(error: unknown): boolean {
  if (error instanceof RpcError) return error.kind === 'ill';
  return !(error instanceof NetError) || error.reach !== 'unsent';
}
