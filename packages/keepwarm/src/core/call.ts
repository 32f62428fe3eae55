/**
 * The words of keepwarm: a Call goes down through policies to an engine, a Reply comes back up.
 *
 * Rules every Send and Policy keeps:
 *   (1) `next` may be called never, once or many times.
 *   (2) A Call is read-only. Whoever needs another makes a copy: `{ ...call, attempt: 2 }`.
 *   (3) What a policy holds for a call, it holds until the reply has *ended* (`reply.onEnd`), not until its head
 *       arrived.
 *   (4) After the caller aborts, everything settles without waiting for any timer.
 *   (5) Every failure is a NetError and says how far the call got (`reach`).
 */
import { NetError } from './error.ts';
import type { Fields } from './fields.ts';
import type { Origin } from './origin.ts';
import type { Reply } from './reply.ts';
import type { ReplyFields } from './reply-fields.ts';

/** What a call means, decided once by whoever knows its protocol, so that no policy has to. */
export interface Traits {
  /** Doing it twice has the effect of doing it once: the method's meaning, or an `Idempotency-Key`. */
  readonly idempotent: boolean;
}

/** Bytes to send. A producer is called once per attempt; one that cannot start again makes the call unrepeatable. */
export type CallBody = string | Uint8Array | BodyProducer;

export interface BodyProducer {
  /** Length in bytes where it is known; otherwise the body goes out chunked (RFC 9112 § 7.1). */
  readonly bytes: number | undefined;
  /** Whether `open` may be called again for another attempt. */
  readonly repeatable: boolean;
  open(): AsyncIterable<Uint8Array>;
}

/** Limits of single steps; `Infinity` switches one off. */
export interface StepLimits {
  /** Waiting for a connection, in ms. Default 10 s. */
  readonly queueMs: number;
  /**
   * Until the reply's head: silence of the peer after the request's last byte, or after the last of its bytes that the
   * peer took while there are more, in ms. Time in which a body waits for its source is not counted. Default 30 s.
   */
  readonly firstByteMs: number;
  /** Silence within the reply, in ms, while its reader is ready to read; counted in the same way. Default 15 s. */
  readonly betweenBytesMs: number;
  /** Bytes of one body, as it comes and after decoding. Default 64 MiB. */
  readonly bodyBytesMax: number;
}

export interface Call {
  /** Says which facts are about this call; all its copies have it. None for checks of our own. */
  readonly id?: number | undefined;
  /** Upper case for the standard methods; any token of RFC 9110 § 5.6.2 otherwise. */
  readonly method: string;
  readonly origin: Origin;
  /** Origin-form target (RFC 9112 § 3.2.1): path and query, starting with `/`; or `*` for OPTIONS. */
  readonly path: string;
  readonly headers: Fields;
  /**
   * Gives the fields that go out in their place, asked each time the call is written: for what must carry the moment of
   * sending and be used once, such as a signature. A redirect elsewhere leaves it behind. What it throws ends the call.
   */
  readonly sign?: ((call: Call) => Fields) | undefined;
  readonly body: CallBody | undefined;
  /** Whether the body of the reply will be asked for as bytes: then a short one is not kept as text. */
  readonly wantsBytes?: boolean | undefined;
  /** Told of replies that come before the final one (1xx), of each attempt. It may not throw. */
  readonly onInterim?: ((status: number, fields: ReplyFields) => void) | undefined;
  readonly signal: AbortSignal | undefined;
  /** The instant, on the client's clock, at which the call was made. */
  readonly startedAt: number;
  /** The instant, on the client's clock, by which the whole call must have ended; `Infinity` for none. */
  readonly deadlineAt: number;
  /**
   * How long this attempt may take once our own rate limits have let it start, in ms; nothing for as long as the call
   * may. Retry sets it, and where it begins it becomes an earlier `deadlineAt`: see policies/attempt-time.ts.
   */
  readonly attemptMs?: number | undefined;
  readonly limits: StepLimits;
  readonly traits: Traits;
  /** 1 for the first run of the call below retry. */
  readonly attempt: number;
  /** The tenant whose own pools and limits serve this call; empty for the client's only one. */
  readonly section: string;
  /**
   * Names of the endpoints it has been sent to, oldest first. All copies of a call share this one list, so that an
   * attempt knows where the others went. `balance/` alone adds to it; whoever makes a call for endpoints starts it.
   */
  readonly tried?: string[] | undefined;
  /** Name of the endpoint this copy goes to. `balance/` alone sets it. */
  readonly endpoint?: string | undefined;
  /** What it asks for by the words of its own protocol, such as the method of JSON-RPC or gRPC. Shown in facts. */
  readonly operation?: string | undefined;
  /** The path with names for what varies in it, where the caller gave one. */
  readonly template?: string | undefined;
  /** The caller's own word for it, such as the id of the request it is made for. Shown in facts, sent nowhere. */
  readonly tag?: string | undefined;
  /**
   * What whoever made the call knows of it beyond HTTP, for policies of the same protocol and for functions among the
   * options; others do not look at it. All copies of a call share it, so it is never changed.
   */
  readonly about?: unknown;
}

export interface Send {
  (call: Call): Promise<Reply>;
  /** The same without the promise, for policies that know how: see core/relay.ts. */
  readonly relay?: Relay;
}
export type Policy = (next: Send) => Send;

/** Sends a call; what comes of it is told to `to`. @param now the instant, just read */
export type Relay = (call: Call, to: Outlet, now: number) => void;

/** Who is told what came of a call. */
export interface Outlet {
  replied(reply: Reply, now: number): void;
  failed(error: unknown, now: number): void;
}

/** Whether the body can be sent once more. */
export function isRepeatable(body: CallBody | undefined): boolean {
  return body === undefined || typeof body === 'string' || body instanceof Uint8Array || body.repeatable;
}

/** Whether a call that may already have been received can be made again. What was never sent always can. */
export function mayRepeat(call: Call): boolean {
  return call.traits.idempotent && isRepeatable(call.body);
}

/** The call as it is written now, or why it cannot be. */
export function outgoing(call: Call): Call | NetError {
  if (call.sign === undefined) return call;
  try {
    return { ...call, headers: call.sign(call) };
  } catch (thrown) {
    const message = `the call could not be signed: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
    return new NetError('INVALID', message, { reach: 'unsent', phase: 'write', cause: thrown });
  }
}
