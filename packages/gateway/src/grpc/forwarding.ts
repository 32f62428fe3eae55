/**
 * A call passed on as it is: any service, any method, all four kinds. Messages are bytes both ways, taken at the pace
 * of whoever reads them; metadata, deadline, status and cancellation cross, each to the other side.
 */
import { framed, type GrpcCaller, GrpcError, rawMethod } from 'keepwarm/grpc';
import type { Serving } from 'keepwarm/otel';
import type { GrpcCall } from './call.ts';
import { metadataOf, timeoutMs } from './fields.ts';

/** @param serving what the call upstream is to be told within, where it is traced */
export async function forward(
  call: GrpcCall,
  upstream: () => Promise<GrpcCaller>,
  messageBytesMax: number,
  serving?: Serving,
): Promise<void> {
  const wholeMs = timeoutMs(call.headers['grpc-timeout'] as string | undefined);
  if (wholeMs === undefined) return call.refused('INTERNAL', 'grpc-timeout is not one');
  const since = performance.now();
  try {
    const caller = await inTime(upstream(), wholeMs);
    if (call.over) return;
    const deadlineMs = Math.max(wholeMs - (performance.now() - since), 1); // the wait was its caller's time as well
    const metadata = metadataOf(call.raw, call.requestId);
    const options = { metadata, deadlineMs, messageBytesMax, signal: call.signal };
    const ask = () => caller.bidi(rawMethod(call.path), call.messages(), options);
    const answer = serving?.within(ask) ?? ask();
    call.begin(await answer.headers);
    for await (const message of answer) {
      if (!call.write(framed(message, false))) await call.drained();
    }
    call.end('OK', '', await answer.trailers);
  } catch (error) {
    call.fail(mended(error));
  }
}

/** What is waited for, unless the caller's time runs out before. */
async function inTime<T>(waited: Promise<T>, wholeMs: number): Promise<T> {
  if (wholeMs === Number.POSITIVE_INFINITY) return waited;
  const why = `there was no connection upstream within the ${wholeMs} ms of grpc-timeout`;
  const late = Promise.withResolvers<never>();
  const end = () => late.reject(new GrpcError('DEADLINE_EXCEEDED', why, { reach: 'unsent' }));
  const timer = setTimeout(end, Math.min(wholeMs, TIMER_MS_MAX));
  try {
    return await Promise.race([waited, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The longest delay a timer of Node's takes. */
const TIMER_MS_MAX = 2_147_483_647;

/** A failure of the caller's own messages comes back wrapped in that of the call they belonged to. */
function mended(error: unknown): unknown {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof GrpcError && cause.reach === 'unsent' && cause.path === undefined) return cause;
  }
  return error;
}
