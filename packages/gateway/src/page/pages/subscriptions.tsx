/** Callers of a pool of nodes who stay, by WebSocket, and the subscriptions they share at its nodes. */
import type { UpstreamTold } from '../../admin/snapshot.ts';
import type { SharedTold } from '../../websocket/shared-subscriptions.ts';
import { Tile } from '../parts/bits.tsx';
import { listed, whole } from '../parts/format.ts';
import { type Column, WideTable } from '../parts/table.tsx';

/** Nothing before the first of them has come. */
export function SubscriptionsOf({ upstream: { websocket, subscriptions } }: { readonly upstream: UpstreamTold }) {
  if (websocket === undefined || subscriptions === undefined) return null;
  if (websocket.opened + websocket.refused === 0) return null;
  const { open, inFlight, opened, refused, slow, notifications, gaps, calls } = websocket;
  const left = subscriptions.gapsLeft;
  return (
    <section aria-labelledby="websocket-title">
      <h2 class="section" id="websocket-title">
        Callers by WebSocket{' '}
        <span class="aside">
          {listed([`${whole(opened)} since the start`, `${whole(refused)} refused`, `${whole(slow)} too slow`])}
        </span>
      </h2>
      <div class="tiles four">
        <Tile title="Callers" figure={whole(open)} small="connections to us">
          {listed([`${whole(inFlight)} calls under way`, `${whole(calls)} asked`])}
        </Tile>
        <Tile title="Their subscriptions" figure={whole(websocket.subscriptions)}>
          {listed([`${whole(notifications)} messages told`, `${whole(gaps)} gaps`])}
        </Tile>
        <Tile title="At nodes" figure={whole(subscriptions.topics)} small="one for all who want the same">
          {listed([`on ${counted(connectionsOf(subscriptions))}`, `${whole(subscriptions.opened)} begun`])}
        </Tile>
        <Tile title="Lost at nodes" figure={whole(subscriptions.lost)} bad={left > 0}>
          {listed([
            `${whole(subscriptions.resumed)} taken up again`,
            `${whole(subscriptions.gapsFilled)} gaps filled`,
            `${whole(left)} left`,
          ])}
        </Tile>
      </div>
      <Nodes of={subscriptions} />
    </section>
  );
}

const connectionsOf = ({ endpoints }: SharedTold): number =>
  endpoints.reduce((all, { connections }) => all + connections, 0);

const counted = (connections: number): string =>
  `${whole(connections)} ${connections === 1 ? 'connection' : 'connections'}`;

const COLUMNS: readonly Column[] = [
  { name: 'node' },
  { name: 'state' },
  { name: 'connections', number: true },
  { name: 'subscriptions', number: true },
  { name: 'messages', number: true, title: 'on the connections it has now' },
  { name: 'failures', number: true, title: 'in a row' },
];

const Nodes = ({ of: { endpoints } }: { readonly of: SharedTold }) =>
  endpoints.length === 0 ? null : (
    <WideTable columns={COLUMNS} caption="Subscriptions at nodes">
      {endpoints.map(({ name, state, connections, topics, notifications, failures }) => (
        <tr key={name}>
          <th scope="row">{name}</th>
          <td class="state" data-state={state}>
            {state}
          </td>
          <td class="number">{whole(connections)}</td>
          <td class="number">{whole(topics)}</td>
          <td class="number">{whole(notifications)}</td>
          <td class={failures > 0 ? 'number bad' : 'number'}>{whole(failures)}</td>
        </tr>
      ))}
    </WideTable>
  );
