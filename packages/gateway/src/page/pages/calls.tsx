/** The last calls, and where their milliseconds went. */
import { useState } from 'preact/hooks';
import type { CallsTold } from '../../admin/calls.ts';
import type { CallTold } from '../../figures/call-told.ts';
import { useLive, usePolled } from '../data/hooks.ts';
import { Choices, Empty, UpstreamChoice } from '../parts/bits.tsx';
import { clock, millis, whole } from '../parts/format.ts';
import { Virtual } from '../parts/virtual.tsx';
import { CallDetails, failedOf, outcomeOf, PHASES } from './call-details.tsx';

const SHOWS = ['all', 'notable', 'failed'] as const;
const keyOf = ({ upstream, id, at, worker = 0 }: CallTold): string => `${upstream}-${worker}-${id}-${at}`;

export function CallsPage() {
  const { snapshot } = useLive();
  const [show, setShow] = useState<(typeof SHOWS)[number]>('all');
  const [upstream, setUpstream] = useState('');
  const [slower, setSlower] = useState('');
  const [search, setSearch] = useState('');
  const [held, hold] = useState<readonly CallTold[] | undefined>(undefined);
  const [chosen, choose] = useState<CallTold | undefined>(undefined);
  const query = new URLSearchParams({ limit: '500' });
  if (show !== 'all') query.set('only', 'notable');
  if (upstream !== '') query.set('upstream', upstream);
  if (Number(slower) > 0) query.set('slowerThanMs', slower);
  const told = usePolled<CallsTold>(`api/calls?${query}`);
  const latest = told.value?.calls ?? [];
  const calls = (held ?? latest).filter((call) => (show !== 'failed' || failedOf(call)) && fits(call, search));
  // One slow call must not make all others a point.
  const scaleMs = Math.max(
    1,
    quantile(
      calls.map(({ totalMs }) => totalMs),
      0.95,
    ),
  );
  return (
    <section aria-labelledby="calls-title">
      <div class="bar">
        <h2 class="section" id="calls-title">
          Calls <span class="aside">the last {whole(calls.length)}, latest first</span>
        </h2>
        <Choices label="Show" of={SHOWS} chosen={show} choose={setShow} />
        <UpstreamChoice of={snapshot?.upstreams.map(({ name }) => name) ?? []} chosen={upstream} choose={setUpstream} />
        <label class="pick">
          <span>slower than</span>
          <input
            type="number"
            min={0}
            placeholder="ms"
            value={slower}
            onInput={({ currentTarget }) => setSlower(currentTarget.value)}
          />
        </label>
        <label class="pick">
          <span>search</span>
          <input
            type="search"
            placeholder="method, endpoint, policy"
            value={search}
            onInput={({ currentTarget }) => setSearch(currentTarget.value)}
          />
        </label>
        <button
          type="button"
          class="button small"
          aria-pressed={held === undefined ? 'false' : 'true'}
          onClick={() => hold(held === undefined ? latest : undefined)}
        >
          {held === undefined ? 'Hold still' : 'Go on'}
        </button>
      </div>
      <PhaseLegend />
      {told.problem === undefined ? null : <p class="problem">Not fresh: {told.problem}</p>}
      {told.value !== undefined && calls.length === 0 ? (
        <Empty>
          {latest.length === 0 && show === 'all' ? 'No call so far.' : 'None of the last calls is like that.'}
        </Empty>
      ) : (
        <div class="calls-list panel">
          <Virtual
            label="Calls, latest first"
            total={calls.length}
            at={(i) => calls[i]}
            keyOf={keyOf}
            kindOf={(call) => (failedOf(call) ? 'failed' : 'well')}
            describe={describe}
            row={(call) => <Cells call={call} scaleMs={scaleMs} />}
            selected={chosen === undefined ? '' : keyOf(chosen)}
            select={(_, call) => choose(call)}
          />
        </div>
      )}
      <CallDetails call={chosen} />
    </section>
  );
}

function fits(call: CallTold, search: string): boolean {
  const { method, operation, endpoint, upstream, origin, acted, error, requestId } = call;
  const text = [method, operation, endpoint, upstream, origin, error?.code, requestId, ...acted]
    .join(' ')
    .toLowerCase();
  return text.includes(search.trim().toLowerCase());
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

const PhaseLegend = () => (
  <ul class="legend phases" aria-label="Colours">
    {PHASES.map(({ name, words }) => (
      <li key={name} class={`phase-${name}`}>
        {words}
      </li>
    ))}
  </ul>
);

const describe = (call: CallTold): string =>
  `${call.operation ?? call.method} to ${call.endpoint ?? call.upstream}, ${outcomeOf(call)}, ${millis(call.totalMs)}` +
  (call.attempts > 1 ? `, ${call.attempts} attempts` : '');

interface CellsProps {
  readonly call: CallTold;
  /** What the full width stands for. */
  readonly scaleMs: number;
}

function Cells({ call, scaleMs }: CellsProps) {
  const { at, upstream, endpoint, method, operation, totalMs, phases, acted, attempts, reused, socketId } = call;
  return (
    <>
      <time>{clock(at)}</time>
      <span class="name">
        {upstream}
        {endpoint === undefined ? '' : ` → ${endpoint}`}
      </span>
      <span class="operation">{operation ?? method}</span>
      <span class="outcome">{outcomeOf(call)}</span>
      <span class="waterfall">
        {phases === undefined ? (
          <i class="phase-unknown" style={{ width: width(totalMs, scaleMs) }} />
        ) : (
          PHASES.map(({ name }) =>
            phases[name] > 0 ? (
              <i key={name} class={`phase-${name}`} style={{ width: width(phases[name], scaleMs) }} />
            ) : null,
          )
        )}
        {totalMs > scaleMs ? <b aria-hidden="true">»</b> : null}
      </span>
      <span class="number">{millis(totalMs)}</span>
      <span class="chips">
        {socketId > 0 && !reused ? <em>new connection</em> : null}
        {attempts > 1 ? <em>{attempts} attempts</em> : null}
        {acted.slice(0, 2).map((what, i) => (
          <em key={i}>{what}</em>
        ))}
      </span>
    </>
  );
}

const width = (ms: number, scaleMs: number): string => `${Math.min(100, (ms / scaleMs) * 100)}%`;
