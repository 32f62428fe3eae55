/** What every fact about a call says of it, and the numbers that say which facts are about one call. */
import type { Call } from './call.ts';
import type { CallFact } from './observer.ts';

let last = 0;

/** For a call that is made for a caller. One count for the process, so that no two clients give the same. */
export const nextCallId = (): number => ++last;

export function factOf(of: Call): CallFact {
  const { id = 0, method, operation, origin, section, attempt, endpoint, tried, tag } = of;
  const place = endpoint ?? tried?.at(-1);
  return { call: id, method, operation, origin: origin.key, section, attempt, endpoint: place, tag };
}
