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
  const deadlineMs = timeoutMs(call.headers['grpc-timeout'] as string | undefined);
  if (deadlineMs === undefined) return call.refused('INTERNAL', 'grpc-timeout is not one');
  try {
    const caller = await upstream();
    if (call.over) return;
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

/** A failure of the caller's own messages comes back wrapped in that of the call they belonged to. */
function mended(error: unknown): unknown {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof GrpcError && cause.reach === 'unsent' && cause.path === undefined) return cause;
  }
  return error;
}
