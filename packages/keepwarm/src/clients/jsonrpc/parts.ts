/**
 * How much each endpoint takes in one message. A batch that is too large for the endpoint it goes to is sent in parts,
 * each of which counts for itself in the limits below; for an endpoint that takes no batches, the parts are single
 * requests. That an endpoint refuses batches is found out by sending one.
 *
 *   a batch refused: what was refused ÷ 4 is the most from now on, down to single requests; forgotten after
 *   `REFUSED_MS`
 *
 * Invariants:
 *   (1) Each request of a batch is in exactly one part, and its outcome stands in its own place.
 *   (2) A batch holds reads only (its sender sees to that), so that a part may be sent again in smaller ones.
 */
import type { Call, Policy, Relay, Send } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import { relayOf, sending, tell } from '../../core/relay.ts';
import type { Reply } from '../../core/reply.ts';
import { Result } from '../../wire/jsonrpc/answer.ts';
import { batchText } from '../../wire/jsonrpc/request.ts';
import { statusError } from '../status-error.ts';
import { BatchRefused, failedWhole, type Outcome, Outcomes, outcomesIn } from './answers.ts';
import { type Asked, AskedBatch } from './asked.ts';
import { RpcError } from './rpc-error.ts';

/** What one endpoint takes in one message. */
export interface PartLimits {
  /** Requests. */
  readonly sizeMax: number;
  /** Compute units: more than its rate limit could never start. */
  readonly costMax: number;
}

export interface BatchSnapshot {
  /** Requests it takes in one message as far as is known; 1 for no batches. */
  readonly sizeMax: number;
  /** Batches it has refused since the client was made. */
  readonly refused: number;
}

/** What was found out about an endpoint's batches is forgotten after so long, in ms: providers change their plans. */
const REFUSED_MS = 600_000;
/** What a refusal leaves. By it 100 requests become single ones in four steps, and a limit of 10 is kept in two. */
const DIVISOR = 4;

interface State {
  readonly limits: PartLimits;
  learned: number;
  learnedAt: number;
  refused: number;
}

export class Parts {
  readonly #clock: Clock;
  readonly #states: ReadonlyMap<string, State>;

  constructor(limits: ReadonlyMap<string, PartLimits>, clock: Clock) {
    this.#clock = clock;
    this.#states = new Map(
      Array.from(limits, ([name, each]) => [
        name,
        { limits: each, learned: Number.POSITIVE_INFINITY, learnedAt: 0, refused: 0 },
      ]),
    );
  }

  readonly policy: Policy = (next) => {
    const single = relayOf(next, this.#clock);
    const relay: Relay = (call, to, now) => {
      const { about } = call;
      if (!(about instanceof AskedBatch)) return single(call, to, now);
      tell(this.#send(call, about.members, next), to, this.#clock);
    };
    return sending(relay, this.#clock);
  };

  snapshot(endpoint: string): BatchSnapshot {
    const state = this.#states.get(endpoint);
    return { sizeMax: state === undefined ? 1 : this.#sizeMax(state), refused: state?.refused ?? 0 };
  }

  #send(call: Call, members: readonly Asked[], next: Send): Promise<Reply> {
    const state = this.#states.get(call.endpoint ?? '');
    const parts = state === undefined ? [members] : split(members, this.#sizeMax(state), state.limits.costMax);
    if (parts.length === 1) return this.#whole(call, members, next, state);
    const replies = parts.map((part) => this.#send(partOf(call, part), part, next));
    return Promise.allSettled(replies).then((settled) => merged(parts, settled));
  }

  #whole(call: Call, members: readonly Asked[], next: Send, state: State | undefined): Promise<Reply> {
    if (members.length === 1) return next(partOf(call, members));
    return next(call).catch((error: unknown) => {
      if (state === undefined || !(error instanceof NetError) || !(error.cause instanceof BatchRefused)) throw error;
      state.refused++;
      state.learned = Math.min(this.#sizeMax(state), Math.max(1, Math.floor(members.length / DIVISOR)));
      state.learnedAt = this.#clock.now();
      return this.#send(call, members, next);
    });
  }

  #sizeMax(state: State): number {
    const { limits, learned, learnedAt } = state;
    const known = this.#clock.now() - learnedAt < REFUSED_MS ? learned : Number.POSITIVE_INFINITY;
    return Math.min(limits.sizeMax, known);
  }
}

function split(members: readonly Asked[], sizeMax: number, costMax: number): (readonly Asked[])[] {
  const parts: Asked[][] = [];
  let part: Asked[] = [];
  let cost = 0;
  for (const member of members) {
    if (part.length > 0 && (part.length >= sizeMax || cost + member.plan.cost > costMax)) {
      parts.push(part);
      part = [];
      cost = 0;
    }
    part.push(member);
    cost += member.plan.cost;
  }
  parts.push(part);
  return parts;
}

/** The call with these requests only. */
function partOf(call: Call, members: readonly Asked[]): Call {
  const [only] = members;
  if (members.length === 1 && only !== undefined) return { ...call, body: only.text, about: only };
  return { ...call, body: batchText(members.map(({ text }) => text)), about: new AskedBatch(members) };
}

/** @throws what the first failed with, and each with it, when all have failed */
function merged(parts: readonly (readonly Asked[])[], settled: readonly PromiseSettledResult<Reply>[]): Reply {
  const outcomes = () => parts.flatMap((part, i) => outcomesOf(part.length, settled[i]!));
  const answered = settled.find((each) => each.status === 'fulfilled' && each.value.made !== undefined);
  if (answered?.status !== 'fulfilled') {
    const [first] = settled;
    if (first?.status === 'fulfilled') return first.value;
    throw failedWhole(NetError.from(first?.reason), outcomes());
  }
  const reply = answered.value;
  reply.made = new Outcomes(outcomes());
  return reply;
}

function outcomesOf(count: number, settled: PromiseSettledResult<Reply>): readonly Outcome[] {
  if (settled.status === 'rejected') {
    return outcomesIn(settled.reason) ?? new Array<Outcome>(count).fill(NetError.from(settled.reason));
  }
  const { made } = settled.value;
  if (made instanceof Outcomes) return made.each;
  if (made instanceof Result || made instanceof RpcError) return new Array<Outcome>(count).fill(made);
  return new Array<Outcome>(count).fill(statusError(settled.value));
}
