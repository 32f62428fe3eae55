/**
 * The one error class of keepwarm, its closed list of codes, and how far a failed call got.
 *
 * The table is the documentation: each line says what happened and what to do. `docs/reference/errors.md` repeats
 * it with causes and remedies, and a test keeps the two sets equal.
 */
import type { ReplyFields } from './reply-fields.ts';

export const CODES = {
  INVALID: 'the call itself is malformed; nothing was sent; mend the named part',
  CLOSED: 'the client was closed or is draining; see `reach` for calls it was closed on',
  SATURATED: 'our own limit was reached and nothing was sent; shed load or raise the named limit',
  OPEN: 'a breaker stopped it, as the peer has been failing; nothing was sent; try elsewhere, or after `retryAfterMs`',
  DNS: 'the name could not be resolved; another endpoint may answer',
  CONNECT: 'no connection could be opened; another endpoint may answer',
  TLS: 'the peer could not prove who it is, or no safe protocol was agreed; never retried as transient',
  TIMEOUT: 'a step took longer than its own limit; see `phase`',
  DEADLINE: 'the whole call ran out of time; see `phase`',
  ABORTED: 'the caller aborted the call; `cause` is its reason',
  RESET: 'the connection was lost under way; repeat only what is idempotent',
  PROTOCOL: 'the peer broke the protocol; its connection was closed',
  LIMIT: 'the reply was larger than a limit allows; raise the named limit if the peer is trusted',
  DECODE: 'the body could not be decoded as its headers or the caller claim',
  STATUS: 'the peer answered with a status the caller did not accept; see `status`',
  REDIRECT: 'a redirect could not be followed: too many, or not to be repeated safely',
  RPC: 'the endpoint answered with an error of its protocol that another may not give; `cause` is that error',
  DISAGREED: 'fewer endpoints than had to agree gave the same answer; look at who said otherwise, or ask again',
} as const;

export type Code = keyof typeof CODES;

/**
 * How far the call got. Only `unsent` makes repeating safe for every call.
 *  - `unsent`: no byte of it reached a connection that could have delivered it.
 *  - `unknown`: bytes were written and no answer began; the peer may or may not have acted.
 *  - `answered`: the peer began to answer, so it has received and perhaps performed the call.
 */
export type Reach = 'unsent' | 'unknown' | 'answered';

/** An answer the caller did not accept. */
export interface Answer {
  readonly headers: ReplyFields;
  readonly text: string;
}

/** What an answer says of the endpoint it came from: it fails, it has too much to do, or nothing. */
export type Health = 'ill' | 'busy' | 'nothing';

/** Where a call was when it failed. */
export type Phase = 'queue' | 'dns' | 'connect' | 'proxy' | 'tls' | 'write' | 'head' | 'body' | 'redirect' | 'closing';

export interface NetErrorDetails {
  /** How far the call got. Never left out: it decides whether a repeat is safe. */
  readonly reach: Reach;
  readonly phase?: Phase | undefined;
  /** What was found underneath: a system error, the caller's abort reason, another NetError. */
  readonly cause?: unknown;
  /** The origin the call went to, e.g. `https://api.example.com`. Never holds credentials, path or query. */
  readonly origin?: string | undefined;
  /** The name of the limit that was reached, as it is spelt in the options. */
  readonly limit?: string | undefined;
  /** The value of that limit. */
  readonly value?: number | undefined;
  readonly status?: number | undefined;
  /** How long after it was thrown a repeat is worth trying, in ms; where that is known. */
  readonly retryAfterMs?: number | undefined;
  /** With `RPC`: what the answer says of the endpoint. */
  readonly health?: Health | undefined;
  /** With `STATUS`: the whole of what the peer answered. */
  readonly answer?: Answer | undefined;
  /** Id of the socket in the registry, where there was one. */
  readonly socketId?: number | undefined;
  /** The system's or TLS's own code beneath, such as `ECONNRESET`; derived from `cause` when left out. */
  readonly systemCode?: string | undefined;
}

/**
 * Every failure keepwarm reports. `code` says what to do, `reach` whether a repeat is safe, `cause` what lay beneath.
 */
export class NetError extends Error {
  override readonly name = 'NetError';
  readonly code: Code;
  readonly reach: Reach;
  // What is not known is not there, so that an error that is printed shows what there is to read.
  declare readonly phase: Phase | undefined;
  declare readonly origin: string | undefined;
  declare readonly limit: string | undefined;
  declare readonly value: number | undefined;
  declare readonly status: number | undefined;
  declare readonly retryAfterMs: number | undefined;
  declare readonly health: Health | undefined;
  declare readonly socketId: number | undefined;
  declare readonly systemCode: string | undefined;
  readonly #answer: Answer | undefined;

  constructor(code: Code, message: string, details: NetErrorDetails) {
    const { cause, answer } = details;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.reach = details.reach;
    const systemCode = details.systemCode ?? systemCodeOf(cause);
    Object.assign(this, known(details, OPTIONAL), systemCode === undefined ? undefined : { systemCode });
    this.#answer = answer;
  }

  /**
   * With `STATUS`: the peer's whole answer. Kept out of what loggers and `util.inspect` show, as it may hold anything.
   */
  get answer(): Answer | undefined {
    return this.#answer;
  }

  /** The same failure, known to have got further or less far than the one who threw it could tell. */
  withReach(reach: Reach): NetError {
    return reach === this.reach
      ? this
      : new NetError(this.code, this.message, { ...this, cause: this.cause, answer: this.#answer, reach });
  }

  /** The same failure, told of the origin and connection it was met at, where it names no origin. */
  about(origin: string | undefined, socketId = this.socketId): NetError {
    return origin === undefined || this.origin !== undefined
      ? this
      : new NetError(this.code, this.message, { ...this, cause: this.cause, answer: this.#answer, origin, socketId });
  }

  /**
   * Any thrown value as a NetError. What is not ours is taken for a lost connection that may have delivered the call.
   */
  static from(thrown: unknown): NetError {
    if (thrown instanceof NetError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new NetError('RESET', message, { reach: 'unknown', cause: thrown });
  }
}

const OPTIONAL = ['phase', 'origin', 'limit', 'value', 'status', 'retryAfterMs', 'health', 'socketId'] as const;

/** Those of the fields that have a value: an error that is printed shows what there is to read. */
export function known<Details>(details: Details, names: readonly (keyof Details & string)[]): Partial<Details> {
  const given: Partial<Details> = {};
  for (const name of names) if (details[name] !== undefined) given[name] = details[name];
  return given;
}

function systemCodeOf(cause: unknown): string | undefined {
  if (cause instanceof NetError) return cause.systemCode; // its own code is ours, not the system's
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return undefined;
  return typeof cause.code === 'string' ? cause.code : undefined;
}

/** An assertion about ourselves: when it fires, keepwarm has a bug, in production too. */
export function invariant(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`keepwarm bug: ${what}`);
}
