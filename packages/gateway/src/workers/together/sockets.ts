/** `/api/sockets` and `/api/calls` of several workers: each row says whose it is. */
import { CALLS, type CallsTold, limitIn } from '../../admin/calls.ts';
import { BY, pageIn, SOCKETS, type SocketOfUpstream, type SocketsTold, socketsOf } from '../../admin/sockets.ts';
import { jsonOf } from './endpoints.ts';
import { type AnyTogether, sum, together } from './together.ts';

/** Each tells what may be on the page, should all of it be its own. */
export const SOCKETS_TOGETHER: AnyTogether = together<SocketsTold>({
  path: SOCKETS.path,
  part: (view, { query }) => {
    const page = pageIn(query, view.names());
    return socketsOf(view, { ...page, offset: 0, limit: page.offset + page.limit });
  },
  whole: (parts, home, { query }) => {
    const { order, offset, limit } = pageIn(query, home.names());
    const all = parts.flatMap(({ worker, told }) => told.sockets.map((socket) => ({ ...socket, worker })));
    const placed = (life: SocketOfUpstream) => ({ nowMs: life.nowMs, life });
    const sockets = all.sort((a, b) => BY[order](placed(a), placed(b))).slice(offset, offset + limit);
    const json: SocketsTold = { total: sum(parts, ({ told }) => told.total), offset, sockets };
    return { json };
  },
});

export const CALLS_TOGETHER: AnyTogether = together<CallsTold>({
  path: CALLS.path,
  part: jsonOf(CALLS),
  whole: (parts, _, { query }) => {
    const all = parts.flatMap(({ worker, told }) => told.calls.map((call) => ({ ...call, worker })));
    const calls = all.sort((a, b) => b.at - a.at).slice(0, limitIn(query));
    return { json: { calls } satisfies CallsTold };
  },
});
