/** The processes that do the work, where there are several: that all are there, and that the work is shared. */
import type { WorkerOfStats } from '../../admin/worker-told.ts';
import { age, rate, size, whole } from '../parts/format.ts';
import { type Column, WideTable } from '../parts/table.tsx';

const COLUMNS: readonly Column[] = [
  { name: 'worker' },
  { name: 'state' },
  { name: 'calls per second', number: true },
  { name: 'in flight', number: true },
  { name: 'memory', number: true },
  { name: 'replaced', number: true, title: 'Times another process has taken its place' },
];

function stateOf({ state, servingMs, silentMs }: WorkerOfStats): string {
  if (state === 'serving') return `serving for ${age(servingMs)}`;
  return state === 'silent' ? `silent for ${age(silentMs)}` : state;
}

export function Workers({ workers }: { readonly workers: readonly WorkerOfStats[] | undefined }) {
  if (workers === undefined) return null;
  const serving = workers.filter(({ state }) => state === 'serving').length;
  return (
    <section aria-labelledby="workers-title">
      <h2 class="section" id="workers-title">
        Workers{' '}
        <span class="aside">
          {serving} of {workers.length} serve
        </span>
      </h2>
      <WideTable columns={COLUMNS}>
        {workers.map((each) => (
          <tr key={each.worker} data-state={each.state}>
            <th scope="row">
              {each.worker} <span class="aside">{each.pid === undefined ? 'no process' : `process ${each.pid}`}</span>
            </th>
            <td>{stateOf(each)}</td>
            <td class="number">{rate(each.callsPerSecond)}</td>
            <td class="number">{whole(each.inFlight)}</td>
            <td class="number">{size(each.memoryBytes)}</td>
            <td class="number">{each.replaced === 0 ? 'never' : `${whole(each.replaced)} ×`}</td>
          </tr>
        ))}
      </WideTable>
    </section>
  );
}
