/** What the gateway tells, as tables. */
import type { CallsTold } from '../admin/calls.ts';
import type { BreakersTold, EndpointsTold, LimitsTold } from '../admin/endpoints.ts';
import type { Snapshot } from '../admin/snapshot.ts';
import type { SocketsTold } from '../admin/sockets.ts';
import { troublesOf } from '../admin/trouble.ts';
import type { Paint, Style } from './paint.ts';
import { type Column, length, ms, share, table } from './table.ts';

type Of<T extends readonly unknown[]> = Column<T[number]>[];

export function statRows(told: Snapshot, paint: Paint): string[] {
  const columns: Of<Snapshot['upstreams']> = [
    { title: 'upstream', of: ({ name }) => name },
    { title: 'origin', of: ({ origin }) => origin },
    { title: 'calls/s', of: ({ callsPerSecond }) => callsPerSecond.toFixed(1), right: true },
    { title: 'p50 ms', of: ({ latency }) => ms(latency.p50Ms), right: true },
    { title: 'p95 ms', of: ({ latency }) => ms(latency.p95Ms), right: true },
    { title: 'p99 ms', of: ({ latency }) => ms(latency.p99Ms), right: true },
    { title: 'reuse', of: ({ reuse }) => share(reuse.ratio), right: true },
    { title: 'failed', of: ({ calls }) => `${calls.failed}`, right: true, style: ({ calls }) => bad(calls.failed) },
    { title: 'open', of: ({ sockets }) => `${sockets.open}`, right: true },
    { title: 'in use', of: ({ pool }) => `${pool.inFlight}`, right: true },
    { title: 'waiting', of: ({ pool }) => `${pool.waiting}`, right: true, style: ({ pool }) => bad(pool.waiting) },
  ];
  const { state, uptimeMs, requests, readiness, grpc, workers = [] } = told;
  const workerColumns: Of<NonNullable<Snapshot['workers']>> = [
    { title: 'worker', of: ({ worker }) => `${worker}`, right: true },
    { title: 'process', of: ({ pid = '–' }) => `${pid}`, right: true },
    { title: 'state', of: (each) => each.state, style: (each) => (each.state === 'serving' ? 'green' : 'yellow') },
    { title: 'serving for', of: ({ servingMs }) => length(servingMs), right: true },
    { title: 'calls/s', of: ({ callsPerSecond }) => callsPerSecond.toFixed(1), right: true },
    { title: 'in flight', of: ({ inFlight }) => `${inFlight}`, right: true },
    { title: 'MB', of: ({ memoryBytes }) => (memoryBytes / 1e6).toFixed(0), right: true },
    { title: 'replaced', of: ({ replaced }) => `${replaced}`, right: true, style: ({ replaced }) => bad(replaced) },
  ];
  const grpcColumns: Of<Snapshot['grpc']> = [
    { title: 'grpc upstream', of: ({ name }) => name },
    { title: 'target', of: ({ target }) => target },
    { title: 'ready', of: ({ pool }) => `${pool.connections.ready} of ${pool.connections.total}`, right: true },
    { title: 'leases', of: ({ pool }) => `${pool.leases.held}`, right: true },
    { title: 'streams', of: ({ pool }) => `${pool.streams.live}`, right: true },
    { title: 'messages/s', of: ({ pool }) => pool.messagesPerSecond.toFixed(1), right: true },
  ];
  return [
    `${paint(state, state === 'ready' ? 'green' : 'yellow')} for ${length(uptimeMs)}, ${requests.inFlight} ` +
      `requests in flight, ${requests.refused} refused; ${readiness}`,
    '',
    ...table(columns, told.upstreams, paint, 'no upstream speaks HTTP'),
    ...troubleRows(told, paint),
    ...(grpc.length === 0 ? [] : ['', ...table(grpcColumns, grpc, paint, '')]),
    ...(workers.length === 0 ? [] : ['', ...table(workerColumns, workers, paint, '')]),
  ];
}

