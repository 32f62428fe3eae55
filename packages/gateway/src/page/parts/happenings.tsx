/** What has happened lately, in words, the latest first. */
import type { FeedEvent } from '../../figures/feed.ts';
import { useLive } from '../data/hooks.ts';
import { clock, span, whole } from './format.ts';

const SHOWN = 12;

type Tone = 'bad' | 'good' | 'plain';
type Words = (event: FeedEvent) => readonly [tone: Tone, words: string];

const field = (event: FeedEvent, name: string): string => String(event[name] ?? '');
const ms = (event: FeedEvent, name: string): string => {
  const value = Number(event[name] ?? 0);
  return span(value < 1_000 ? Math.round(value) : Math.round(value / 1_000) * 1_000);
};

/** What failed, as far as an event says it. */
function cause(event: FeedEvent): string {
  const error = event['error'];
  if (typeof error === 'object' && error !== null && 'code' in error) {
    return `: ${'system' in error ? error.system : error.code}`;
  }
  return event['status'] === undefined ? '' : `: status ${event['status']}`;
}

const REASONS: Readonly<Record<string, string>> = {
  consecutive: 'several failures in a row',
  share: 'too many failures',
  silence: 'silence',
  probe: 'its probe failed',
  check: 'its health check failed',
};
const reason = (event: FeedEvent): string => REASONS[field(event, 'reason')] ?? field(event, 'reason');

const WORDS: Readonly<Record<string, Words>> = {
  endpointEjected: (event) => [
    'bad',
    `${field(event, 'endpoint')} is passed over for ${ms(event, 'ejectedMs')}, after ${reason(event)}${cause(event)}`,
  ],
  endpointReadmitted: (event) => [
    'good',
    `${field(event, 'endpoint')} answers again after ${ms(event, 'outMs')}, and gets its calls back little by little`,
  ],
  endpointCordoned: (event) => [
    'plain',
    `${field(event, 'endpoint')} was ${event['cordoned'] === true ? 'cordoned' : 'put back'} by an operator`,
  ],
  endpointLagging: (event) => [
    'bad',
    `${field(event, 'endpoint')} is ${whole(Number(event['lag'] ?? 0))} behind: calls that need the head go elsewhere`,
  ],
  endpointCaughtUp: (event) => ['good', `${field(event, 'endpoint')} keeps up again, after ${ms(event, 'laggedMs')}`],
  breakerOpened: (event) => [
    'bad',
    `nothing is sent to ${field(event, 'breaker')} for ${ms(event, 'openMs')}, after ${reason(event)}${cause(event)}`,
  ],
  breakerHalfOpened: (event) => ['plain', `one call asks whether ${field(event, 'breaker')} is well again`],
  breakerClosed: (event) => [
    'good',
    `calls to ${field(event, 'breaker')} go through again${event['by'] === 'operator' ? ', by an operator' : ''}`,
  ],
  socketOpenFailed: (event) => ['bad', `no connection to ${field(event, 'origin')}${cause(event)}`],
  ratePaused: (event) => ['bad', `it asked for a pause of ${ms(event, 'pauseMs')}${cause(event)}`],
  rateRefused: (event) => ['bad', `the limit ${field(event, 'limit')} did not let a call start`],
  concurrencyRefused: (event) => ['bad', `the concurrency limit of ${field(event, 'limit')} did not let a call start`],
  streamLost: (event) => [
    'bad',
    `a subscription to ${field(event, 'topic')} lost ${field(event, 'endpoint')}; it is resumed`,
  ],
  streamGap: (event) =>
    event['filled'] === true
      ? ['good', `messages of ${field(event, 'topic')} were missed (${field(event, 'reason')}), and had after all`]
      : ['bad', `messages of ${field(event, 'topic')} are missing (${field(event, 'reason')})`],
  workerServes: (event) => ['good', `worker ${field(event, 'worker')} takes calls`],
  workerSilent: (event) => [
    'bad',
    `nothing has been heard of worker ${field(event, 'worker')} for ${ms(event, 'silentMs')}; after ` +
      `${ms(event, 'endsAfterMs')} another takes its place`,
  ],
  workerHeard: (event) => ['good', `worker ${field(event, 'worker')} is there again`],
  workerGone: (event) => [
    'bad',
    `worker ${field(event, 'worker')} is gone (${field(event, 'how')}); another takes its place`,
  ],
  redisLost: (event) => [
    'bad',
    `Redis at ${field(event, 'server')} does not count limits any more (${field(event, 'reason')}): ` +
      (event['onLoss'] === 'local' ? 'its share is all this gateway starts' : 'what is limited waits'),
  ],
  redisBack: (event) => ['good', `Redis counts limits again, after ${ms(event, 'lostMs')}`],
  leakSuspected: (event) => ['bad', `socket ${field(event, 'socketId')} has been lent for ${ms(event, 'heldMs')}`],
  leakRecovered: (event) => ['good', `socket ${field(event, 'socketId')} came back`],
  action: (event) => [
    event['outcome'] === 'done' ? 'plain' : 'bad',
    ['operator:', ...['action', 'upstream', 'endpoint', 'breaker', 'outcome'].map((name) => field(event, name))]
      .filter((word) => word !== '')
      .join(' '),
  ],
  reloaded: () => ['plain', 'the configuration was read again'],
  draining: () => ['bad', 'the gateway takes no new callers'],
  history: (event) => [
    event['state'] === 'on' ? 'good' : 'bad',
    event['state'] === 'on' ? 'figures are kept again' : `figures cannot be kept: ${field(event, 'reason')}`,
  ],
};

/** @param upstream left out for all of them */
export function Happenings({ upstream }: { readonly upstream?: string }) {
  const { events } = useLive();
  const own = events.filter((event) => event.kind in WORDS && (upstream ?? event.upstream) === event.upstream);
  return (
    <section aria-labelledby="happened-title">
      <h2 class="section" id="happened-title">
        What happened
      </h2>
      {own.length === 0 ? (
        <p class="empty panel">
          Nothing out of the ordinary so far: no endpoint out, no breaker open, no limit reached.
        </p>
      ) : (
        <ol class="panel happenings">
          {latest(own).map((said) => (
            <Happening key={said.event.id} said={said} />
          ))}
        </ol>
      )}
    </section>
  );
}

interface Said {
  readonly event: FeedEvent;
  readonly tone: Tone;
  readonly words: string;
  times: number;
  /** When it was first said. */
  since: number;
}

/** The latest first; what an upstream says again and again, with nothing else between, is told once and counted. */
function latest(events: readonly FeedEvent[]): readonly Said[] {
  const shown: Said[] = [];
  const last = new Map<string | undefined, Said>();
  for (const event of events.toReversed()) {
    const [tone, words] = WORDS[event.kind]?.(event) ?? ['plain', event.kind];
    const same = last.get(event.upstream);
    const times = 1 + Number(event.omitted ?? 0);
    if (same?.words === words) {
      same.times += times;
      same.since = event.at;
    } else if (shown.length === SHOWN) {
      break;
    } else {
      const said = { event, tone, words, times, since: event.at };
      shown.push(said);
      last.set(event.upstream, said);
    }
  }
  return shown;
}

function Happening({ said: { event, tone, words, times, since } }: { readonly said: Said }) {
  return (
    <li data-tone={tone}>
      <time dateTime={new Date(event.at).toISOString()}>{clock(event.at)}</time>
      <b>{event.upstream ?? 'gateway'}</b>
      <span>
        {words}
        {times === 1 ? null : (
          <small class="aside">
            {whole(times)} times since {clock(since)}
          </small>
        )}
      </span>
    </li>
  );
}
