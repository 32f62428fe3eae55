/** The endpoints of a pool of nodes in short: how each is, and where calls go, second by second. */
import type { RpcEndpointTold, RpcTold } from '../../admin/rpc-told.ts';
import { Trail } from '../parts/bits.tsx';
import { millis, percent, whole } from '../parts/format.ts';

/** Seconds over which shares are told. */
const LATELY = 10;
/** More are on the upstream's own page. */
const SHOWN = 8;

/** What a state is called, and whether it is bad news. */
const STATES: Readonly<Record<string, readonly [words: string, bad: boolean]>> = {
  healthy: ['healthy', false],
  'slow-start': ['coming back', false],
  probing: ['probed', true],
  ejected: ['ejected', true],
  unreachable: ['unreachable', true],
  cordoned: ['cordoned', true],
};

type Told = Pick<RpcEndpointTold, 'state' | 'freshness' | 'lag'>;

/** In words; whether it gets no calls, or fewer; and whether that is because it is behind. */
export function conditionOf({ state, freshness, lag }: Told) {
  const [words, bad] = STATES[state] ?? [state, true];
  const behind = freshness === 'lagging' && lag !== undefined;
  return { words: behind && !bad ? `${whole(lag)} behind` : words, out: bad || behind };
}

export const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

export const latelyOf = ({ trail }: Pick<RpcEndpointTold, 'trail'>): number => sum(trail.slice(-LATELY));

export function EndpointLines({ told: { endpoints, head } }: { readonly told: RpcTold }) {
  const largest = Math.max(1, ...endpoints.flatMap(({ trail }) => trail));
  const all = Math.max(1, sum(endpoints.map(latelyOf)));
  // Those that are out are never among those that are left out.
  const shown = endpoints.length <= SHOWN ? endpoints : endpoints.toSorted(outFirst).slice(0, SHOWN);
  return (
    <div class="endpoints">
      {shown.map((endpoint) => (
        <Line key={endpoint.name} endpoint={endpoint} share={latelyOf(endpoint) / all} {...{ largest, head }} />
      ))}
      {endpoints.length > SHOWN ? <p class="note">and {endpoints.length - SHOWN} more</p> : null}
    </div>
  );
}

const outFirst = (a: RpcEndpointTold, b: RpcEndpointTold): number =>
  Number(conditionOf(b).out) - Number(conditionOf(a).out) || latelyOf(b) - latelyOf(a);

interface LineProps {
  readonly endpoint: RpcEndpointTold;
  /** Of the traffic, 0…1. */
  readonly share: number;
  readonly largest: number;
  readonly head: number | undefined;
}

function Line({ endpoint, share, largest, head }: LineProps) {
  const { name, latencyMs, freshness, height, trail } = endpoint;
  const { words, out } = conditionOf(endpoint);
  const at = height === undefined ? '' : `at ${whole(height)} of ${whole(head ?? height)}`;
  return (
    <div class="endpoint" data-state={out ? 'out' : 'in'}>
      <span class="who" title={name}>
        {name}
      </span>
      <span class="how" title={[words, freshness ?? '', at].filter((part) => part !== '').join(' · ')}>
        {out || latencyMs === 0 ? words : millis(latencyMs)}
      </span>
      <Trail
        trail={trail}
        largest={largest}
        label={`${name}: ${percent(share)} of calls, ${out ? 'not ' : ''}in rotation`}
      />
      <span class="share">{percent(share)}</span>
    </div>
  );
}
