/** What a lost subscription means: that it is over, that there is no replay from there, or that it is worth a try. */
import { NetError } from '../../core/error.ts';
import { GrpcError } from '../../engines/grpc/error.ts';
import type { StatusName } from '../../wire/grpc/status.ts';

/**
 *  - `final`: the same request would end the same way.
 *  - `too old`: the server has no longer what a replay should begin with; `first` is the lowest slot it has.
 *  - `no replay`: the server has none at all.
 *  - `again`: everything else.
 */
export type Verdict =
  | { readonly kind: 'final' | 'no replay' | 'again' }
  | { readonly kind: 'too old'; readonly first: number | undefined };

const FINAL: ReadonlySet<StatusName> = new Set([
  ...(['INVALID_ARGUMENT', 'UNAUTHENTICATED', 'PERMISSION_DENIED'] as const),
  ...(['UNIMPLEMENTED', 'NOT_FOUND', 'FAILED_PRECONDITION'] as const),
]);

/** @param replayed whether a replay was asked for */
export function verdictOn(error: unknown, replayed: boolean): Verdict {
  if (error instanceof NetError)
    return { kind: error.code === 'INVALID' || error.code === 'CLOSED' ? 'final' : 'again' };
  if (!(error instanceof GrpcError)) return { kind: 'again' };
  const { status, statusMessage, cause } = error;
  if (cause instanceof NetError && cause.code === 'CLOSED') return { kind: 'final' };
  if (FINAL.has(status)) return { kind: 'final' };
  if (!replayed) return { kind: status === 'OUT_OF_RANGE' ? 'final' : 'again' };
  if (status === 'OUT_OF_RANGE') {
    const [, first] = /last available: (\d+)/.exec(statusMessage) ?? [];
    return { kind: 'too old', first: first === undefined ? undefined : Number(first) };
  }
  return { kind: /from_slot is not supported/.test(statusMessage) ? 'no replay' : 'again' };
}

/** What is asked of a subscription whose stream is lost at the moment. */
export function notOpen(): NetError {
  return new NetError('CLOSED', 'the subscription is not open at the moment', { reach: 'unsent' });
}
