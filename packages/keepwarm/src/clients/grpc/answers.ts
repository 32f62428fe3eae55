/**
 * Reads what servers answer, next to the engine, so that retries and breakers see the status of gRPC and not that of
 * HTTP, which is 200 whatever happened.
 *
 *   one message and OK                  ──▶ a reply, `made` of the Single
 *   a stream that begins                ──▶ the reply as it came, its body untouched: its end is its reader's concern
 *   UNAVAILABLE, before anything else   ──▶ a reply with 503, `made` of the GrpcError: it may be repeated, and counts
 *                                           against the peer; `Retry-After` where it says `grpc-retry-pushback-ms`
 *   any other status                    ──▶ NetError `STATUS` with the GrpcError beneath: never repeated
 */
import type { Call, Policy } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import { Reply } from '../../core/reply.ts';
import { ReplyFields } from '../../core/reply-fields.ts';
import { GrpcError } from '../../engines/grpc/error.ts';
import { failureOf, tell } from '../../engines/grpc/failures.ts';
import { readSingle, type Single, singleOf } from '../../engines/grpc/single.ts';
import { fieldsOf, isTrailersOnly, speaksGrpc, verdictOf, verdictOfHttp } from '../../engines/grpc/verdict.ts';
import { GrpcAsked } from './asked.ts';
import { heeded, type TooMuch } from './first-answer.ts';

/** @param tooMuch told when the provider has let too many connections be opened; without it nobody looks */
export function answers(clock: Clock, tooMuch?: TooMuch): Policy {
  return (next) => (call) => {
    const { about } = call;
    if (!(about instanceof GrpcAsked)) return next(call);
    // The peer is told what is left of the deadline, not what there was.
    const sent = call.attempt === 1 ? call : { ...call, headers: about.fieldsFor(call.deadlineAt - clock.now()) };
    return next(sent).then(
      (reply) => {
        const first = tooMuch !== undefined && !reply.reused;
        return judged(first ? heeded(reply, about.path, clock, tooMuch) : reply, about);
      },
      (thrown: unknown) => {
        throw refused(NetError.from(thrown), call, about, clock);
      },
    );
  };
}

function judged(reply: Reply, asked: GrpcAsked): Reply | Promise<Reply> {
  if (isTrailersOnly(reply)) return ended(reply, verdictOf(reply.headers.list, asked.path), asked);
  if (reply.status !== 200 || !speaksGrpc(reply)) {
    const error = verdictOfHttp(reply, asked.path);
    reply.discard();
    return failed(reply, error);
  }
  if (!asked.single) return streamed(reply, asked);
  const body = reply.take();
  if (body instanceof Uint8Array)
    return settled(
      reply,
      tried(() => singleOf(body, reply.trailers, asked)),
      asked,
    );
  return readSingle(body, asked).then(
    (single) => settled(reply, single, asked),
    (thrown: unknown) => {
      throw thrown instanceof GrpcError ? status(thrown) : thrown;
    },
  );
}

/** There is nothing but the head. */
function ended(reply: Reply, error: GrpcError | undefined, asked: GrpcAsked): Reply {
  if (error === undefined && !asked.single) return reply;
  reply.discard();
  if (error !== undefined) return failed(reply, error);
  throw status(tell.count(0, asked.path));
}

/** A stream that has ended already, and without a message, has a status that may be repeated. */
function streamed(reply: Reply, asked: GrpcAsked): Reply {
  if (!reply.ended) return reply;
  const body = reply.take();
  const empty = body instanceof Uint8Array && body.length === 0;
  const error = empty ? verdictOf(fieldsOf(reply.trailers), asked.path) : undefined;
  return error === undefined ? reply.with(body) : failed(reply, error);
}

function settled(reply: Reply, single: Single, asked: GrpcAsked): Reply {
  const error = verdictOf(fieldsOf(single.trailers), asked.path);
  if (error !== undefined) return failed(reply, error);
  if (single.half) throw status(tell.half(asked.path));
  if (single.message === undefined) throw status(tell.count(0, asked.path));
  reply.made = single;
  return reply;
}

function failed({ socketId, reused }: Reply, error: GrpcError): Reply {
  const { pushbackMs } = error;
  if (error.status !== 'UNAVAILABLE' || (pushbackMs !== undefined && pushbackMs < 0)) throw status(error);
  const fields: [string, string][] = pushbackMs === undefined ? [] : [['retry-after', String(pushbackMs / 1_000)]];
  const reply = new Reply(503, ReplyFields.of(fields), EMPTY, false, socketId, reused);
  reply.made = error;
  return reply;
}

const EMPTY = new Uint8Array(0);

function tried(read: () => Single): Single {
  try {
    return read();
  } catch (thrown) {
    throw thrown instanceof GrpcError ? status(thrown) : thrown;
  }
}

/** What is not worth a repeat, in the word of ours that is never repeated. */
function status(error: GrpcError): NetError {
  const { message, reach, pushbackMs = -1 } = error;
  const retryAfterMs = pushbackMs < 0 ? undefined : pushbackMs; // below 0 the server asks for no repeat at all
  return new NetError('STATUS', message, { reach, phase: 'body', retryAfterMs, cause: error });
}

/** A stream that was reset may have been given a status by that; one other than UNAVAILABLE is not repeated. */
function refused(error: NetError, call: Call, asked: GrpcAsked, clock: Clock): NetError {
  if (error.code !== 'RESET' || error.reach === 'unsent') return error;
  const failure = failureOf(error, asked.path, clock.now() >= call.deadlineAt);
  return failure instanceof GrpcError && failure.status !== 'UNAVAILABLE' ? status(failure) : error;
}
