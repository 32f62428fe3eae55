/**
 * `POST /api/actions/…`: what an operator may do. Each is a row: what it takes, and what it does. All are told as
 * events, with what they were given and what came of it; none of it is secret.
 */
import { ConfigError } from '../config/config-error.ts';
import type { AnyUpstream } from '../data/routes.ts';
import { errorTold } from '../figures/feed-facts.ts';
import { endpointIn, onlyInputs, upstreamIn, wholeIn, wordIn } from './action-input.ts';
import { list, show } from './query.ts';
import { type Answer, Refused, type Route } from './route.ts';
import { endpointsOf, operated, policiesOf } from './upstream-parts.ts';
import type { AdminView, HomeView } from './view.ts';

type Inputs = Readonly<Record<string, unknown>>;

interface Action<V = AdminView> {
  readonly name: string;
  readonly summary: string;
  /** Names of what it takes. */
  readonly takes: readonly string[];
  readonly run: (view: V, inputs: Inputs) => object | Promise<object>;
}

/** The most connections one warm-up may ask for, per origin. */
const WARM_UP_MAX = 1_000;
const DRAIN_MS_MAX = 3_600_000;

const WORK_ACTIONS: readonly Action[] = [
  {
    name: 'cordon',
    summary: 'sends no new calls or subscriptions to an endpoint; calls in flight continue',
    takes: ['upstream', 'endpoint'],
    run: (view, inputs) => cordon(view, inputs, true),
  },
  {
    name: 'uncordon',
    summary: 'puts an endpoint back into rotation',
    takes: ['upstream', 'endpoint'],
    run: (view, inputs) => cordon(view, inputs, false),
  },
  {
    name: 'warm-up',
    summary: 'opens connections without sending a request',
    takes: ['upstream', 'count'],
    run: async (view, inputs) => {
      const upstream = upstreamIn(view, inputs);
      const count = wholeIn(inputs, 'count', 1, WARM_UP_MAX, 1);
      const { open, failed, latencyMs, error } = await operated(upstream).warmUp({ count });
      return { upstream: upstream.name, open, failed, latencyMs, ...(error && { error: errorTold(error) }) };
    },
  },
  {
    name: 'close-idle',
    summary: 'closes idle connections, never one in use',
    takes: ['upstream'],
    run: (view, inputs) => {
      const upstream = upstreamIn(view, inputs);
      return { upstream: upstream.name, closed: operated(upstream).closeIdle() };
    },
  },
  {
    name: 'reset-breaker',
    summary: 'closes one breaker of an upstream, or all of them',
    takes: ['upstream', 'breaker'],
    run: resetBreaker,
  },
];

const HOME_ACTIONS: readonly Action<HomeView>[] = [
  {
    name: 'reload',
    summary: 'reads the configuration again; unchanged upstreams keep their connections',
    takes: [],
    run: async ({ reload }) => {
      try {
        return await reload();
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        throw new Refused(422, 'CONFIG', `not reloaded, all goes on as before: ${error.message}`);
      }
    },
  },
  {
    name: 'drain',
    summary: 'accepts no new callers and is no longer ready; requests in flight may finish. Cannot be undone',
    takes: ['deadlineMs'],
    run: async ({ drain, config }, inputs) => {
      const deadlineMs = wholeIn(inputs, 'deadlineMs', 0, DRAIN_MS_MAX, config().drainMs);
      return { draining: true, deadlineMs, inFlight: await drain(deadlineMs) };
    },
  },
];

/** docs/reference/admin.md repeats this table. */
export const ACTIONS: readonly Pick<Action, 'name' | 'summary' | 'takes'>[] = [...WORK_ACTIONS, ...HOME_ACTIONS];

const routeOf = <V extends HomeView>({ name, summary, takes, run }: Action<V>): Route<V> => ({
  method: 'POST',
  path: `/api/actions/${name}`,
  audience: 'operator',
  acts: true,
  summary,
  answer: async (view, { body }) => {
    onlyInputs(body, takes);
    return attempted(view, name, body, async () => ({ action: name, ...(await run(view, body)) }));
  },
});

export const WORK_ACTION_ROUTES: readonly Route[] = WORK_ACTIONS.map(routeOf);
export const HOME_ACTION_ROUTES: readonly Route<HomeView>[] = HOME_ACTIONS.map(routeOf);

/** Acts, and tells what came of it as an event. */
export async function attempted(
  { feed }: Pick<HomeView, 'feed'>,
  action: string,
  inputs: Inputs,
  act: () => Promise<object>,
): Promise<Answer> {
  try {
    const json = await act();
    feed.tell('action', undefined, { action, ...inputs, outcome: 'done' });
    return { json };
  } catch (error) {
    if (error instanceof Refused) feed.tell('action', undefined, { action, outcome: 'refused', code: error.code });
    throw error;
  }
}

function cordon(view: AdminView, inputs: Inputs, cordoned: boolean): object {
  const upstream = upstreamIn(view, inputs);
  const endpoint = endpointIn(upstream, inputs);
  const operator = 'rpc' in upstream ? upstream : upstream.client;
  if (cordoned) operator.cordon(endpoint);
  else operator.uncordon(endpoint);
  const state = endpointsOf(upstream).find(({ name }) => name === endpoint)?.state;
  return { upstream: upstream.name, endpoint, state };
}

function resetBreaker(view: AdminView, inputs: Inputs): object {
  const upstream: AnyUpstream = upstreamIn(view, inputs);
  const breakers = policiesOf(upstream).breaker?.breakers;
  if (breakers === undefined) throw new Refused(409, 'NAME', `upstream ${upstream.name} has no breaker: it is off`);
  const key = wordIn(inputs, 'breaker');
  const keys = breakers.map((each) => each.key);
  if (key !== undefined && !keys.includes(key)) {
    throw new Refused(404, 'NAME', `there is no breaker ${show(key)}; there are: ${list(keys)}`);
  }
  operated(upstream).resetBreaker(key);
  return { upstream: upstream.name, reset: key === undefined ? keys.length : 1 };
}
