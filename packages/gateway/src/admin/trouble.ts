/**
 * What is wrong with an upstream, in words for whoever has ten seconds: what happens to calls, why, since when, and
 * when it is tried again. Made from what `/api/stats` tells, for the page and the terminal alike; empty when all is
 * well.
 */
import type { UpstreamTold } from './snapshot.ts';

export interface Trouble {
  /** Whether calls get nowhere, or only some of them fail or wait. */
  readonly grave: boolean;
  readonly words: string;
}

/** Kinds of failures that are named. */
const NAMED = 3;
/** Breakers that are named, of one upstream with many sections or origins. */
const STOPPED_NAMED = 3;

/** A share of failures below this is everyday life: the figures below tell of it. */
const SHARE_MIN = 0.01;

/** States of endpoints that take no calls. */
export const OUT: ReadonlySet<string> = new Set(['ejected', 'cordoned', 'unreachable']);

type Told = Pick<
  UpstreamTold,
  'callsPerSecond' | 'stopped' | 'ills' | 'unreachable' | 'pool' | 'endpoints' | 'jsonrpc'
>;

export function troublesOf(told: Told): Trouble[] {
  return [...withoutEndpoints(told), ...stopped(told), ...unreached(told), ...failing(told), ...waiting(told)];
}

/** Those of several that take no calls; when there is none left, nothing gets through. */
function withoutEndpoints({ endpoints, jsonrpc }: Told): Trouble[] {
  const all = jsonrpc?.endpoints ?? endpoints ?? [];
  const out = all.filter(({ state }) => OUT.has(state));
  if (out.length === 0) return [];
  const names = out.map(({ name, state }) => `${name} (${state})`).join(', ');
  if (out.length === all.length) return [{ grave: true, words: `no endpoint takes calls: ${names}` }];
  return [{ grave: false, words: `calls avoid ${names}; ${all.length - out.length} of ${all.length} take them` }];
}

function stopped({ stopped: breakers, endpoints, jsonrpc }: Told): Trouble[] {
  const several = (endpoints ?? jsonrpc?.endpoints) !== undefined; // calls go to the others
  const named = breakers.toSorted((a, b) => b.troubledMs - a.troubledMs).slice(0, STOPPED_NAMED);
  const told = named.map(({ key, state, failure, troubledMs, probeMs, refused }) => {
    const why = failure === undefined ? '' : ` (${failure})`;
    const due = probeMs > 0 ? `tried again in ${length(probeMs)}` : 'the next call tries again';
    const next = state === 'open' ? due : 'being tried now';
    const words = `no calls to ${key} for ${length(troubledMs)}${why}; ${refused} refused at once; ${next}`;
    return { grave: !several, words };
  });
  if (breakers.length <= STOPPED_NAMED) return told;
  return [...told, { grave: false, words: `and ${breakers.length - STOPPED_NAMED} more breakers are not closed` }];
}

/** What a breaker says already is not said twice. */
function unreached({ unreachable, stopped: breakers }: Told): Trouble[] {
  const others = unreachable.filter(({ origin }) => !breakers.some(({ key }) => key === origin));
  return others.slice(0, STOPPED_NAMED).map(({ origin, why, forMs }) => ({
    grave: false,
    words: `no connection to ${origin} for ${length(forMs)} (${why})`,
  }));
}

function failing({ ills, callsPerSecond }: Told): Trouble[] {
  const count = ills.reduce((sum, each) => sum + each.count, 0);
  if (count === 0 || count < SHARE_MIN * (count + callsPerSecond * 60)) return [];
  const named = ills.slice(0, NAMED).map((each) => `${each.count} × ${each.what}`);
  const more = ills.length > NAMED ? ' and others' : '';
  const forMs = Math.max(...ills.map((each) => each.forMs));
  const [last, since] = forMs < MINUTE_MS ? [length(forMs), ''] : ['minute', `; began ${length(forMs)} ago`];
  const calls = count === 1 ? '1 call went' : `${count} calls went`;
  return [{ grave: false, words: `${calls} wrong in the last ${last}: ${named.join(', ')}${more}${since}` }];
}

function waiting({ pool }: Told): Trouble[] {
  if (pool.waiting === 0) return [];
  const calls = pool.waiting === 1 ? '1 call waits' : `${pool.waiting} calls wait`;
  const full =
    pool.inFlight >= pool.socketsMax ? `all ${pool.socketsMax} are in use` : `${pool.opening} are being opened`;
  return [{ grave: false, words: `${calls} for a connection: ${full}` }];
}

const MINUTE_MS = 60_000;

/** Short, and no more exact than it is worth. */
function length(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3_600)} h`;
}
