/**
 * Reads what nodes answer, next to the engine, once: from here on a failure of the protocol is a failure to everybody
 * above, whatever its HTTP status, and an answer that is none is one too.
 *
 *   result, or an error about the call itself ──▶ a reply, `made` of it; the node is well
 *   an error another node may not give        ──▶ NetError `RPC`, with the RpcError beneath
 *   no JSON-RPC answer to this request        ──▶ NetError `RPC`, with a `DECODE` beneath; the node is ill
 *   another status, and no JSON-RPC with it   ──▶ the reply as it came, its body whole
 *   429 or 503 with a JSON-RPC error          ──▶ the reply, so that limits heed its fields; `made` of the error
 */
import type { Call, Policy } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import { type Health, NetError } from '../../core/error.ts';
import { type Read, reading, relayed } from '../../core/relay.ts';
import { Reply } from '../../core/reply.ts';
import { retryAfterMs } from '../../policies/retry-after.ts';
import {
  type Answer,
  answerOf,
  batchAnswersOf,
  Failure,
  Fault,
  plainResult,
  Result,
} from '../../wire/jsonrpc/answer.ts';
import { parseExact, rounded } from '../../wire/jsonrpc/numbers.ts';
import { BUSY } from '../endpoint-judge.ts';
import type { ErrorClass, RpcAdapter, RpcErrorObject } from './adapter.ts';
import { Asked, AskedBatch, Told } from './asked.ts';
import { RpcError } from './rpc-error.ts';

/** What became of one request: a result, an error about the call itself, or why another node should be asked. */
export type Outcome = Result | RpcError | NetError;

/** What became of each request of a batch, in their order. */
export class Outcomes {
  readonly each: readonly Outcome[];

  constructor(each: readonly Outcome[]) {
    this.each = each;
  }
}

/** Of failures of whole batches: what became of each request. */
const ofWhole = new WeakMap<object, readonly Outcome[]>();

/** The failure that stands for all of a batch; each of its members gets its own by `outcomesIn`. */
export function failedWhole(failure: NetError, outcomes: readonly Outcome[]): NetError {
  ofWhole.set(failure, outcomes);
  return failure;
}

/** What became of each request of a batch that failed; nothing where the failure is the same for all. */
export function outcomesIn(thrown: unknown): readonly Outcome[] | undefined {
  return typeof thrown === 'object' && thrown !== null ? ofWhole.get(thrown) : undefined;
}

/** The cause of an `RPC` failure: this endpoint takes no batch, or none of this size. */
export class BatchRefused extends Error {
  override readonly name = 'BatchRefused';
}

/** Told of everything endpoints answer. */
export type AnswerWatch = (endpoint: string, asked: Asked, answer: Result | RpcError) => void;

export interface AnswerParts {
  readonly adapter: RpcAdapter;
  readonly strict: boolean;
  readonly clock: Clock;
  readonly watch?: AnswerWatch | undefined;
}

export function answers(parts: AnswerParts): Policy {
  const reader = new AnswerReader(parts);
  const read: Read = (reply, call) => reader.read(reply, call);
  return relayed(parts.clock, (next) => reading(next, read, parts.clock));
}

/** How long an endpoint is left alone that is throttled and does not say how long, in ms: quotas are by the second. */
const PAUSE_MS = 1_000;

const EMPTY = new Uint8Array(0);

const HEALTH: Readonly<Record<Exclude<ErrorClass, 'final' | 'known'>, Health>> = {
  throttled: 'busy',
  ill: 'ill',
  behind: 'nothing',
  missing: 'nothing',
};

class AnswerReader {
  readonly #parts: AnswerParts;

  constructor(parts: AnswerParts) {
    this.#parts = parts;
  }

  /** At once where the body is there already, which is the path of every small call. */
  read(reply: Reply, call: Call): Reply | Promise<Reply> {
    const { about } = call;
    if (!(about instanceof Asked || about instanceof AskedBatch || about instanceof Told)) return reply;
    const text = reply.takeText();
    if (typeof text === 'string') return this.#made(reply, call, about, text);
    return text.then((whole) => this.#made(reply, call, about, whole));
  }

  #made(reply: Reply, call: Call, about: Asked | AskedBatch | Told, text: string): Reply {
    if (about instanceof Asked) return this.#judged(reply, call, about, text);
    if (about instanceof AskedBatch) return this.#batchJudged(reply, call, about, text);
    return withText(reply, text); // what a node says to a notification is of no interest, but for its status
  }