/** What needs attention; nothing while all is well. */
function troubleRows({ upstreams }: Snapshot, paint: Paint): string[] {
  const rows = upstreams.flatMap((upstream) =>
    troublesOf(upstream).map(({ grave, words }) => ({ name: upstream.name, grave, words })),
  );
  if (rows.length === 0) return [];
  const columns: Of<typeof rows> = [
    { title: 'needs attention', of: ({ name }) => name },
    { title: '', of: ({ words }) => words, style: ({ grave }) => (grave ? 'red' : undefined) },
  ];
  return ['', ...table(columns, rows, paint, '')];
}

/** Where several processes do the work. */
function byWorker<T extends { readonly worker?: number }>(rows: readonly T[]): Column<T>[] {
  if (rows.every(({ worker }) => worker === undefined)) return [];
  return [{ title: 'worker', of: ({ worker = '' }) => `${worker}`, right: true }];
}

const bad = (count: number): Style | undefined => (count > 0 ? 'red' : undefined);

interface SocketsAsked {
  readonly upstream: string | undefined;
  readonly state: string | undefined;
}

/** In place of no rows: what there is none of, and where others may be. */
function noSockets({ upstream, state = 'open' }: SocketsAsked): string {
  const of = upstream === undefined ? '' : ` of ${upstream}`;
  if (state === 'all') return `no connection${of} has been opened yet`;
  return `no connection${of} is ${state} now; --state all lists those that were closed, too`;
}

export function socketRows({ total, sockets }: SocketsTold, asked: SocketsAsked, paint: Paint): string[] {
  const columns: Of<SocketsTold['sockets']> = [
    { title: 'id', of: ({ id }) => `${id}`, right: true },
    ...byWorker(sockets),
    { title: 'upstream', of: ({ upstream }) => upstream },
    { title: 'origin', of: ({ origin }) => origin },
    { title: 'address', of: ({ address }) => address },
    { title: 'state', of: ({ state }) => state, style: ({ state }) => SOCKET_STYLES[state] },
    { title: 'http', of: ({ protocol }) => (protocol === 'h2' ? '2' : '1.1') },
    { title: 'dns ms', of: ({ dnsMs }) => ms(dnsMs), right: true },
    { title: 'tcp ms', of: ({ tcpMs }) => ms(tcpMs), right: true },
    { title: 'tls ms', of: ({ tlsMs }) => ms(tlsMs), right: true },
    { title: 'calls', of: ({ leases }) => `${leases}`, right: true },
    { title: 'closed because', of: ({ closeReason }) => closeReason ?? '' },
  ];
  const rest = total - sockets.length;
  const more = rest > 0 ? [`and ${rest} more: see --limit`] : [];
  return [...table(columns, sockets, paint, noSockets(asked)), ...more];
}

const SOCKET_STYLES: Readonly<Record<string, Style>> = { 'in use': 'green', closed: 'dim' };

const STATE_STYLES: Readonly<Record<string, Style>> = {
  healthy: 'green',
  'slow-start': 'cyan',
  probing: 'yellow',
  cordoned: 'yellow',
  ejected: 'red',
};

export function endpointRows(told: EndpointsTold, breakers: BreakersTold['breakers'], paint: Paint): string[] {
  const columns: Of<EndpointsTold['endpoints']> = [
    { title: 'upstream', of: ({ upstream }) => upstream },
    { title: 'endpoint', of: ({ name }) => name },
    { title: 'origin', of: ({ origin }) => origin },
    { title: 'state', of: ({ state }) => state, style: ({ state }) => STATE_STYLES[state] },
    { title: 'latency ms', of: ({ latencyMs }) => ms(latencyMs), right: true },
    { title: 'load', of: ({ load }) => ms(load), right: true },
    { title: 'in flight', of: ({ inFlight }) => `${inFlight}`, right: true },
    { title: 'ok', of: ({ successes }) => `${successes}`, right: true },
    { title: 'failed', of: ({ failures }) => `${failures}`, right: true, style: ({ failures }) => bad(failures) },
    { title: 'freshness', of: ({ freshness, lag }) => [freshness, lag && `−${lag}`].filter(Boolean).join(' ') },
  ];
  const breakerColumns: Of<BreakersTold['breakers']> = [
    { title: 'upstream', of: ({ upstream }) => upstream },
    { title: 'breaker', of: ({ key }) => key },
    ...byWorker(breakers),
    { title: 'state', of: ({ state }) => state, style: ({ state }) => (state === 'closed' ? 'green' : 'red') },
    { title: 'failed', of: ({ failures, samples }) => `${failures} of ${samples}`, right: true },
    { title: 'not closed for', of: ({ troubledMs }) => (troubledMs === 0 ? '' : length(troubledMs)), right: true },
    { title: 'because', of: ({ failure }) => failure ?? '' },
    { title: 'probe in ms', of: ({ probeMs }) => ms(probeMs), right: true },
    { title: 'refused', of: ({ refused }) => `${refused}`, right: true },
  ];
  return [
    ...table(columns, told.endpoints, paint, 'no upstream has several endpoints'),
    ...(breakers.length === 0 ? [] : ['', ...table(breakerColumns, breakers, paint, '')]),
  ];
}

