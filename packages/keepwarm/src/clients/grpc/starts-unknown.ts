/**
 * The wait of a first connection: a limit that holds from the first moment on has to take it that the run before has
 * used it all, unless a file, or its user, says otherwise. Whoever meets that for the first time is told why, and what
 * to do about it.
 */
import { NetError } from '../../core/error.ts';
import type { ConnectionLimiter, ConnectionRateSnapshot } from '../../pool/start-gate.ts';

const REMEDY =
  "give connectionRate.path, a file that remembers them, or connectionRate.assumed 'empty' where there were none";

/** Why nothing is opened, in words; nothing where that is not the reason. */
export function unknownStarts(rate: ConnectionRateSnapshot | undefined): string | undefined {
  const leftMs = rate?.assumedMs ?? 0;
  return leftMs > 0 ? waiting(leftMs) : undefined;
}

/** A wait for a connection; when it takes too long and this is the reason, the error says so. */
export async function explained<T>(wait: T | Promise<T>, limiter: ConnectionLimiter | undefined): Promise<T> {
  try {
    return await wait;
  } catch (error) {
    const unknown = unknownStarts(limiter?.snapshot());
    if (unknown === undefined || !(error instanceof NetError) || error.code !== 'TIMEOUT') throw error;
    const { reach, phase, limit, value } = error;
    throw new NetError('TIMEOUT', `${error.message}: ${unknown}`, { reach, phase, limit, value, cause: error });
  }
}

/** Once for each limiter, to standard error unless the process sees to warnings itself. @param name the provider's */
export function warnOfUnknownStarts(name: string, leftMs: number): void {
  const warning = `the first connection to ${name} waits: ${waiting(leftMs)}`;
  process.emitWarning(warning, { type: 'KeepwarmWarning', code: 'KEEPWARM_STARTS_UNKNOWN' });
}

const waiting = (leftMs: number): string =>
  `nothing is opened for ${Math.ceil(leftMs / 1_000)} s, as nothing is known of connections opened before; ${REMEDY}`;
