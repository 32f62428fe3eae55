/** Requests as HTTP calls: what a single one and a batch become on their way into the policies. */
import type { Call, Outlet, Relay, Traits } from '../../core/call.ts';
import { nextCallId } from '../../core/call-fact.ts';
import type { Clock } from '../../core/clock.ts';
import type { Fields } from '../../core/fields.ts';
import { pass, relayOf } from '../../core/relay.ts';
import type { Reply } from '../../core/reply.ts';
import { Result } from '../../wire/jsonrpc/answer.ts';
import { parseExact } from '../../wire/jsonrpc/numbers.ts';
import { batchText, paramsText, requestText } from '../../wire/jsonrpc/request.ts';
import { checkedTag } from '../make-call.ts';
import { IDEMPOTENT, ONCE } from '../methods.ts';
import type { ProtocolDoor } from '../protocol.ts';
import { positive } from '../step-limits.ts';
import type { Agree } from './agree-options.ts';
import { Asked, AskedBatch, needOf, Told } from './asked.ts';
import type { RpcCallOptions } from './options.ts';
import { causeOf, resultIn } from './outcome.ts';
import type { Plan } from './plan.ts';

/** One request before it has an id. */
export interface Question {
  readonly plan: Plan;
  readonly params: unknown;
  /** `params` as text. */
  readonly text: string;
  /** Asked for by the caller. */
  readonly minHeight: number | undefined;
  readonly exact: boolean;
  /** How many endpoints must say the same; nothing where one is believed. */
  readonly agree?: Agree | undefined;
  /** What its caller calls it. */
  readonly tag?: string | undefined;
}

/** The params as a node reads them, whatever the caller's are made from. */
export function sentParams({ text }: Question): unknown {
  return text === '' ? undefined : parseExact(text);
}

/** The same with other params. */
export function withParams(question: Question, params: unknown): Question {
  return { ...question, params, text: paramsText(params) };
}

export class Sender {
  readonly door: ProtocolDoor;
  readonly clock: Clock;
  readonly #relay: Relay;
  readonly #fields: Fields;
  #ids = 0;

  constructor(door: ProtocolDoor, clock: Clock) {
    this.door = door;
    this.clock = clock;
    this.#relay = relayOf(door.send, clock);
    this.#fields = door.fields(undefined, 'application/json');
  }

  /** When a call ends that is made now. @throws NetError `INVALID` */
  deadlineAt(now: number, { traits }: Plan, options: RpcCallOptions): number {
    return now + positive('deadlineMs', options.deadlineMs ?? traits.deadlineMs ?? this.door.deadlineMs);
  }

  /**
   * @param again when it is sent once more: its deadline, and endpoints to which it should not go
   * @param heeds told of the outcome before whoever awaits it
   */
  one(question: Question, options: RpcCallOptions, again: Again = NEW, heeds?: Heeds): Promise<unknown> {
    const { plan, tag } = question;
    const asked = this.#asked(question);
    const now = this.clock.now();
    const { deadlineAt = this.deadlineAt(now, plan, options), tried = [], once = false } = again;
    const traits = once ? ONCE : options.idempotent === true ? IDEMPOTENT : plan.callTraits;
    const call = this.#make(asked.text, asked, traits, now, { signal: options.signal, deadlineAt, tried, tag });
    return new Promise((resolve, reject) => pass(this.#relay, call, new Answering(resolve, reject, heeds), now));
  }

  /** Whether there is an endpoint left that takes such a call, beside these. */
  anyElse(tried: string[], question: Question): boolean {
    const ends = { signal: undefined, deadlineAt: Number.POSITIVE_INFINITY, tried };
    return this.door.elsewhere(this.#make('', this.#asked(question), ONCE, 0, ends));
  }

  /** Reads, in one message. @returns a reply with `Outcomes`, or another status */
  batch(questions: readonly Question[], ends: Ends): Promise<Reply> {
    const tag = questions.reduce((same, each) => (each.tag === same ? same : undefined), questions[0]?.tag);
    const members = questions.map((question) => this.#asked(question));
    const body = batchText(members.map(({ text }) => text));
    return this.door.send(this.#make(body, new AskedBatch(members), IDEMPOTENT, this.clock.now(), { ...ends, tag }));
  }

  /** A notification: sent once. */
  tell(plan: Plan, text: string, options: RpcCallOptions): Promise<Reply> {
    const now = this.clock.now();
    const deadlineAt = this.deadlineAt(now, plan, options);
    const ends = { signal: options.signal, deadlineAt, tried: [], tag: checkedTag(options.tag) };
    return this.door.send(this.#make(text, new Told(plan), ONCE, now, ends));
  }

  #asked({ plan, params, text, minHeight, exact }: Question): Asked {
    const id = ++this.#ids;
    return new Asked(plan, id, params, requestText(plan.prefix, id, text), needOf(plan, params, minHeight), exact);
  }

  #make(body: string, about: Asked | AskedBatch | Told | undefined, traits: Traits, now: number, ends: Ends): Call {
    const { home, limits } = this.door;
    return {
      id: nextCallId(),
      method: 'POST',
      origin: home,
      path: '/',
      headers: this.#fields,
      body,
      signal: ends.signal,
      startedAt: now,
      deadlineAt: ends.deadlineAt,
      limits,
      traits,
      attempt: 1,
      section: '',
      tried: ends.tried,
      endpoint: undefined,
      operation: operationOf(about),
      tag: ends.tag,
      about,
    };
  }
}

function operationOf(about: Asked | AskedBatch | Told | undefined): string | undefined {
  return about instanceof AskedBatch ? `batch of ${about.members.length}` : about?.plan.method.slice(0, NAME_MAX);
}

/** Of a method's name, as facts show it: it is the caller's word. */
const NAME_MAX = 64;

/** By what a call ends early, and where it has been. */
export interface Ends {
  readonly signal: AbortSignal | undefined;
  readonly deadlineAt: number;
  /** Filled with the endpoints it goes to. */
  readonly tried: string[];
  readonly tag?: string | undefined;
}

export interface Again {
  readonly deadlineAt?: number;
  readonly tried?: string[];
  /** By whoever decides himself what follows: it is neither repeated nor hedged, unless it was never sent. */
  readonly once?: boolean;
}

const NEW: Again = {};

/** Who wants to know of an outcome first. */
export interface Heeds {
  answered(value: unknown): void;
  failed(): void;
}

/** A request until its answer, which its caller gets unwrapped. */
class Answering implements Outlet {
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;
  readonly #heeds: Heeds | undefined;

  constructor(resolve: (value: unknown) => void, reject: (error: unknown) => void, heeds: Heeds | undefined) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#heeds = heeds;
  }

  replied(reply: Reply): void {
    const { made } = reply;
    if (made instanceof Result) {
      this.#heeds?.answered(made.value);
      return this.#resolve(made.value);
    }
    this.#heeds?.failed();
    try {
      this.#resolve(resultIn(reply));
    } catch (error) {
      this.#reject(error);
    }
  }

  failed(thrown: unknown): void {
    this.#heeds?.failed();
    this.#reject(causeOf(thrown));
  }
}
