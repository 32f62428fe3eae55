/** What a failed lookup means. The words are those a message shows; the table is repeated in docs/reference/dns.md. */
import { NetError } from '../core/error.ts';

/** System code → what the resolver said. c-ares' codes first, then getaddrinfo's. */
export const SAID: Readonly<Record<string, string>> = {
  ENOTFOUND: 'NXDOMAIN (there is no such name)',
  ENODATA: 'empty (the name exists and has no address of the family asked for)',
  ESERVFAIL: 'SERVFAIL (the name server could not find out)',
  ETIMEOUT: 'timeout (no name server answered)',
  EREFUSED: 'REFUSED (the name server does not answer us)',
  ECONNREFUSED: 'no name server could be reached',
  EFORMERR: 'FORMERR (the name server did not understand the question)',
  ENOTIMP: 'NOTIMP (the name server does not know the question)',
  EBADRESP: 'a malformed answer',
  EAI_AGAIN: 'EAI_AGAIN (the system could not find out)',
};

/**
 * Whether the answer is final: a name server said so, and asking again would bring the same until the zone changes.
 * Everything else, known or not, is taken to pass.
 */
export function isFinal(systemCode: string | undefined): boolean {
  return systemCode === 'ENOTFOUND' || systemCode === 'ENODATA';
}

export function lookupFailed(hostname: string, thrown: unknown): NetError {
  if (thrown instanceof NetError && thrown.code === 'DNS') return thrown;
  const code = codeOf(thrown);
  const said =
    (code === undefined ? undefined : SAID[code]) ?? (thrown instanceof Error ? thrown.message : String(thrown));
  return new NetError('DNS', `cannot resolve ${hostname}: ${said}`, { reach: 'unsent', phase: 'dns', cause: thrown });
}

export function lookupTimedOut(hostname: string, lookupMs: number): NetError {
  return new NetError('DNS', `cannot resolve ${hostname}: timeout after ${lookupMs} ms (lookupMs)`, {
    reach: 'unsent',
    phase: 'dns',
    limit: 'lookupMs',
    value: lookupMs,
    systemCode: 'ETIMEOUT',
  });
}

export function lookupEmpty(hostname: string): NetError {
  return new NetError('DNS', `cannot resolve ${hostname}: ${SAID['ENODATA']}`, {
    reach: 'unsent',
    phase: 'dns',
    systemCode: 'ENODATA',
  });
}

export function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** A reason that is ours already, such as a deadline, says more than we could. */
export function aborted(hostname: string, reason: unknown): NetError {
  if (reason instanceof NetError) return reason;
  return new NetError('ABORTED', `aborted while ${hostname} was being resolved`, {
    reach: 'unsent',
    phase: 'dns',
    cause: reason,
  });
}

export function saturated(hostname: string, namesMax: number): NetError {
  return new NetError('SATURATED', `${namesMax} lookups are under way (namesMax); ${hostname} was not looked up`, {
    reach: 'unsent',
    phase: 'dns',
    limit: 'namesMax',
    value: namesMax,
  });
}

export function closed(): NetError {
  return new NetError('CLOSED', 'the DNS cache was closed', { reach: 'unsent', phase: 'dns' });
}