export function limitRows({ rate, concurrency }: LimitsTold, paint: Paint): string[] {
  const columns: Of<LimitsTold['rate']> = [
    { title: 'upstream', of: ({ upstream }) => upstream },
    { title: 'endpoint', of: ({ endpoint }) => endpoint ?? '–' },
    { title: 'limit', of: ({ name }) => name },
    { title: 'used', of: ({ used, limit }) => `${used} of ${limit}`, right: true },
    { title: 'window ms', of: ({ windowMs }) => `${windowMs}`, right: true },
    { title: 'next ms', of: ({ nextMs }) => ms(nextMs), right: true },
    { title: 'waiting', of: ({ waiting }) => `${waiting}`, right: true, style: ({ waiting }) => bad(waiting) },
    { title: 'refused', of: ({ refused }) => `${refused}`, right: true, style: ({ refused }) => bad(refused) },
    { title: 'paused ms', of: ({ pausedMs }) => ms(pausedMs), right: true },
  ];
  const concurrencyColumns: Of<LimitsTold['concurrency']> = [
    { title: 'upstream', of: ({ upstream }) => upstream },
    { title: 'concurrency', of: ({ key }) => key },
    { title: 'in flight', of: ({ inFlight, limit }) => `${inFlight} of ${Math.floor(limit)}`, right: true },
    { title: 'waiting', of: ({ waiting }) => `${waiting}`, right: true, style: ({ waiting }) => bad(waiting) },
    { title: 'refused', of: ({ refused }) => `${refused}`, right: true, style: ({ refused }) => bad(refused) },
  ];
  return [
    ...table(columns, rate, paint, 'there is no rate limit'),
    ...(concurrency.length === 0 ? [] : ['', ...table(concurrencyColumns, concurrency, paint, '')]),
  ];
}

export function callRows({ calls }: CallsTold, paint: Paint): string[] {
  const columns: Of<CallsTold['calls']> = [
    { title: 'at', of: ({ at }) => new Date(at).toISOString().slice(11, 23) },
    { title: 'id', of: ({ id }) => `${id}`, right: true },
    { title: 'upstream', of: ({ upstream }) => upstream },
    { title: 'call', of: ({ method, operation }) => operation ?? method },
    { title: 'endpoint', of: ({ endpoint, origin }) => endpoint ?? origin },
    {
      title: 'outcome',
      of: ({ status, error }) => error?.code ?? `${status}`,
      style: ({ status, error }) => (error !== undefined || (status ?? 0) >= 500 ? 'red' : undefined),
    },
    { title: 'attempts', of: ({ attempts }) => `${attempts}`, right: true },
    { title: 'total ms', of: ({ totalMs }) => ms(totalMs), right: true },
    { title: 'where', of: ({ phases }) => longest(phases) },
    { title: 'policies', of: ({ acted }) => acted.join(', ') },
  ];
  return table(columns, calls, paint, 'no call is remembered');
}

function longest(phases: CallsTold['calls'][number]['phases']): string {
  const [first] = Object.entries(phases ?? {}).toSorted(([, a], [, b]) => b - a);
  return first === undefined ? '' : `${first[0].replace(/Ms$/, '')} ${ms(first[1])}`;
}
