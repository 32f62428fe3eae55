/** The first thing to see: what a warm connection saves, how it goes right now, and what has happened lately. */
import type { Snapshot } from '../../admin/snapshot.ts';
import { useLive } from '../data/hooks.ts';
import { Tile } from '../parts/bits.tsx';
import { CurvesOf } from '../parts/curves.tsx';
import { millis, percent, rate, whole } from '../parts/format.ts';
import { Happenings } from '../parts/happenings.tsx';
import { Stories } from './stories.tsx';
import { Troubles } from './troubles.tsx';
import { UpstreamCards } from './upstream-card.tsx';
import { Workers } from './workers.tsx';

export function Overview() {
  const { snapshot } = useLive();
  if (snapshot === undefined) return null;
  const { overall, upstreams, about, grpc } = snapshot;
  return (
    <>
      {about === undefined ? null : <p class="about">{about}</p>}
      <Troubles upstreams={upstreams} />
      <Stories upstreams={upstreams} grpc={grpc} />
      <section class="tiles five" aria-label="Overview">
        <Tile title="Calls per second" figure={rate(overall.callsPerSecond)}>
          {whole(snapshot.requests.inFlight)} in flight; {whole(snapshot.requests.refused)} refused by the gateway
        </Tile>
        <Latency overall={overall} />
        <Reuse upstreams={upstreams} />
        <Errors upstreams={upstreams} />
        <Saturation upstreams={upstreams} />
      </section>
      <CurvesOf />
      <section aria-labelledby="upstreams-title">
        <h2 class="section" id="upstreams-title">
          Upstreams
        </h2>
        <UpstreamCards />
      </section>
      <Workers workers={snapshot.workers} />
      <Happenings />
    </>
  );
}

function Latency({ overall: { latency } }: Pick<Snapshot, 'overall'>) {
  if (latency.count === 0) return <Tile title="Latency" figure="–" children="no call in the last 10 seconds" />;
  return (
    <Tile title="Latency" figure={millis(latency.p50Ms)} small="p50">
      p95 {millis(latency.p95Ms)}
      <br />
      p99 {millis(latency.p99Ms)}
    </Tile>
  );
}

type Of = Pick<Snapshot, 'upstreams'>;

function Reuse({ upstreams }: Of) {
  const open = upstreams.reduce((sum, { sockets }) => sum + sockets.open, 0);
  const calls = upstreams.reduce((sum, { latency }) => sum + latency.count, 0);
  const weighted = upstreams.reduce((sum, { latency, reuseRatio }) => sum + latency.count * reuseRatio, 0);
  return (
    <Tile title="Reuse" figure={calls === 0 ? '–' : percent(weighted / calls)}>
      of calls found their connection already in service; {whole(open)} open
    </Tile>
  );
}

function Errors({ upstreams }: Of) {
  const failed = upstreams.reduce((sum, { failedLately }) => sum + failedLately, 0);
  const status5xx = upstreams.reduce((sum, { status5xxLately }) => sum + status5xxLately, 0);
  return (
    <Tile title="Errors" figure={whole(failed)} bad={failed > 0}>
      failed in the last minute; upstreams answered 5xx {status5xx === 1 ? 'once' : `${whole(status5xx)} times`}
    </Tile>
  );
}

function Saturation({ upstreams }: Of) {
  const [first] = upstreams.toSorted((a, b) => b.pool.saturation - a.pool.saturation);
  if (first === undefined) return null;
  const waiting = upstreams.reduce((sum, { pool }) => sum + pool.waiting, 0);
  return (
    <Tile title="Saturation" figure={percent(first.pool.saturation)} bad={first.pool.saturation > 1}>
      of the places of {first.name}, the fullest pool; {whole(waiting)} calls wait for a connection
    </Tile>
  );
}
