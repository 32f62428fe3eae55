/** What keepwarm does for its callers, as three things to see: connections kept warm, trouble avoided, limits kept. */
import type { EndpointsTold, LimitsTold } from '../../admin/endpoints.ts';
import type { Snapshot, UpstreamTold } from '../../admin/snapshot.ts';
import { usePolled } from '../data/hooks.ts';
import { Gauge } from '../parts/bits.tsx';
import { age, millis, percent, span, whole } from '../parts/format.ts';
import { Versus } from '../parts/versus.tsx';
import { conditionOf } from './endpoint-lines.tsx';

type Of = Pick<Snapshot, 'upstreams'>;

/** What there is none of, an endpoint or a limit, has no place here. */
export const Stories = ({ upstreams, grpc }: Pick<Snapshot, 'upstreams' | 'grpc'>) => (
  <section class="stories" aria-label="What connections, endpoints and limits do">
    <ColdAgainstWarm upstreams={upstreams} />
    <AroundTrouble upstreams={upstreams} />
    <LimitsKept grpc={grpc} />
  </section>
);

/** The upstream with the most cold calls to compare. */
function ColdAgainstWarm({ upstreams }: Of) {
  const [leader] = upstreams.toSorted((a, b) => b.cold.count - a.cold.count || b.warm.count - a.warm.count);
  const known = leader !== undefined && leader.cold.count + leader.warm.count > 0;
  return (
    <article class="tile">
      <h3>
        Cold against warm <span class="aside">{known ? leader.name : ''}</span>
      </h3>
      {known ? <Versus of={leader} longestMs={Math.max(leader.cold.p50Ms, leader.warm.p50Ms)} /> : null}
      <ul class="legend" aria-label="Colours">
        <li class="dns">lookup</li>
        <li class="tcp">TCP</li>
        <li class="tls">TLS</li>
        <li class="request">request to first byte</li>
      </ul>
      <p class="note">{known ? saving(leader) : 'No call so far.'}</p>
    </article>
  );
}

function saving({ cold, warm }: UpstreamTold): string {
  const savedMs = cold.p50Ms - warm.p50Ms;
  if (cold.count === 0) return 'No call had to wait for a connection: there is nothing cold to compare with.';
  if (savedMs <= 0 || warm.count === 0) return 'Medians to the first byte.';
  const share = percent(savedMs / cold.p50Ms);
  const inAll = `${age(savedMs * warm.count)} of waiting, over ${whole(warm.count)} calls`;
  return unbroken(
    `A warm connection saves ${millis(savedMs)} of every call, ${share} of its time: nothing is opened first. ` +
      `In the last minute: ${inAll}.`,
  );
}

/** A figure stays with its unit. */
const unbroken = (words: string): string => words.replaceAll(/(?<=\d) (?=ms|s\b|min|%)/g, '\u00a0');

type Endpoint = EndpointsTold['endpoints'][number];

/** Named, before there are only so many more. */
const NAMED = 2;

function AroundTrouble({ upstreams }: Of) {
  const endpoints = usePolled<EndpointsTold>('api/endpoints').value?.endpoints ?? [];
  if (endpoints.length === 0) return null;
  const out = endpoints.filter((endpoint) => conditionOf(endpoint).out);
  const names = new Set(endpoints.map(({ upstream }) => upstream));
  const lost = [...names].some((name) => endpoints.every((each) => each.upstream !== name || out.includes(each)));
  return (
    <article class="tile">
      <h3>
        Around trouble <span class="aside">{names.size === 1 ? [...names] : ''}</span>
      </h3>
      <p class={lost ? 'figure bad' : 'figure'}>
        {whole(endpoints.length - out.length)} of {whole(endpoints.length)}
        <small>endpoints in rotation</small>
      </p>
      <p class="note">
        {unbroken(`${whereCallsGo(out)} ${whatCallersSaw(upstreams.filter(({ name }) => names.has(name)))}`)}
      </p>
    </article>
  );
}

function whereCallsGo(out: readonly Endpoint[]): string {
  if (out.length === 0) return 'All of them take calls; one that fails or falls behind gets none until it is well.';
  const named = out.slice(0, NAMED).map((endpoint) => `${endpoint.name} (${conditionOf(endpoint).words})`);
  if (out.length > NAMED) named.push(`${out.length - NAMED} more`);
  return `${named.join(' and ')} ${out.length === 1 ? 'is' : 'are'} passed over: calls go to the others.`;
}

function whatCallersSaw(upstreams: readonly UpstreamTold[]): string {
  const failed = upstreams.reduce((sum, { failedLately, status5xxLately }) => sum + failedLately + status5xxLately, 0);
  if (failed > 0) return `Of the last minute’s calls, ${whole(failed)} failed.`;
  return 'Of the last minute’s calls, none failed.';
}

interface Kept {
  readonly name: string;
  readonly used: number;
  readonly limit: number;
  readonly windowMs: number;
  readonly waiting: number;
  readonly refused: number;
  readonly pausedMs: number;
}

/** Limits that are shown; the fullest, and the rest on the pages of their upstreams. */
const SHOWN = 4;

function LimitsKept({ grpc }: Pick<Snapshot, 'grpc'>) {
  const rates = usePolled<LimitsTold>('api/limits').value?.rate ?? [];
  const starts = grpc.flatMap(({ name, pool: { connectionRate } }) =>
    connectionRate === undefined ? [] : [{ ...connectionRate, name: `${name}, connections`, refused: 0 }],
  );
  const all: readonly Kept[] = [...rates.map((rate) => ({ ...rate, name: nameOf(rate) })), ...starts];
  if (all.length === 0) return null;
  // Which are shown must not change with every call.
  const shown = all.length <= SHOWN ? all : all.toSorted((a, b) => pressure(b) - pressure(a)).slice(0, SHOWN);
  const waiting = all.reduce((sum, each) => sum + each.waiting, 0);
  const refused = all.reduce((sum, each) => sum + each.refused, 0);
  return (
    <article class="tile">
      <h3>Within limits</h3>
      <ul class="kept">
        {shown.map((limit) => (
          <li key={`${limit.name} ${limit.limit} ${limit.windowMs}`}>
            <span class="who">{limit.name}</span>
            <Gauge
              label={`limit of ${limit.name}`}
              value={limit.used}
              max={limit.limit}
              bad={limit.pausedMs > 0}
              calm
            />
            <span class="of">
              {whole(limit.used)} of {whole(limit.limit)} in any {span(limit.windowMs)}
            </span>
          </li>
        ))}
      </ul>
      <p class="note">
        {all.length > SHOWN ? `And ${all.length - SHOWN} more. ` : ''}
        {waiting === 1 ? '1 call waits its turn' : `${whole(waiting)} calls wait their turn`}; {whole(refused)} refused
        since the start. No window of that length ever holds more.
      </p>
    </article>
  );
}

const pressure = ({ pausedMs, waiting, refused, used, limit }: Kept): number =>
  (pausedMs > 0 ? 1e9 : 0) + waiting + refused + used / Math.max(1, limit);

function nameOf({ upstream, endpoint, name }: LimitsTold['rate'][number]): string {
  const limit = / per [\d.]+ ms$/.test(name) ? '' : `, ${name}`; // what it is called for want of a name says no more
  return endpoint === undefined ? `${upstream}${limit}` : `${upstream} → ${endpoint}${limit}`;
}
