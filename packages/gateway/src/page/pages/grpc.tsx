/** gRPC: connections and the limit on opening them, leases by name, and the monitors that share streams. */
import type { GrpcTold } from '../../grpc/upstream.ts';
import { useLive } from '../data/hooks.ts';
import { Gauge, Tile } from '../parts/bits.tsx';
import { age, listed, rate, span, whole } from '../parts/format.ts';
import { type Column, WideTable } from '../parts/table.tsx';
import { Monitors } from './grpc-monitors.tsx';

export function GrpcPage() {
  const { snapshot } = useLive();
  const grpc = snapshot?.grpc ?? [];
  if (grpc.length === 0) {
    return (
      <section>
        <h2 class="section">gRPC</h2>
        <div class="empty panel">
          <p>
            No upstream speaks gRPC. An upstream of the configuration that has <code>grpc</code> gets a listener of its
            own: monitors subscribe there, and share one connection and one stream to the provider.
          </p>
        </div>
      </section>
    );
  }
  return (
    <>
      {grpc.map((told) => (
        <GrpcUpstream key={told.name} told={told} />
      ))}
    </>
  );
}

function GrpcUpstream({ told }: { readonly told: GrpcTold }) {
  const { name, target, address, callers, pool, multiplexer } = told;
  const { connections } = pool;
  return (
    <section aria-labelledby={`grpc-${name}`}>
      <h2 class="section" id={`grpc-${name}`}>
        {name} <span class="aside">{target}</span>
      </h2>
      <div class="tiles four">
        <Tile
          title="Callers"
          figure={whole(callers.open)}
          small={address === undefined ? 'no listener' : `at ${address}`}
        >
          {whole(callers.inFlight)} calls under way; {whole(callers.refused)} refused
        </Tile>
        <Tile title="Connections" figure={whole(connections.ready)} small={`of at most ${connections.max}`}>
          {connectionWords(pool)}
        </Tile>
        <Starts pool={pool} />
        <Tile title="Messages" figure={rate(pool.messagesPerSecond)} small="per second from upstream">
          {multiplexer === undefined
            ? `${whole(pool.streams.live)} streams`
            : `${whole(multiplexer.monitors.length)} monitors on ${whole(multiplexer.streams.length)} ` +
              `${multiplexer.streams.length === 1 ? 'stream' : 'streams'} upstream`}
        </Tile>
      </div>
      {multiplexer === undefined ? null : <Monitors multiplexer={multiplexer} />}
      <div class="pair">
        <Connections pool={pool} />
        <Leases pool={pool} />
      </div>
    </section>
  );
}

type Pool = GrpcTold['pool'];

function connectionWords({ connections, reconnects, rotations, failed, backoffMs }: Pool): string {
  const words = [`${whole(connections.opening)} opening`, `${whole(connections.draining)} draining`];
  if (reconnects > 0) words.push(`${whole(reconnects)} reconnects`);
  if (rotations > 0) words.push(`${whole(rotations)} replaced for age`);
  if (failed > 0) words.push(`${whole(failed)} failed`);
  if (backoffMs > 0) words.push(`next try in ${age(backoffMs + 999)}`);
  return listed(words);
}

/** How many connections may still be opened, as the provider counts. */
function Starts({ pool: { connectionRate: limit } }: { readonly pool: Pool }) {
  if (limit === undefined) return <Tile title="Starts" figure="–" children="opening connections is not limited" />;
  const words = [`${whole(limit.waiting)} waiting`, `${whole(limit.granted)} since the start`];
  if (limit.reserve > 0) words.push(`${whole(limit.reserve)} kept for reconnects`);
  if (limit.pausedMs > 0) words.unshift(`paused for ${age(limit.pausedMs + 999)}`);
  return (
    <article class="tile">
      <h3>Starts in any {span(limit.windowMs)}</h3>
      <p class="figure">
        {whole(limit.used)}
        <small>of {whole(limit.limit)}</small>
      </p>
      <Gauge
        label={`connections opened in any ${span(limit.windowMs)}`}
        value={limit.used}
        max={limit.limit}
        reserve={limit.reserve}
        bad={limit.pausedMs > 0}
      />
      <p class="note">{listed(words)}</p>
    </article>
  );
}

const CONNECTION_COLUMNS: readonly Column[] = [
  { name: 'connection' },
  { name: 'state' },
  { name: 'streams' },
  { name: 'age', number: true },
  { name: 'leased to' },
];

const Connections = ({ pool: { connections } }: { readonly pool: Pool }) => (
  <WideTable
    columns={CONNECTION_COLUMNS}
    caption="Connections"
    below={connections.list.length === 0 ? <p class="note empty">None is open: nobody has needed one.</p> : null}
  >
    {connections.list.map(({ id, state, leases, streams, streamsMax, ageMs }) => (
      <tr key={id}>
        <th scope="row">{id}</th>
        <td class="state" data-state={state}>
          {state}
        </td>
        <td class="gauge-cell">
          <Gauge label={`streams on connection ${id}`} value={streams} max={streamsMax} />{' '}
          {`${whole(streams)} of ${whole(streamsMax)}`}
        </td>
        <td class="number">{age(ageMs)}</td>
        <td>{leases.join(', ') || 'nobody'}</td>
      </tr>
    ))}
  </WideTable>
);

const LEASE_COLUMNS: readonly Column[] = [
  { name: 'name' },
  { name: 'state' },
  { name: 'on' },
  { name: 'streams', number: true },
  { name: 'messages/s', number: true },
];

const Leases = ({ pool: { leases } }: { readonly pool: Pool }) => (
  <WideTable
    columns={LEASE_COLUMNS}
    caption={
      <>
        Leases <span class="aside">{whole(leases.waiting)} waiting</span>
      </>
    }
    below={leases.list.length === 0 ? <p class="note empty">Nobody holds one.</p> : null}
  >
    {leases.list.map(({ name, group, state, connections, streams, messagesPerSecond }, i) => (
      <tr key={`${name} ${i}`}>
        <th scope="row" title={`group ${group}`}>
          {name}
        </th>
        <td>{state}</td>
        <td>{connections.map((id) => `connection ${id}`).join(', ') || '–'}</td>
        <td class="number">{whole(streams)}</td>
        <td class="number">{rate(messagesPerSecond)}</td>
      </tr>
    ))}
  </WideTable>
);
