/** `endpoint-health`, `limits` and `sockets`: what the admin API tells, with a verdict where one helps. */
import type { EndpointsTold } from '../admin/endpoints.ts';
import type { Snapshot } from '../admin/snapshot.ts';
import { troublesOf } from '../admin/trouble.ts';
import { shown } from './explain.ts';
import { flag, list, number, oneOf, record, text, told, whole } from './shape.ts';
import { numberOf, READS, type Tool, wordOf } from './tool.ts';

const UPSTREAM = text('one upstream by its name; all of them when left out');

export const ENDPOINT_HEALTH: Tool = {
  name: 'endpoint-health',
  title: 'Health of endpoints',
  description:
    'Which endpoints take calls and which are out, and why: state, latency, load, failures, ejections, how ' +
    'far behind ' +
    'the chain they are, their breakers; what is wrong with each upstream, since when, and when it is tried again.',
  input: record({ upstream: UPSTREAM }, ['upstream']),
  output: record({
    healthy: flag('nothing is wrong: words is empty'),
    words: list(text(), 'what is wrong, as page and terminal say it, and what endpoints are about'),
    endpoints: list(told('as docs/reference/admin.md § Endpoints has it, without its trail')),
    breakers: list(told('as docs/reference/admin.md § Endpoints has it')),
    origins: list(told('upstreams of one origin: name, origin, failedLately, status5xxLately, p50Ms, p99Ms')),
  }),
  annotations: READS,
  run: async ({ admin }, input, signal) => {
    const upstream = wordOf(input, 'upstream');
    const [{ endpoints }, { breakers }, stats] = await Promise.all([
      admin.endpoints({ upstream }, signal),
      admin.breakers({ upstream }, signal),
      admin.stats(0, signal),
    ]);
    const origins = originsOf(stats, upstream);
    const now = Date.now();
    const words = [
      ...stats.upstreams
        .filter(({ name }) => upstream === undefined || name === upstream)
        .flatMap((each) => troublesOf(each).map((trouble) => `${each.name}: ${trouble.words}`)),
      ...endpoints.flatMap((each) => condition(each, now)),
    ];
    const told = endpoints.map(({ trail: _, ...endpoint }) => endpoint);
    return { healthy: words.length === 0, words, endpoints: told, breakers, origins };
  },
};

function originsOf({ upstreams }: Snapshot, name: string | undefined) {
  return upstreams
    .filter((each) => each.jsonrpc === undefined && (name === undefined || each.name === name))
    .map(({ name, origin, failedLately, status5xxLately, latency: { p50Ms, p99Ms } }) => ({
      ...{ name, origin, failedLately, status5xxLately, p50Ms, p99Ms },
    }));
}

/** More of an endpoint than that it takes no calls, which is said by then. */
function condition(endpoint: EndpointsTold['endpoints'][number], now: number): string[] {
  const { upstream, name, state, ejectedUntilMs, pausedUntilMs, freshness, lag, ejections } = endpoint;
  const who = `${upstream}/${name}`;
  const left = (until: number | undefined): string =>
    until === undefined ? '' : ` for ${shown(Math.max(0, until - now))} more`;
  const words: string[] = [];
  if (state === 'ejected')
    words.push(`${who} is ejected${left(ejectedUntilMs)} (${ejections} times so far): it failed too often`);
  if (state === 'probing') words.push(`${who} is being probed after an ejection`);
  if (state === 'cordoned') words.push(`${who} is cordoned: an operator took it out (uncordon puts it back)`);
  if (pausedUntilMs !== undefined && pausedUntilMs > now)
    words.push(`${who} asked to be left alone${left(pausedUntilMs)}`);
  if (freshness !== undefined && freshness !== 'fresh' && state !== 'unreachable') {
    words.push(`${who} is ${freshness}${lag === undefined ? '' : `, ${lag} heights behind`}`);
  }
  return words;
}

export const LIMITS: Tool = {
  name: 'limits',
  title: 'Rate and concurrency limits',
  description:
    'Every limit with how much of its window is used, who waits for it and how long until the next call may start; ' +
    'concurrency limits; and the budget that retries and hedges draw on.',
  input: record({ upstream: UPSTREAM }, ['upstream']),
  output: record({
    words: list(text(), 'limits that hold calls back now'),
    rate: list(told('as docs/reference/admin.md § Limits has it')),
    concurrency: list(told('likewise')),
    budgets: list(told('likewise')),
    fleet: list(told('likewise')),
  }),
  annotations: READS,
  run: async ({ admin }, input, signal) => {
    const limits = await admin.limits({ upstream: wordOf(input, 'upstream') }, signal);
    const words = [
      ...limits.rate.flatMap(({ upstream, endpoint, name, limit, windowMs, remaining, waiting, nextMs, pausedMs }) => {
        const which = `${upstream}${endpoint === undefined ? '' : `/${endpoint}`} ${name}`;
        if (pausedMs > 0) return [`${which}: the peer asked for a pause, ${shown(pausedMs)} are left`];
        if (remaining >= 1 && waiting === 0) return [];
        return [
          `${which}: all ${limit} per ${windowMs} ms are used, ${waiting} calls wait, the next may start in ` +
            `${shown(nextMs)}`,
        ];
      }),
      ...limits.concurrency.flatMap(({ upstream, key, limit, inFlight, waiting }) =>
        waiting === 0 ? [] : [`${upstream} ${key}: ${inFlight} of ${limit} in flight, ${waiting} calls wait`],
      ),
    ];
    return { words, ...limits };
  },
};

export const SOCKETS: Tool = {
  name: 'sockets',
  title: 'Connections',
  description:
    'The life of each connection: how long DNS, TCP and TLS took, since when it is idle or in use, how many ' +
    'calls it has ' +
    'served, and why it was closed. Use state "closed" to find out why connections are lost.',
  input: record(
    {
      upstream: UPSTREAM,
      state: oneOf(['open', 'idle', 'in use', 'closed', 'all'], 'default open'),
      order: oneOf(['newest', 'oldest', 'busiest'], 'default newest'),
      limit: whole(1, 100, 'default 20'),
    },
    ['upstream', 'state', 'order', 'limit'],
  ),
  output: record({
    total: number('how many there are by these filters'),
    closeReasons: told('of the connections listed that are closed: how many by reason'),
    sockets: list(told('as docs/reference/admin.md § Sockets has it, without its trail')),
  }),
  annotations: READS,
  run: async ({ admin }, input, signal) => {
    const [upstream, state, order] = ['upstream', 'state', 'order'].map((name) => wordOf(input, name));
    const { total, sockets } = await admin.sockets(
      { upstream, state, order, limit: numberOf(input, 'limit', 20) },
      signal,
    );
    const closeReasons: Record<string, number> = {};
    for (const { closeReason } of sockets) {
      if (closeReason !== undefined) closeReasons[closeReason] = (closeReasons[closeReason] ?? 0) + 1;
    }
    return { total, closeReasons, sockets: sockets.map(({ trail: _, ...socket }) => socket) };
  },
};
