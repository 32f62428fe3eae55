/** Breakers: how each stands, and when it was open in the last ten minutes, as far as the gateway remembers. */
import type { BreakersTold } from '../../admin/endpoints.ts';
import type { FeedEvent } from '../../figures/feed.ts';
import { resetBreaker, useAct } from '../data/deeds.ts';
import { useLive } from '../data/hooks.ts';
import { age, byWorker, clock, listed, whole } from '../parts/format.ts';

const WINDOW_MS = 600_000;

interface BreakersProps {
  readonly name: string;
  readonly breakers: BreakersTold['breakers'];
}

export function Breakers({ name, breakers }: BreakersProps) {
  const live = useLive();
  const act = useAct();
  if (breakers.length === 0) return null;
  const own = live.events.filter(({ kind, upstream }) => upstream === name && kind.startsWith('breaker'));
  const sinceMs = Math.min(WINDOW_MS, live.snapshot?.uptimeMs ?? WINDOW_MS);
  return (
    <section aria-labelledby="breakers-title">
      <h2 class="section" id="breakers-title">
        Breakers <span class="aside">over the last {age(sinceMs)}</span>
      </h2>
      <ul class="panel breakers">
        {breakers.map((breaker) => {
          const { key, state, consecutive, failures, samples, probeMs, opened, refused, worker } = breaker;
          const theirs = own.filter((event) => event['worker'] === worker);
          const spans = spansOf(theirs, key, state, Date.now(), sinceMs);
          return (
            <li key={`${worker} ${key}`} data-state={state}>
              <span class="who">
                {key}
                {byWorker(worker)}
              </span>
              <span class="state">
                {state === 'open' && probeMs > 0 ? `open, probe in ${age(probeMs + 999)}` : state}
              </span>
              <Timeline label={`${key}: ${state}; opened ${opened} times`} spans={spans} />
              <span class="note">
                {listed([
                  `${whole(failures)} of ${whole(samples)} failed lately`,
                  `${whole(consecutive)} in a row`,
                  `opened ${whole(opened)} ×`,
                  `${whole(refused)} refused`,
                ])}
              </span>
              <button
                type="button"
                class="button small"
                aria-label={`Reset the breaker of ${key}`}
                disabled={live.state !== 'live' || state === 'closed'}
                onClick={() => act(resetBreaker(name, key))}
              >
                Reset
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

interface Span {
  readonly state: string;
  /** From the left, and how long, 0…1. */
  readonly from: number;
  readonly width: number;
  readonly words: string;
}

const STATES: Readonly<Record<string, string>> = {
  breakerOpened: 'open',
  breakerHalfOpened: 'half-open',
  breakerClosed: 'closed',
};

/** What events say of one breaker, as stretches of one state; before the first it is taken to have been closed. */
function spansOf(events: readonly FeedEvent[], key: string, now: string, nowMs: number, windowMs: number): Span[] {
  const begin = nowMs - windowMs;
  const changes = events.flatMap(({ kind, at, ...event }) =>
    event['breaker'] === key ? [{ at, state: STATES[kind] ?? 'closed' }] : [],
  );
  const before = changes.findLast(({ at }) => at <= begin)?.state ?? (changes.length === 0 ? now : 'closed');
  const within = [{ at: begin, state: before }, ...changes.filter(({ at }) => at > begin)];
  return within.map(({ at, state }, i) => {
    const end = within[i + 1]?.at ?? nowMs;
    const width = Math.max(0, (end - at) / windowMs);
    return { state, from: (at - begin) / windowMs, width, words: `${state} from ${clock(at)} for ${age(end - at)}` };
  });
}

const Timeline = ({ spans, label }: { readonly spans: readonly Span[]; readonly label: string }) => (
  <span class="timeline" role="img" aria-label={label}>
    {spans.map(({ state, from, width, words }) => (
      <i
        key={from}
        data-state={state}
        title={words}
        style={{ left: `${from * 100}%`, width: `max(${width * 100}%, ${state === 'closed' ? 0 : 3}px)` }}
      />
    ))}
  </span>
);