  #judged(reply: Reply, call: Call, asked: Asked, text: string): Reply {
    const { strict } = this.#parts;
    const plain = asked.exact ? undefined : plainResult(text, asked.id);
    const said = plain ?? answerOf(parsed(text, asked.exact), asked.id, strict);
    if (!reply.ok && !(said instanceof Failure)) return withText(reply, text);
    const outcome = this.#outcome(said, reply, call, asked);
    if (outcome instanceof NetError) {
      if (!slowed(reply) || !(outcome.cause instanceof RpcError)) throw outcome;
      reply.made = outcome.cause;
      return reply;
    }
    return settled(reply, outcome);
  }

  #batchJudged(reply: Reply, call: Call, asked: AskedBatch, text: string): Reply {
    const { members, first } = asked;
    const exact = members.some((member) => member.exact);
    const message = parsed(text, exact);
    const { each, whole } = batchAnswersOf(message, first, members.length, this.#parts.strict);
    if (reply.ok && whole instanceof Fault && message !== undefined) throw refusal(call, asked, 'what is no list', 200);
    if (each === undefined || !reply.ok) return this.#wholeJudged(reply, call, asked, text, whole);
    const outcomes = each.map((said, i) => {
      // For one who did not ask for bigints, of a message that somebody else did.
      const own = exact && said instanceof Result && !members[i]!.exact ? new Result(rounded(said.value)) : said;
      return this.#outcome(own, reply, call, members[i]!);
    });
    const [one] = outcomes;
    // All of it failed alike: then it is the endpoint that failed, and not a request.
    if (one instanceof NetError && outcomes.every((other) => other instanceof NetError && other.health === one.health))
      throw failedWhole(one, outcomes);
    return settled(reply, new Outcomes(outcomes));
  }

  /** One answer to all of it: about the endpoint, or about batches. */
  #wholeJudged(reply: Reply, call: Call, asked: AskedBatch, text: string, whole: Answer | undefined): Reply {
    const said = whole instanceof Failure ? whole : undefined;
    if (!reply.ok && said === undefined) {
      if (!refusesContent(reply.status)) return withText(reply, text);
      throw refusal(call, asked, `status ${reply.status}`, reply.status);
    }
    const outcome = this.#outcome(whole ?? new Fault('is none'), reply, call, asked.members[0]!);
    const error = outcome instanceof NetError ? outcome.cause : outcome;
    if (error instanceof RpcError && (error.kind === 'final' || error.kind === 'missing' || error.kind === 'known')) {
      throw refusal(call, asked, `error ${error.code}`, reply.status);
    }
    if (outcome instanceof NetError && slowed(reply)) {
      reply.made = error;
      return reply;
    }
    throw outcome;
  }

  #outcome(said: Answer, reply: Reply, call: Call, asked: Asked): Outcome {
    if (said instanceof Result) {
      this.#parts.watch?.(call.endpoint ?? '', asked, said);
      return said;
    }
    return said instanceof Failure ? this.#failed(said.error, reply, call, asked) : faulty(said, reply, call, asked);
  }

  #failed(said: RpcErrorObject, reply: Reply, call: Call, asked: Asked): RpcError | NetError {
    const { method } = asked.plan;
    const { status } = reply;
    const kind = kindOf(status, this.#parts.adapter.classify(said, method));
    const details = { method, endpoint: call.endpoint, kind, status: reply.ok ? undefined : status };
    const error = new RpcError(said, details);
    this.#parts.watch?.(call.endpoint ?? '', asked, error);
    if (kind === 'final' || kind === 'known') return error;
    const message = `${call.endpoint ?? call.origin.key} answered ${method} with error ${said.code} (${kind})`;
    const waitMs = retryAfterMs(reply, this.#parts.clock.wall());
    return failure(message, call, HEALTH[kind], error, {
      status,
      retryAfterMs: kind === 'throttled' ? (waitMs ?? PAUSE_MS) : waitMs,
    });
  }
}

/** @returns nothing for what is no JSON */
function parsed(text: string, exact: boolean): unknown {
  try {
    return exact ? parseExact(text) : JSON.parse(text);
  } catch {
    return undefined; // what it means is said where it is looked at
  }
}

function settled(reply: Reply, made: Result | RpcError | Outcomes): Reply {
  // An answer about the call is no failure, whatever the status it came with.
  const well = reply.ok ? reply : new Reply(200, reply.received, EMPTY, false, reply.socketId, reply.reused);
  well.made = made;
  return well;
}

function withText(reply: Reply, text: string): Reply {
  return reply.with(Buffer.from(text));
}

/** Where the status says more of the endpoint than the error object does of the call. */
function kindOf(status: number, said: ErrorClass): ErrorClass {
  if (BUSY.has(status)) return 'throttled';
  return status >= 502 && status <= 504 && said === 'final' ? 'ill' : said;
}

function slowed({ status }: Reply): boolean {
  return status === 429 || status === 503;
}

/** Statuses that are about what was sent. The others of 4xx are about who sent it, or when. */
function refusesContent(status: number): boolean {
  return status >= 400 && status < 500 && !BUSY.has(status);
}

function faulty({ what }: Fault, reply: Reply, call: Call, asked: Asked): NetError {
  const message = `the answer of ${call.endpoint ?? call.origin.key} to ${asked.plan.method} ${what}`;
  const { key: origin } = call.origin;
  const cause = new NetError('DECODE', message, { reach: 'answered', phase: 'body', origin, socketId: reply.socketId });
  return failure(message, call, 'ill', cause, {});
}

function refusal(call: Call, { members }: AskedBatch, said: string, status: number): NetError {
  const message = `${call.endpoint ?? call.origin.key} refused a batch of ${members.length} with ${said}`;
  return failure(message, call, 'nothing', new BatchRefused(message), { status });
}

function failure(
  message: string,
  call: Call,
  health: Health,
  cause: Error,
  more: { readonly status?: number; readonly retryAfterMs?: number | undefined },
): NetError {
  const { key: origin } = call.origin;
  return new NetError('RPC', message, { reach: 'answered', origin, health, cause, ...more });
}
