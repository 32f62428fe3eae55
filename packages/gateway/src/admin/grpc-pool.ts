/**
 * What is known of upstreams that speak gRPC, at the paths that users of a pool for stream monitors look at. With one
 * such upstream the answer is its own, with several it is that of each by name.
 */
import type { GrpcUpstream } from '../grpc/upstream.ts';
import { onlyNames } from './query.ts';
import { type Ask, Refused, type Route, tells } from './route.ts';
import type { HomeView } from './view.ts';

export const GRPC_POOL_ROUTES: readonly Route<HomeView>[] = [
  tells('/api/grpc-pool/stats', 'gRPC: connections, leases, limits, monitors and their streams', (view, ask) => ({
    json: byName(asked(view, ask).map((upstream) => [upstream.name, upstream.told()])),
  })),
  tells('/api/grpc-pool/health', 'gRPC: 200 while every pool has what its leases need, otherwise 503', (view, ask) => {
    const reports = asked(view, ask).map(({ name, pool }) => [name, pool.healthReport()] as const);
    const status = Math.max(...reports.map(([, { httpStatus }]) => httpStatus));
    return { status, json: byName(reports) };
  }),
  tells('/api/dashboard/metrics', 'a summary for dashboards of your own', (view, ask) => {
    onlyNames(ask.query, ['upstream']);
    const upstreams = view.grpc.all.length === 0 ? [] : asked(view, ask);
    return { json: { grpcPool: byName(upstreams.map((upstream) => [upstream.name, blockOf(upstream)])) } };
  }),
];

/** @throws Refused where there is none, or none of that name */
function asked({ grpc }: HomeView, { query }: Ask): readonly GrpcUpstream[] {
  onlyNames(query, ['upstream']);
  const name = query.get('upstream');
  const found = name === null ? grpc.all : grpc.all.filter((upstream) => upstream.name === name);
  if (found.length > 0) return found;
  const known = grpc.all.map((upstream) => upstream.name).join(', ');
  throw new Refused(404, 'UPSTREAM', known === '' ? 'no upstream speaks gRPC' : `no such upstream; known: ${known}`);
}

/** Where monitors share a stream, the pool knows of that alone; they are told by their own names. */
function blockOf({ pool, multiplexer }: GrpcUpstream): object {
  const block = pool.dashboardBlock();
  if (multiplexer === undefined) return block;
  const served = multiplexer.stats().monitors.filter(({ state }) => state === 'served');
  return { ...block, monitors: Object.fromEntries(served.map(({ name }) => [name, 1])) };
}

function byName<T extends object>(each: readonly (readonly [name: string, value: T])[]): object {
  return each.length === 1 ? each[0]![1] : Object.fromEntries(each);
}
