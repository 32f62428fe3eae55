/** Monitors that share streams: what each gets, and whether any of them falls behind. */
import { useRef } from 'preact/hooks';
import type { GrpcTold } from '../../grpc/upstream.ts';
import { age, listed, rate, size, whole } from '../parts/format.ts';
import { type Column, WideTable } from '../parts/table.tsx';

type Multiplexer = NonNullable<GrpcTold['multiplexer']>;
type Monitor = Multiplexer['monitors'][number];

/** Seconds over which a monitor's rate is told. */
const LATELY_MS = 10_000;

interface Seen {
  readonly at: number;
  readonly updates: number;
}

/** Rates, from the counts the page has seen. Of a monitor seen once, the mean since it came. */
function useRates(monitors: readonly Monitor[]): ReadonlyMap<string, number> {
  const seen = useRef(new Map<string, Seen[]>());
  const now = performance.now();
  const rates = new Map<string, number>();
  for (const { name, updates, ageMs } of monitors) {
    const past = (seen.current.get(name) ?? []).filter(
      ({ at, updates: before }) => now - at < LATELY_MS && before <= updates,
    );
    if ((past.at(-1)?.at ?? 0) < now - 500) past.push({ at: now, updates });
    seen.current.set(name, past);
    const [first] = past;
    const known = first !== undefined && now - first.at > 1_500;
    rates.set(
      name,
      known ? ((updates - first.updates) / (now - first.at)) * 1_000 : (updates / Math.max(ageMs, 1)) * 1_000,
    );
  }
  for (const name of seen.current.keys()) if (!rates.has(name)) seen.current.delete(name);
  return rates;
}

export function Monitors({ multiplexer }: { readonly multiplexer: Multiplexer }) {
  const { monitors } = multiplexer;
  const rates = useRates(monitors);
  const largest = Math.max(1, ...rates.values());
  return (
    <WideTable
      columns={COLUMNS}
      caption={
        <>
          Monitors <span class="aside">{sharedWords(multiplexer)}</span>
        </>
      }
      below={
        <>
          {monitors.length === 0 ? <p class="note empty">No monitor is subscribed.</p> : null}
          <p class="note below">{streamWords(multiplexer)}</p>
        </>
      }
    >
      {monitors.map((monitor, i) => (
        <Line
          key={`${monitor.name} ${i}`}
          monitor={monitor}
          perSecond={rates.get(monitor.name) ?? 0}
          largest={largest}
        />
      ))}
    </WideTable>
  );
}

const COLUMNS: readonly Column[] = [
  { name: 'monitor' },
  { name: 'state' },
  { name: 'messages/s' },
  { name: 'messages', number: true },
  { name: 'bytes', number: true },
  { name: 'filters', number: true },
  { name: 'behind', number: true, title: 'messages that wait because it reads more slowly than they come' },
  { name: 'dropped', number: true },
  { name: 'for', number: true },
];

function sharedWords({ monitors, streams, streamsOpened }: Multiplexer): string {
  const alone = monitors.filter((monitor) => monitor.alone).length;
  const words = [`${whole(streams.length)} upstream ${streams.length === 1 ? 'stream' : 'streams'} for all of them`];
  if (alone > 0) words.push(`${whole(alone)} with one of its own`);
  if (streamsOpened > streams.length) words.push(`${whole(streamsOpened)} opened since the start`);
  return listed(words);
}

function streamWords({ streams, gaps, drops, replayed, refused, rewrites, unreadable }: Multiplexer): string {
  const states = streams.map(
    ({ state, slot, monitors }) => `stream ${state} at slot ${whole(Number(slot))} for ${monitors}`,
  );
  return listed([
    ...states,
    `${whole(gaps)} gaps`,
    `${whole(replayed)} replayed`,
    `${whole(drops)} dropped`,
    `${whole(refused)} refused`,
    rewrites === 1 ? '1 change of filters' : `${whole(rewrites)} changes of filters`,
    ...(unreadable > 0 ? [`${whole(unreadable)} unreadable`] : []),
  ]);
}

interface LineProps {
  readonly monitor: Monitor;
  readonly perSecond: number;
  readonly largest: number;
}

function Line({ monitor, perSecond, largest }: LineProps) {
  const { name, state, alone, filters, updates, bytes, waiting, waitingBytes, dropped, ageMs } = monitor;
  return (
    <tr>
      <th scope="row">
        {name}
        {alone ? <span class="aside">alone</span> : null}
      </th>
      <td class="state" data-state={state}>
        {state}
      </td>
      <td class="rate-cell">
        <span class="meter" aria-hidden="true">
          <i style={{ width: `${(perSecond / largest) * 100}%` }} />
        </span>
        {rate(perSecond)}
      </td>
      <td class="number">{whole(updates)}</td>
      <td class="number">{size(bytes)}</td>
      <td class="number">{whole(filters)}</td>
      <td class={waiting > 0 ? 'number late' : 'number'} title={size(waitingBytes)}>
        {whole(waiting)}
      </td>
      <td class={dropped > 0 ? 'number bad' : 'number'}>{whole(dropped)}</td>
      <td class="number">{age(ageMs)}</td>
    </tr>
  );
}
