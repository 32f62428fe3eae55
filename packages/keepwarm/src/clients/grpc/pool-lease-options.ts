/** What a lease is asked for with. */
import { invalid, show } from '../options.ts';

export interface GrpcLeaseOptions {
  /** Whether its connections carry nobody else's streams. Default false. */
  readonly exclusive?: boolean | undefined;
  /** With which other leases its connections are shared, unless it is exclusive. Default `default`. */
  readonly group?: string | undefined;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
  /** The longest wait for a connection, in ms. Default: the pool's. */
  readonly waitMs?: number | undefined;
}

const NAMES: Readonly<Record<keyof GrpcLeaseOptions, true>> = {
  exclusive: true,
  group: true,
  signal: true,
  waitMs: true,
};
export const GRPC_LEASE_NAMES: readonly string[] = Object.keys(NAMES);

/** Names go into statistics and messages, again and again. */
const NAME_CHARS_MAX = 256;

/** @throws NetError `INVALID` */
export function checkLease(name: unknown, options: GrpcLeaseOptions): void {
  if (!isText(name))
    throw invalid(`a lease has the name ${show(name)}; allowed: a text of 1 to ${NAME_CHARS_MAX} characters`);
  for (const key of Object.keys(options)) {
    if (!Object.hasOwn(NAMES, key)) throw invalid(`there is no option ${key} of a lease; known: ${GRPC_LEASE_NAMES}`);
  }
  const { exclusive, group, waitMs, signal } = options;
  if (exclusive !== undefined && typeof exclusive !== 'boolean') {
    throw invalid(`exclusive is ${show(exclusive)}; allowed: true or false`);
  }
  if (group !== undefined && !isText(group)) {
    throw invalid(`group is ${show(group)}; allowed: a text of 1 to ${NAME_CHARS_MAX} characters`);
  }
  if (waitMs !== undefined && !(typeof waitMs === 'number' && waitMs > 0)) {
    throw invalid(`waitMs is ${show(waitMs)}; allowed: a number above 0, or Infinity`);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid('signal is not an AbortSignal');
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && value.length <= NAME_CHARS_MAX;
}
