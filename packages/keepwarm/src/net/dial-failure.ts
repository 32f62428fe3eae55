/** What went wrong while a connection was opened, in words that name the peer, the limit and the value. */
import { NetError, type Phase } from '../core/error.ts';
import type { Origin } from '../core/origin.ts';

/** How far an opening has come, for whoever gives it up. */
export interface Steps {
  phase: Phase;
  /** What the last attempt failed with, where one has. */
  lastError: Error | undefined;
  /** The proxy it goes through, without credentials. */
  proxy: string | undefined;
}

/** @param where the addresses that were tried */
export function connectFailure(origin: Origin, where: string, cause: Error): NetError {
  return new NetError('CONNECT', `no connection to ${origin.key} (${where}): ${cause.message}`, {
    reach: 'unsent',
    phase: 'connect',
    origin: origin.key,
    cause,
  });
}

export function tooLate(origin: Origin, { phase, lastError, proxy }: Steps, connectMs: number): NetError {
  const where = phase === 'proxy' && proxy !== undefined ? `${phase} (${proxy})` : phase;
  return new NetError(
    'TIMEOUT',
    `no connection to ${origin.key} within ${connectMs} ms (limit connectMs), still in phase ${where}`,
    { reach: 'unsent', phase, origin: origin.key, limit: 'connectMs', value: connectMs, cause: lastError },
  );
}

export function abandoned(origin: Origin, phase: Phase, cause: unknown): NetError {
  return new NetError('ABORTED', `connecting to ${origin.key} was given up`, {
    reach: 'unsent',
    phase,
    origin: origin.key,
    cause,
  });
}

/**
 * What the network did to the handshake is CONNECT and may be tried again; what the peer is or speaks is TLS and may
 * not.
 */
export function tlsFailure(origin: Origin, cause: Error & { code?: string }): NetError {
  const { code = '' } = cause;
  const network =
    /^(ECONNRESET|EPIPE|ETIMEDOUT|ECONNABORTED|EHOSTUNREACH|ENETUNREACH|ENETDOWN)$/.test(code) || code === '';
  return new NetError(network ? 'CONNECT' : 'TLS', `no TLS with ${origin.key}: ${cause.message}`, {
    reach: 'unsent',
    phase: 'tls',
    origin: origin.key,
    cause,
  });
}

/** What failed on the way to a proxy, or at it, as a failure to reach the origin; the reasons stay what they are. */
export function proxyFailure(origin: Origin, proxy: string, error: NetError): NetError {
  return new NetError(error.code, `proxy ${proxy} for ${origin.key}: ${error.message}`, {
    ...error,
    cause: error.cause,
    reach: 'unsent',
    phase: 'proxy',
    origin: origin.key,
  });
}
