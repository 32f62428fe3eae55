/** How a call or an attempt ended, in the words of the conventions. Of what a peer wrote nothing is in it but codes. */

import { RpcError } from '../clients/jsonrpc/rpc-error.ts';
import type { Call } from '../core/call.ts';
import { NetError } from '../core/error.ts';
import type { Reply } from '../core/reply.ts';
import { GrpcError } from '../engines/grpc/error.ts';
import { failureOf } from '../engines/grpc/failures.ts';
import { fieldsOf, verdictOf } from '../engines/grpc/verdict.ts';
import type { Kind } from './otel-names.ts';

export interface Outcome {
  /** Of HTTP, where there was a reply. */
  readonly status: number | undefined;
  /** The status of gRPC by its name, or the code of a JSON-RPC error. */
  readonly rpcStatus: string | undefined;
  /** `error.type`; nothing when all went well. */
  readonly error: string | undefined;
  /** For people; never a text that came from elsewhere. */
  readonly description: string | undefined;
  readonly socketId: number | undefined;
}

/** The end of a call whose failure was thrown. @param late whether its deadline is over */
export function outcomeOfError(kind: Kind, call: Call, thrown: unknown, late: boolean): Outcome {
  const error = NetError.from(thrown);
  const { status, socketId } = error;
  const rpcStatus = kind === 'http' ? undefined : rpcStatusOf(kind, call, error, late);
  return { status, rpcStatus, error: rpcStatus ?? error.code, description: described(error), socketId };
}

/**
 * The end of a call whose reply has ended.
 *
 * @param made what the reply was made into, and `trailers` and `error` how its body ended
 */
export function outcomeOfReply(
  kind: Kind,
  call: Call,
  { status, socketId, made }: Pick<Reply, 'status' | 'socketId' | 'made'>,
  trailers: readonly string[],
  error: NetError | undefined,
): Outcome {
  if (error !== undefined) return { ...outcomeOfError(kind, call, error, false), status, socketId };
  const rpcStatus = kind === 'http' ? undefined : answered(kind, call, made, trailers);
  const failed = rpcStatus !== undefined && rpcStatus !== 'OK' ? rpcStatus : undefined;
  const refused = kind !== 'grpc' && status >= 400 ? String(status) : undefined;
  return { status, rpcStatus, error: failed ?? refused, description: undefined, socketId };
}

/** What is left of a reply for its end: without its body, which must not be held for that. */
export function summaryOf({ status, socketId, made }: Reply): Pick<Reply, 'status' | 'socketId' | 'made'> {
  return { status, socketId, made: made instanceof RpcError || made instanceof GrpcError ? made : undefined };
}

function rpcStatusOf(kind: 'jsonrpc' | 'grpc', call: Call, error: NetError, late: boolean): string | undefined {
  if (kind === 'jsonrpc') return error.cause instanceof RpcError ? String(error.cause.code) : undefined;
  const failure = failureOf(error, call.operation ?? '', late);
  return failure instanceof GrpcError ? failure.status : undefined;
}

function answered(
  kind: 'jsonrpc' | 'grpc',
  call: Call,
  made: unknown,
  trailers: readonly string[],
): string | undefined {
  if (kind === 'jsonrpc') return made instanceof RpcError ? String(made.code) : undefined;
  if (made instanceof GrpcError) return made.status;
  if (trailers.length === 0) return 'OK';
  const fields = fieldsOf(trailers);
  if (!fields.some(([name]) => name === 'grpc-status')) return 'OK'; // of a single message, read before
  return verdictOf(fields, call.operation ?? '')?.status ?? 'OK';
}

function described({ code, phase, limit, value }: NetError): string {
  const where = phase === undefined ? '' : ` in phase ${phase}`;
  return limit === undefined ? `${code}${where}` : `${code}${where}: limit ${limit} ${value ?? ''}`.trimEnd();
}
