/** `/api/history`: figures by the minute or hour, back to before the gateway was started. */
import { RANGES } from '../history/ranges.ts';
import { choice, onlyNames } from './query.ts';
import { tells } from './route.ts';
import type { HomeView } from './view.ts';

export const HISTORY = tells<HomeView>(
  '/api/history',
  'metrics over hours and days',
  async ({ history }, { query }) => {
    onlyNames(query, ['range', 'upstream']);
    const range = choice(query, 'range', Object.keys(RANGES) as (keyof typeof RANGES)[], '1h');
    return { json: await history.read(range, query.get('upstream') ?? undefined) };
  },
);
