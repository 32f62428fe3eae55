/** `/api/calls`: the last calls, where their milliseconds went, and which policies acted. */
import type { CallTold } from '../figures/call-told.ts';
import { choice, count, named, onlyNames } from './query.ts';
import { tells } from './route.ts';

const CALLS_MAX = 500;

export interface CallsTold {
  /** Latest first. */
  readonly calls: readonly CallTold[];
}

/** @throws Refused */
export const limitIn = (query: URLSearchParams): number => count(query, 'limit', 1, CALLS_MAX, 50);

export const CALLS = tells(
  '/api/calls',
  'the most recent calls, and where their time went',
  ({ upstreams, calls }, ask) => {
    const { query } = ask;
    onlyNames(query, ['upstream', 'only', 'slowerThanMs', 'requestId', 'limit']);
    const names = upstreams().map(({ name }) => name);
    const one = named(query, 'upstream', names);
    const notable = choice(query, 'only', ['all', 'notable'], 'all') === 'notable';
    const slowerThanMs = count(query, 'slowerThanMs', 0, 86_400_000, 0);
    const limit = limitIn(query);
    const requestId = query.get('requestId');
    const found = (one === undefined ? names : [one]).flatMap((name) => calls.of(name, notable));
    const wanted = found.filter(
      (call) => call.totalMs >= slowerThanMs && (requestId ?? call.requestId) === call.requestId,
    );
    const latest = wanted.sort((a, b) => b.at - a.at);
    return { json: { calls: latest.slice(0, limit) } satisfies CallsTold };
  },
);
