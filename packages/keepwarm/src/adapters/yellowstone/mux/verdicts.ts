/** What the end of a stream upstream means for those it feeds. */
import { GrpcError } from '../../../engines/grpc/error.ts';
import type { StatusName } from '../../../wire/grpc/status.ts';
import type { LinkError } from './link.ts';

/** Whether opening it again would change nothing. */
export function isFinal(error: LinkError): boolean {
  return error instanceof GrpcError && FINAL.has(error.status);
}

const FINAL: ReadonlySet<string> = new Set<StatusName>([
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'UNIMPLEMENTED',
  'NOT_FOUND',
]);

/** Something in the request was not to upstream's liking. */
export function isRefusal(error: LinkError): boolean {
  return error instanceof GrpcError && error.status === 'INVALID_ARGUMENT';
}

/** That slot is not to be had any more, or replays are not offered at all (yellowstone-grpc, grpc.rs). */
export function isReplayRefused(error: LinkError): boolean {
  if (!(error instanceof GrpcError)) return false;
  return error.status === 'OUT_OF_RANGE' || (error.status === 'INTERNAL' && error.statusMessage.includes('from_slot'));
}

/** The slot that a replay may begin with, where upstream says so. */
export function firstAvailable(error: LinkError): number | undefined {
  const said = error instanceof GrpcError ? /last available: (\d{1,15})\b/.exec(error.statusMessage)?.[1] : undefined;
  return said === undefined ? undefined : Number(said);
}

export function gapError(floor: number, cause: LinkError): GrpcError {
  const why = `the stream was lost, and upstream does not replay from slot ${floor}: updates are missing from here on`;
  return new GrpcError('DATA_LOSS', why, { reach: 'answered', cause });
}

export function unreachable(forMs: number, downMs: number, cause: LinkError | undefined): GrpcError {
  const why = `upstream has been out of reach for ${Math.round(forMs)} ms (limit downMs ${downMs})`;
  return new GrpcError('UNAVAILABLE', why, { reach: 'answered', cause, limit: 'downMs', value: downMs });
}

export function lagged(waiting: number, bytes: number): GrpcError {
  const why = `lagged to send an update: ${waiting} updates of ${bytes} bytes already wait for this monitor`;
  return new GrpcError('INTERNAL', why, { reach: 'answered', limit: 'queueUpdatesMax', value: waiting });
}

export function tooMany(monitorsMax: number): GrpcError {
  const why = `${monitorsMax} monitors are being served (limit monitorsMax ${monitorsMax})`;
  return new GrpcError('RESOURCE_EXHAUSTED', why, { reach: 'unsent', limit: 'monitorsMax', value: monitorsMax });
}

export function closedError(): GrpcError {
  return new GrpcError('UNAVAILABLE', 'the multiplexer is closed', { reach: 'unsent' });
}

export function unknownFields(): GrpcError {
  const why = 'the request has a field that is not known here, and cannot be shared; forward it as any other call';
  return new GrpcError('INVALID_ARGUMENT', why, { reach: 'unsent' });
}
