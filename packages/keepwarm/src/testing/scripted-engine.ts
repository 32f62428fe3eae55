/**
 * An engine that plays a script: what a policy, or code of yours that takes a `Send`, does with any sequence of
 * replies, failures and delays, without a network and without waiting.
 *
 *     const clock = new FakeClock();
 *     const engine = scripted([503, failure('RESET', 'unknown'), later(40, 200)], clock);
 *     const reply = retry(RETRY_DEFAULTS, { clock, ... })(engine)(aCall());
 *     await clock.run(1_000);
 *     assert.equal((await reply).status, 200);
 *     assert.deepEqual(engine.calls.map(({ attempt }) => attempt), [1, 2, 3]);
 *
 * It keeps the rules of every engine: the caller's signal ends a call at once, its deadline at that instant, and what
 * fails is a NetError that says how far the call got. A call the script has no line for fails the test.
 */
import { type Abortable, listen, unlisten } from '../core/abort.ts';
import type { Call, Send } from '../core/call.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { type Code, NetError, type Reach } from '../core/error.ts';
import { Fields } from '../core/fields.ts';
import { originOf } from '../core/origin.ts';
import { type BodySource, Reply } from '../core/reply.ts';
import { ReplyFields } from '../core/reply-fields.ts';

/** What a reply is made of. It is made anew each time, so that one line of a script may be played twice. */
export interface ReplyPlan {
  /** Default 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text and bytes arrive whole, a source as it likes; anything else as JSON. */
  readonly body?: unknown;
}

/** A status, a reply described or made, or an error. */
export type Outcome = number | ReplyPlan | Reply | NetError;

/** What one call meets. */
export type Line = Outcome | Later | ((call: Call) => Outcome | Later);

export class Later {
  readonly ms: number;
  readonly outcome: Outcome;

  constructor(ms: number, outcome: Outcome) {
    this.ms = ms;
    this.outcome = outcome;
  }
}

/** An outcome that takes its time, on the clock the script was given. */
export const later = (ms: number, outcome: Outcome): Later => new Later(ms, outcome);

/** No outcome: the call ends by its deadline or its signal. */
export const never: Later = new Later(Number.POSITIVE_INFINITY, 200);

export interface Scripted extends Send {
  /** Every call that came, in order, as the policies sent it. */
  readonly calls: readonly Call[];
  /** When each came, on the script's clock; 0 without one. */
  readonly instants: readonly number[];
  /** Calls that have no outcome yet. */
  inFlight(): number;
}

/**
 * @param script one line per call; or a function of the call and its number, 0 for the first, that never runs out
 * @param clock  needed for delays and deadlines
 */
export function scripted(script: readonly Line[] | ((call: Call, index: number) => Line), clock?: Clock): Scripted {
  const calls: Call[] = [];
  const instants: number[] = [];
  const running = new Set<Running>();
  const play: Send = (call) => {
    const index = calls.push(call) - 1;
    instants.push(clock?.now() ?? 0);
    const line = typeof script === 'function' ? script(call, index) : lineOf(script, index);
    const met = typeof line === 'function' ? line(call) : line;
    const step = met instanceof Later ? met : new Later(0, met);
    return new Promise((resolve, reject) => new Running(call, running, resolve, reject).start(step, clock));
  };
  return Object.assign(play, { calls, instants, inFlight: () => running.size });
}

function lineOf(script: readonly Line[], index: number): Line {
  const line = script[index];
  if (line === undefined) throw new Error(`the script has ${script.length} lines and met call ${index + 1}`);
  return line;
}

/** One call between its arrival and its outcome. */
class Running implements Abortable {
  readonly #call: Call;
  readonly #running: Set<Running>;
  readonly #resolve: (reply: Reply) => void;
  readonly #reject: (error: NetError) => void;
  #timer: Timer | undefined;

  constructor(call: Call, running: Set<Running>, resolve: (reply: Reply) => void, reject: (error: NetError) => void) {
    this.#call = call;
    this.#running = running;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(step: Later, clock: Clock | undefined): void {
    const call = this.#call;
    this.#running.add(this);
    if (call.signal?.aborted) return this.#end(aborted('unsent', call.signal.reason));
    const now = clock?.now() ?? 0;
    if (clock !== undefined && call.deadlineAt <= now) return this.#end(late('unsent'));
    if (step.ms === 0) return this.#end(step.outcome);
    if (clock === undefined) throw new Error('a script with delays needs the clock they are measured on');
    if (call.signal !== undefined) listen(call.signal, this);
    const leftMs = call.deadlineAt - now;
    if (leftMs <= step.ms) this.#arm(clock, leftMs, () => this.#end(late('unknown')));
    else this.#arm(clock, step.ms, () => this.#end(step.outcome));
  }

  aborted(reason: unknown): void {
    this.#end(aborted('unknown', reason));
  }

  #arm(clock: Clock, ms: number, task: () => void): void {
    if (ms !== Number.POSITIVE_INFINITY) this.#timer = clock.after(ms, task);
  }

  #end(outcome: Outcome): void {
    this.#timer?.cancel();
    if (this.#call.signal !== undefined) unlisten(this.#call.signal, this);
    this.#running.delete(this);
    if (outcome instanceof NetError) this.#reject(outcome);
    else this.#resolve(outcome instanceof Reply ? outcome : aReply(outcome));
  }
}

function aborted(reach: Reach, cause: unknown): NetError {
  return new NetError('ABORTED', 'the script was aborted by its caller', { reach, cause });
}

function late(reach: Reach): NetError {
  return new NetError('DEADLINE', 'the deadline passed before the script went on', { reach });
}

/** A reply as an engine makes it. With a body that is a source, its exchange ends when you call `finish()`. */
export function aReply(plan: number | ReplyPlan = 200): Reply {
  const { status = 200, headers = {}, body } = typeof plan === 'number' ? { status: plan } : plan;
  return new Reply(status, ReplyFields.of(Object.entries(headers)), bodyOf(body), false, 0, true);
}

function bodyOf(body: unknown): Uint8Array | BodySource {
  if (body === undefined) return new Uint8Array();
  if (body instanceof Uint8Array || isSource(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

function isSource(body: unknown): body is BodySource {
  return typeof body === 'object' && body !== null && 'start' in body && 'bytesExpected' in body;
}

/** A failure as an engine makes it. */
export function failure(code: Code, reach: Reach, details: { readonly systemCode?: string } = {}): NetError {
  return new NetError(code, `the script says ${code}, ${reach}`, { reach, ...details });
}

const ORIGIN = originOf(new URL('https://api.example.com'));

/** A GET to `https://api.example.com/` without a deadline, and whatever else a test is about. */
export function aCall(about: Partial<Call> = {}): Call {
  return {
    method: 'GET',
    origin: ORIGIN,
    path: '/',
    headers: Fields.none,
    body: undefined,
    signal: undefined,
    startedAt: 0,
    deadlineAt: Number.POSITIVE_INFINITY,
    limits: { queueMs: 10_000, firstByteMs: 30_000, betweenBytesMs: 15_000, bodyBytesMax: 64 * 1024 * 1024 },
    traits: { idempotent: true },
    attempt: 1,
    section: '',
    ...about,
  };
}
