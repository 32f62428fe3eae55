/** `/api/sockets`: the life of each connection, those that are open and the last ones closed, a page at a time. */
import type { SocketLife } from 'keepwarm';
import type { AnyUpstream } from '../data/routes.ts';
import { choice, count, named, onlyNames } from './query.ts';
import { tells } from './route.ts';
import type { SocketTold } from './snapshot.ts';
import { statsOf } from './upstream-parts.ts';
import type { AdminView } from './view.ts';

const STATES = ['open', 'idle', 'in use', 'closed', 'all'] as const;
const ORDERS = ['newest', 'oldest', 'busiest'] as const;
const PAGE_MAX = 500;

export interface SocketOfUpstream extends SocketTold {
  readonly upstream: string;
  /** Now, on the clock of `openedAtMs` and `sinceMs`. */
  readonly nowMs: number;
}

export interface SocketsTold {
  /** How many there are by these filters, beyond this page too. */
  readonly total: number;
  readonly offset: number;
  readonly sockets: readonly SocketOfUpstream[];
}

interface Found {
  readonly upstream: AnyUpstream;
  readonly life: SocketLife;
  readonly nowMs: number;
}

export const SOCKETS = tells('/api/sockets', 'the life of each connection, paginated', (view, { query }) => {
  const page = pageIn(query, view.names());
  return { json: socketsOf(view, page) };
});

export interface SocketsPage {
  readonly upstream: string | undefined;
  readonly state: (typeof STATES)[number];
  readonly order: (typeof ORDERS)[number];
  readonly origin: string | null;
  readonly limit: number;
  readonly offset: number;
}

/** @param names of the upstreams there are @throws Refused */
export function pageIn(query: URLSearchParams, names: readonly string[]): SocketsPage {
  onlyNames(query, ['upstream', 'state', 'origin', 'order', 'limit', 'offset']);
  return {
    upstream: named(query, 'upstream', names),
    state: choice(query, 'state', STATES, 'open'),
    order: choice(query, 'order', ORDERS, 'newest'),
    limit: count(query, 'limit', 1, PAGE_MAX, 100),
    offset: count(query, 'offset', 0, Number.MAX_SAFE_INTEGER, 0),
    origin: query.get('origin'),
  };
}

export function socketsOf({ upstreams }: AdminView, page: SocketsPage): SocketsTold {
  const { upstream, state, order, origin, limit, offset } = page;
  const found: Found[] = [];
  for (const each of upstreams()) {
    if (upstream !== undefined && each.name !== upstream) continue;
    const { sockets, uptimeMs: nowMs } = statsOf(each);
    const { live, history } = sockets;
    const lives = state === 'closed' ? history : state === 'all' ? [...live, ...history] : live;
    for (const life of lives) {
      if ((state === 'idle' || state === 'in use') && life.state !== state) continue;
      if (origin === null || life.origin === origin) found.push({ upstream: each, life, nowMs });
    }
  }
  found.sort(BY[order]);
  return { total: found.length, offset, sockets: found.slice(offset, offset + limit).map(told) };
}

type Placed = Pick<Found, 'nowMs'> & { readonly life: Pick<SocketLife, 'id' | 'openedAtMs' | 'leases'> };

/** Numbers grow with time, but each upstream has its own. */
const ageOf = ({ nowMs, life }: Placed): number => nowMs - life.openedAtMs;

export const BY = {
  newest: (a: Placed, b: Placed) => ageOf(a) - ageOf(b) || b.life.id - a.life.id,
  oldest: (a: Placed, b: Placed) => ageOf(b) - ageOf(a) || a.life.id - b.life.id,
  busiest: (a: Placed, b: Placed) => b.life.leases - a.life.leases,
} as const;

const told = ({ upstream: { name, book }, life, nowMs }: Found): SocketOfUpstream => ({
  upstream: name,
  nowMs,
  ...life,
  trail: book.trail(life.id),
});
