/** Endpoints of an upstream, each with what decides whether it gets the next call. Fifty of them fit. */
import type { EndpointsTold } from '../../admin/endpoints.ts';
import { cordon, uncordon, useAct } from '../data/deeds.ts';
import { useLive } from '../data/hooks.ts';
import { Trail } from '../parts/bits.tsx';
import { millis, percent, whole } from '../parts/format.ts';
import { type Column, WideTable } from '../parts/table.tsx';
import { conditionOf, latelyOf, sum } from './endpoint-lines.tsx';

type Endpoint = EndpointsTold['endpoints'][number];

interface EndpointsProps {
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
}

export function Endpoints({ name, endpoints }: EndpointsProps) {
  if (endpoints.length === 0) return null;
  const largest = Math.max(1, ...endpoints.flatMap(({ trail }) => trail));
  const all = Math.max(1, sum(endpoints.map(latelyOf)));
  const out = endpoints.filter((endpoint) => conditionOf(endpoint).out).length;
  const nodes = endpoints.some(({ differed }) => differed !== undefined);
  return (
    <section aria-labelledby="endpoints-title">
      <h2 class="section" id="endpoints-title">
        Endpoints{' '}
        <span class="aside">
          {endpoints.length}, {out === 0 ? 'all in rotation' : `${out} out of rotation`}
        </span>
      </h2>
      <WideTable columns={nodes ? COLUMNS : COLUMNS.filter(({ name }) => name !== DIFFERED)}>
        {endpoints.map((endpoint) => (
          <Line key={endpoint.name} {...{ upstream: name, endpoint, largest }} share={latelyOf(endpoint) / all} />
        ))}
      </WideTable>
    </section>
  );
}

const DIFFERED = 'differed';
const COLUMNS: readonly Column[] = [
  { name: 'endpoint' },
  { name: 'state' },
  { name: 'calls, last 2 min' },
  { name: 'share', number: true },
  { name: 'load', number: true, title: 'latency (peak EWMA) and failures × in flight; the lower is picked' },
  { name: 'latency', number: true },
  { name: 'in flight', number: true },
  { name: 'failed', number: true },
  { name: 'ejections', number: true },
  { name: 'freshness' },
  { name: DIFFERED, number: true, title: 'times it lacked what another had, or said otherwise than others' },
  { name: 'act', unseen: true },
];

interface LineProps {
  readonly upstream: string;
  readonly endpoint: Endpoint;
  readonly largest: number;
  readonly share: number;
}

function Line({ upstream, endpoint, largest, share }: LineProps) {
  const act = useAct();
  const gone = useLive().state !== 'live';
  const { name, state, trail, load, latencyMs, inFlight, successes, failures, ejections, differed } = endpoint;
  const { words, out } = conditionOf(endpoint);
  const cordoned = state === 'cordoned';
  const outcomes = successes + failures;
  return (
    <tr class="endpoint-row" data-state={out ? 'out' : 'in'}>
      <th scope="row" title={endpoint.origin}>
        {name}
      </th>
      <td class="state">
        {words}
        {left(endpoint)}
      </td>
      <td class="trail-cell">
        <Trail trail={trail} largest={largest} label={`calls of ${name} over two minutes`} />
      </td>
      <td class="number">{percent(share)}</td>
      <td class="number">{load > 0 ? millis(load) : '–'}</td>
      <td class="number">{latencyMs > 0 ? millis(latencyMs) : '–'}</td>
      <td class="number">{whole(inFlight)}</td>
      <td class="number" title={`${whole(failures)} of ${whole(outcomes)}`}>
        {outcomes === 0 ? '–' : percent(failures / outcomes)}
      </td>
      <td class="number">{whole(ejections)}</td>
      <td>{freshnessOf(endpoint)}</td>
      {differed === undefined ? null : (
        <td
          class={differed.disagreed > 0 ? 'number bad' : 'number'}
          title={`${whole(differed.lacked)} lacked, ${whole(differed.disagreed)} said otherwise`}
        >
          {whole(differed.lacked + differed.disagreed)}
        </td>
      )}
      <td class="number">
        <button
          type="button"
          class="button small"
          disabled={gone}
          aria-label={cordoned ? `Put ${name} back` : `Cordon ${name}`}
          onClick={() => act(cordoned ? uncordon(upstream, name) : cordon(upstream, name))}
        >
          {cordoned ? 'Put back' : 'Cordon'}
        </button>
      </td>
    </tr>
  );
}

/** How much longer it is left alone. */
function left({ ejectedUntilMs, pausedUntilMs }: Endpoint): string {
  const untilMs = Math.max(ejectedUntilMs ?? 0, pausedUntilMs ?? 0) - Date.now();
  return untilMs > 0 ? `, ${Math.ceil(untilMs / 1_000)} s more` : '';
}

function freshnessOf({ freshness, height, lag }: Endpoint): string {
  if (freshness === undefined) return '–';
  const at = height === undefined ? '' : ` at ${whole(height)}`;
  return lag !== undefined && lag > 0 ? `${freshness}, ${whole(lag)} behind` : `${freshness}${at}`;
}
