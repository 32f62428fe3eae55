/** Every path of the admin listener but the files of its page. docs/reference/admin.md repeats this table. */
import { HOME_ACTION_ROUTES, WORK_ACTION_ROUTES } from './actions.ts';
import { CALLS } from './calls.ts';
import { BREAKERS, ENDPOINTS, LIMITS } from './endpoints.ts';
import { eventsRoute, type Readers } from './events.ts';
import { GRPC_POOL_ROUTES } from './grpc-pool.ts';
import { HISTORY } from './history.ts';
import { readiness } from './readiness.ts';
import { type Route, tells } from './route.ts';
import { SESSION_ROUTES } from './session.ts';
import { snapshot, socketsMaxIn, toJson } from './snapshot.ts';
import { SOCKETS } from './sockets.ts';
import type { HomeView } from './view.ts';

export function adminRoutes(readers: Readers): readonly Route[] {
  return withTable([...workRoutes(readers), ...homeRoutes(readers)]);
}

/** These, and one that lists them. */
export function withTable<V>(rest: readonly Route<V>[]): readonly Route<V>[] {
  const routes: readonly Route<V>[] = [
    tells<V>('/api', 'this table', () => ({
      json: { version: 1, routes: routes.map(({ answer: _, ...row }) => row) },
    })),
    ...rest,
  ];
  return routes;
}

/** What is answered by whoever does the work. */
export function workRoutes(readers: Readers): readonly Route[] {
  return [
    tells('/api/stats', 'the complete current state in one object', (view, { query }) => {
      return { type: JSON_TYPE, text: toJson(snapshot(view, readers, socketsMaxIn(query))) };
    }),
    SOCKETS,
    ENDPOINTS,
    LIMITS,
    BREAKERS,
    CALLS,
    ...WORK_ACTION_ROUTES,
    tells('/metrics', 'metrics for Prometheus', async ({ metrics }, { headers }) => {
      const { contentType, body } = await metrics.answer([headers['accept']].flat()[0]);
      return { type: contentType, text: body, headers: [['vary', 'accept']] };
    }),
    tells(
      '/readyz',
      '200 if traffic should be routed here, otherwise 503',
      (view) => {
        const { ready, text } = readiness(view);
        return { status: ready ? 200 : 503, type: TEXT_TYPE, text: `${text}\n` };
      },
      'anyone',
    ),
  ];
}

/** What is answered at home, wherever the work is done. */
export function homeRoutes(readers: Readers): readonly Route<HomeView>[] {
  return [
    eventsRoute(readers),
    HISTORY,
    ...GRPC_POOL_ROUTES,
    ...SESSION_ROUTES,
    ...HOME_ACTION_ROUTES,
    tells('/livez', '200 while the process is serving', () => ({ type: TEXT_TYPE, text: 'alive\n' }), 'anyone'),
  ];
}

const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain; charset=utf-8';
