/** A card per upstream: its pool, place by place, and how its calls fare. */
import type { UpstreamTold } from '../../admin/snapshot.ts';
import { useLive } from '../data/hooks.ts';
import { pageAt } from '../data/places.ts';
import { Empty } from '../parts/bits.tsx';
import { listed, millis, percent, rate, whole } from '../parts/format.ts';
import { Versus } from '../parts/versus.tsx';
import { EndpointLines } from './endpoint-lines.tsx';

export function UpstreamCards() {
  const { snapshot } = useLive();
  const { upstreams = [], grpc = [] } = snapshot ?? {};
  const longestMs = Math.max(1, ...upstreams.flatMap(({ cold, warm }) => [cold.p50Ms, warm.p50Ms]));
  if (upstreams.length + grpc.length === 0) return <Empty>No upstream is configured.</Empty>;
  return (
    <div class="upstreams">
      {upstreams.map((upstream) => (
        <Card key={upstream.name} upstream={upstream} longestMs={longestMs} />
      ))}
      {grpc.map(({ name, target, pool, multiplexer }) => (
        <article class="card" key={name}>
          <h3>
            <a href={pageAt('grpc')}>{name}</a>
            <span class="origin">{target}, gRPC</span>
          </h3>
          <p class="figure">
            {whole(multiplexer?.monitors.length ?? pool.leases.held)}
            <small>
              {multiplexer === undefined ? 'leases' : 'monitors'} on {whole(pool.connections.ready)}{' '}
              {pool.connections.ready === 1 ? 'connection' : 'connections'}
            </small>
          </p>
          <p class="calls">{listed([`${rate(pool.messagesPerSecond)} messages/s upstream`, startsOf(pool)])}</p>
        </article>
      ))}
    </div>
  );
}

const startsOf = ({ connectionRate }: { readonly connectionRate?: { used: number; limit: number } | undefined }) =>
  connectionRate === undefined ? '' : `${connectionRate.used} of ${connectionRate.limit} starts used`;

interface CardProps {
  readonly upstream: UpstreamTold;
  readonly longestMs: number;
}

function Card({ upstream, longestMs }: CardProps) {
  const { name, origin, pool, jsonrpc } = upstream;
  return (
    <article class="card">
      <h3>
        <a href={pageAt('upstreams', name)}>{name}</a>
        <span class="origin">{origin}</span>
      </h3>
      <Places pool={pool} />
      <p class={pool.saturation > 1 ? 'pool bad' : 'pool'}>{poolWords(pool)}</p>
      {jsonrpc === undefined ? <Versus of={upstream} longestMs={longestMs} /> : <EndpointLines told={jsonrpc} />}
      <p class="calls">{callWords(upstream)}</p>
    </article>
  );
}

export function poolWords({ inFlight, idle, opening, waiting, saturation }: UpstreamTold['pool']): string {
  const words = [`${whole(inFlight)} in flight`, `${whole(idle)} idle`];
  if (opening > 0) words.push(`${whole(opening)} opening`);
  return listed([...words, `${whole(waiting)} waiting`, `saturation ${Math.round(saturation * 100)} %`]);
}

export function callWords(upstream: UpstreamTold): string {
  const { callsPerSecond, latency, reuseRatio, failedLately, status5xxLately, jsonrpc } = upstream;
  const calls = [`${rate(callsPerSecond)} calls/s`];
  if (latency.count > 0) calls.push(`p50 ${millis(latency.p50Ms)}`, `p99 ${millis(latency.p99Ms)}`);
  if (latency.count > 0) calls.push(`${percent(reuseRatio)} reused`);
  if (jsonrpc?.head !== undefined) calls.push(`head ${whole(jsonrpc.head)}`);
  if (failedLately > 0) calls.push(`${whole(failedLately)} failed`);
  if (status5xxLately > 0) calls.push(`${whole(status5xxLately)} × 5xx`);
  return listed(calls);
}

/** Places drawn one by one; a larger pool is drawn as shares of a bar. */
const PLACES_MAX = 64;

export function Places({ pool }: { readonly pool: UpstreamTold['pool'] }) {
  const { inFlight, idle, opening, waiting, socketsMax } = pool;
  const places = Math.min(socketsMax, PLACES_MAX);
  const share = socketsMax === 0 ? 0 : places / socketsMax;
  const kinds = [
    ...repeat('use', Math.ceil(inFlight * share)),
    ...repeat('opening', Math.ceil(opening * share)),
    ...repeat('idle', Math.ceil(idle * share)),
  ].slice(0, places);
  kinds.push(...repeat('free', places - kinds.length), ...repeat('waiting', Math.min(waiting, PLACES_MAX)));
  const label = `${inFlight} in flight, ${idle} idle, ${opening} opening, of ${socketsMax} places`;
  return (
    <div class="places" role="img" aria-label={label}>
      {kinds.map((kind, i) => (
        <i key={i} class={kind} />
      ))}
    </div>
  );
}

const repeat = (kind: string, count: number): string[] => Array.from({ length: Math.max(count, 0) }, () => kind);
