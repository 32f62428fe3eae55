/** One upstream: its pool, its endpoints, what limits it, and what an operator may do about it. */
import type { BreakersTold, EndpointsTold, LimitsTold } from '../../admin/endpoints.ts';
import type { UpstreamTold } from '../../admin/snapshot.ts';
import { closeIdle, useAct, warmUp } from '../data/deeds.ts';
import { useLive, usePolled } from '../data/hooks.ts';
import { pageAt } from '../data/places.ts';
import { Empty } from '../parts/bits.tsx';
import { CurvesOf } from '../parts/curves.tsx';
import { age, millis, percent, whole } from '../parts/format.ts';
import { Happenings } from '../parts/happenings.tsx';
import { Facts } from '../parts/table.tsx';
import { Versus } from '../parts/versus.tsx';
import { AnswersOf } from './answers.tsx';
import { Breakers } from './breakers.tsx';
import { Endpoints } from './endpoints.tsx';
import { Limits } from './limits.tsx';
import { SubscriptionsOf } from './subscriptions.tsx';
import { TroublesOf } from './troubles.tsx';
import { callWords, Places, poolWords, UpstreamCards } from './upstream-card.tsx';

export const UpstreamsPage = () => (
  <>
    <h2 class="section">Upstreams</h2>
    <UpstreamCards />
    <Happenings />
  </>
);

export function UpstreamPage({ name }: { readonly name: string }) {
  const live = useLive();
  const query = `?upstream=${encodeURIComponent(name)}`;
  const upstream = live.snapshot?.upstreams.find((each) => each.name === name);
  if (upstream === undefined) {
    return (
      <Empty>
        There is no upstream {name} (any more). <a href={pageAt('upstreams')}>All upstreams</a>
      </Empty>
    );
  }
  return (
    <>
      <Head upstream={upstream} />
      <TroublesOf upstream={upstream} />
      <section class="tiles two" aria-label="Now">
        <article class="tile">
          <h3>Pool</h3>
          <Places pool={upstream.pool} />
          <p class="pool">{poolWords(upstream.pool)}</p>
          <p class="note">{callWords(upstream)}</p>
        </article>
        {upstream.cold.count + upstream.warm.count === 0 ? null : (
          <article class="tile">
            <h3>Cold against warm</h3>
            <Versus of={upstream} longestMs={Math.max(1, upstream.cold.p50Ms, upstream.warm.p50Ms)} />
          </article>
        )}
        <SinceStart upstream={upstream} />
      </section>
      <Parts query={query} name={name} />
      <AnswersOf jsonrpc={upstream.jsonrpc} />
      <SubscriptionsOf upstream={upstream} />
      <CurvesOf upstream={name} />
      <Happenings upstream={name} />
    </>
  );
}

function Head({ upstream: { name, origin } }: { readonly upstream: UpstreamTold }) {
  const act = useAct();
  const gone = useLive().state !== 'live';
  return (
    <div class="bar heading">
      <h2 class="section">
        <a href={pageAt('upstreams')}>Upstreams</a> / {name} <span class="aside">{origin}</span>
      </h2>
      <span class="acts">
        <button type="button" class="button" disabled={gone} onClick={() => act(warmUp(name))}>
          Warm up
        </button>
        <button type="button" class="button" disabled={gone} onClick={() => act(closeIdle(name))}>
          Close idle
        </button>
      </span>
    </div>
  );
}

function SinceStart({ upstream }: { readonly upstream: UpstreamTold }) {
  const { calls, latencySinceStart, queueWait, sockets, dns, uptimeMs } = upstream;
  const lookups = dns.hits + dns.misses;
  const facts = [
    ['for', age(uptimeMs)],
    ['calls', whole(calls.total)],
    ['p99', latencySinceStart.count === 0 ? '–' : millis(latencySinceStart.p99Ms)],
    ['queue wait p99', queueWait.count === 0 ? '–' : millis(queueWait.p99Ms)],
    ['sockets opened', whole(sockets.open + sockets.closed)],
    ['names from cache', lookups === 0 ? '–' : percent(dns.hits / lookups)],
  ] as const;
  return (
    <article class="tile">
      <h3>Since the start</h3>
      <Facts of={facts} />
    </article>
  );
}

function Parts({ query, name }: { readonly query: string; readonly name: string }) {
  const endpoints = usePolled<EndpointsTold>(`api/endpoints${query}`);
  const limits = usePolled<LimitsTold>(`api/limits${query}`);
  const breakers = usePolled<BreakersTold>(`api/breakers${query}`);
  const problem = endpoints.problem ?? limits.problem ?? breakers.problem;
  return (
    <>
      {problem === undefined ? null : <p class="problem">What follows is not fresh: {problem}</p>}
      {endpoints.value === undefined ? null : <Endpoints name={name} endpoints={endpoints.value.endpoints} />}
      {breakers.value === undefined ? null : <Breakers name={name} breakers={breakers.value.breakers} />}
      {limits.value === undefined ? null : <Limits told={limits.value} />}
    </>
  );
}
