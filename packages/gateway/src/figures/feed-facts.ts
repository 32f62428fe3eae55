/**
 * Facts of an upstream's client as events. Of errors, what they are and how far the call got; messages and paths are
 * left out: nobody can promise for every provider that no key is in them.
 */
import { FACTS, type FactName, NetError, type Observer } from 'keepwarm';
import type { Feed } from './feed.ts';

/** Facts that are too many to be told one by one; calls are told by the call log, some of them. */
const UNTOLD: ReadonlySet<FactName> = new Set([
  'leased',
  'released',
  'replied',
  'failed',
  'resolved',
  'cacheUsed',
  'coalesced',
]);

/** May hold a key of somebody. */
const UNTOLD_FIELDS: ReadonlySet<string> = new Set(['path', 'stack']);

export interface ErrorTold {
  readonly code: string;
  readonly reach: string;
  readonly phase?: string;
  /** The limit that was reached. */
  readonly limit?: string;
  /** What the system called it, such as ECONNREFUSED. */
  readonly system?: string;
}

export function feedFacts(upstream: string, feed: Feed): Observer {
  const told = FACTS.filter((name) => !UNTOLD.has(name));
  const methods = told.map((name) => [name, (fact: object) => feed.tell(name, upstream, fieldsOf(fact))] as const);
  return Object.fromEntries(methods);
}

function fieldsOf(fact: object): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fact)) {
    if (value instanceof NetError) fields[name] = errorTold(value);
    else if (value !== undefined && !UNTOLD_FIELDS.has(name)) fields[name === 'tag' ? 'requestId' : name] = value;
  }
  return fields;
}

export function errorTold({ code, reach, phase, limit, cause }: NetError): ErrorTold {
  const system = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return {
    code,
    reach,
    ...(phase === undefined ? {} : { phase }),
    ...(limit === undefined ? {} : { limit }),
    ...(/^[A-Z][A-Z0-9_]{2,40}$/.test(system) ? { system } : {}),
  };
}
