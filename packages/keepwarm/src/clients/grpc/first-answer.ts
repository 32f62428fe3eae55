/**
 * The first answer on a connection, read for what it says about connections: RESOURCE_EXHAUSTED or HTTP 429, soon after
 * the connection was wanted, means that too many were opened. Later on a connection either is about calls.
 */
import type { Clock } from '../../core/clock.ts';
import type { BodySink, BodySource, Reply } from '../../core/reply.ts';
import { type FieldLines, fieldsOf, isTrailersOnly, speaksGrpc, verdictOf } from '../../engines/grpc/verdict.ts';
import { retryAfterMs } from '../../policies/retry-after.ts';

/** Told that the provider had too much, and how long it wants to be left alone, in ms, where it says so. */
export type TooMuch = (askedMs: number | undefined) => void;

/** A status that comes later than this, in ms, is about the call: as long as opening a connection may take. */
const SOON_MS = 10_000;

/** @returns the reply to go on with */
export function heeded(reply: Reply, path: string, clock: Clock, tooMuch: TooMuch): Reply {
  if (reply.status === 429) tooMuch(retryAfterMs(reply, clock.wall()));
  if (reply.status !== 200 || !speaksGrpc(reply)) return reply;
  const soonUntil = clock.now() + SOON_MS;
  const look = (fields: FieldLines): void => {
    const error = verdictOf(fields, path);
    if (error?.status !== 'RESOURCE_EXHAUSTED' || clock.now() > soonUntil) return;
    // Below 0 the server asks for no repeat at all, and does not say until when.
    const { pushbackMs = -1 } = error;
    tooMuch(pushbackMs < 0 ? undefined : pushbackMs);
  };
  if (isTrailersOnly(reply)) look(reply.headers.list);
  else if (reply.ended) look(fieldsOf(reply.trailers));
  else {
    const body = reply.take();
    return reply.with(body instanceof Uint8Array ? body : new Watched(body, (trailers) => look(fieldsOf(trailers))));
  }
  return reply;
}

/** A body whose trailers somebody else sees as well. */
class Watched implements BodySource {
  readonly bytesExpected: number;
  readonly #source: BodySource;
  readonly #ended: (trailers: readonly string[]) => void;

  constructor(source: BodySource, ended: (trailers: readonly string[]) => void) {
    this.bytesExpected = source.bytesExpected;
    this.#source = source;
    this.#ended = ended;
  }

  start(sink: BodySink): void {
    this.#source.start({
      data: (chunk) => sink.data(chunk),
      end: (trailers) => {
        this.#ended(trailers);
        sink.end(trailers);
      },
      fail: (error) => sink.fail(error),
    });
  }

  resume(): void {
    this.#source.resume();
  }

  cancel(reason: unknown): void {
    this.#source.cancel(reason);
  }

  liftDeadline(until?: number): void {
    this.#source.liftDeadline(until);
  }
}
