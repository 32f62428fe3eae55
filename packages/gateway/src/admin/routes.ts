/** Every path of the admin listener but the files of its page. docs/reference/admin.md repeats this table. */
import { ACTION_ROUTES } from './actions.ts';
import { CALLS } from './calls.ts';
import { BREAKERS, ENDPOINTS, LIMITS } from './endpoints.ts';
import { eventsRoute, type Readers } from './events.ts';
import { GRPC_POOL_ROUTES } from './grpc-pool.ts';
import { HISTORY } from './history.ts';
import { count, onlyNames } from './query.ts';
import { readiness } from './readiness.ts';
import { type Route, tells } from './route.ts';
import { SESSION_ROUTES } from './session.ts';
import { snapshot, toJson } from './snapshot.ts';
import { SOCKETS } from './sockets.ts';

export function adminRoutes(readers: Readers): readonly Route[] {
  const routes: readonly Route[] = [
    tells('/api', 'this table', () => ({
      json: { version: 1, routes: routes.map(({ answer: _, ...row }) => row) },
    })),
    tells('/api/stats', 'everything about now, in one object', (view, { query }) => {
      onlyNames(query, ['sockets']);
      const socketsMax = count(query, 'sockets', 0, 5_000, 5_000);
      return { type: JSON_TYPE, text: toJson(snapshot(view, readers, socketsMax)) };
    }),
    eventsRoute(readers),
    SOCKETS,
    ENDPOINTS,
    LIMITS,
    BREAKERS,
    CALLS,
    HISTORY,
    ...GRPC_POOL_ROUTES,
    ...SESSION_ROUTES,
    ...ACTION_ROUTES,
    tells('/metrics', 'figures for Prometheus', async ({ metrics }, { headers }) => {
      const { contentType, body } = await metrics.answer([headers['accept']].flat()[0]);
      return { type: contentType, text: body, headers: [['vary', 'accept']] };
    }),
    tells('/livez', '200 while the process serves', () => ({ type: TEXT_TYPE, text: 'alive\n' }), 'anyone'),
    tells(
      '/readyz',
      '200 when it can take calls, otherwise 503',
      (view) => {
        const { ready, text } = readiness(view);
        return { status: ready ? 200 : 503, type: TEXT_TYPE, text: `${text}\n` };
      },
      'anyone',
    ),
  ];
  return routes;
}

const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain; charset=utf-8';
