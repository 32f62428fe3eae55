/** One call as a waterfall: each phase from where the one before it ended. */
import type { CallPhases, CallTold } from '../../figures/call-told.ts';
import { clock, millis } from '../parts/format.ts';

/** In the order in which they go. */
export const PHASES: readonly { readonly name: keyof CallPhases; readonly words: string }[] = [
  { name: 'limitMs', words: 'waiting for a limit' },
  { name: 'queueMs', words: 'for a connection' },
  { name: 'dnsMs', words: 'name lookup' },
  { name: 'tcpMs', words: 'TCP' },
  { name: 'tlsMs', words: 'TLS' },
  { name: 'repeatMs', words: 'between attempts' },
  { name: 'upstreamMs', words: 'network and upstream' },
  { name: 'bodyMs', words: 'body' },
];

export const failedOf = ({ error, status }: CallTold): boolean => error !== undefined || (status ?? 0) >= 500;

export function outcomeOf({ error, status }: CallTold): string {
  if (error === undefined) return String(status);
  return error.system === undefined ? error.code : `${error.code} (${error.system})`;
}

export function CallDetails({ call }: { readonly call: CallTold | undefined }) {
  return (
    <aside class="details panel" aria-live="polite" hidden={call === undefined}>
      {call === undefined ? null : (
        <>
          <h3>
            {call.operation ?? call.method} to {call.upstream}{' '}
            <span class="aside">
              call {call.id}, ended {clock(call.at)}
            </span>
          </h3>
          <Waterfall call={call} />
          <Attempts call={call} />
          <dl class="facts">
            {factsOf(call).map(([term, text]) => (
              <div key={term}>
                <dt>{term}</dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        </>
      )}
    </aside>
  );
}

function Waterfall({ call: { phases, totalMs } }: { readonly call: CallTold }) {
  if (phases === undefined) {
    return (
      <p class="note">There were too many calls to follow each from its start: of this one, only its end is known.</p>
    );
  }
  let fromMs = 0;
  return (
    <table class="steps">
      <caption class="unseen">Where the time went</caption>
      <tbody>
        {PHASES.map(({ name, words }) => {
          const ms = phases[name];
          const left = `${(fromMs / Math.max(totalMs, 0.001)) * 100}%`;
          fromMs += ms;
          return (
            <tr key={name} data-none={ms === 0 ? 'true' : undefined}>
              <th scope="row">{words}</th>
              <td class="track-cell">
                {ms > 0 ? (
                  <i class={`phase-${name}`} style={{ left, width: `${(ms / Math.max(totalMs, 0.001)) * 100}%` }} />
                ) : null}
              </td>
              <td class="number">{ms === 0 ? '–' : millis(ms)}</td>
            </tr>
          );
        })}
        <tr class="total">
          <th scope="row">in all</th>
          <td />
          <td class="number">{millis(totalMs)}</td>
        </tr>
      </tbody>
    </table>
  );
}

function Attempts({ call }: { readonly call: CallTold }) {
  if (call.failed.length === 0) return null;
  return (
    <ol class="attempts">
      {call.failed.map(({ attempt, endpoint, status, error, delayMs }) => (
        <li key={attempt}>
          attempt {attempt}
          {endpoint === undefined ? '' : ` at ${endpoint}`}: {error?.code ?? `status ${status}`}, then{' '}
          {delayMs < 1 ? 'at once' : `after ${millis(delayMs)}`}
        </li>
      ))}
      <li>
        attempt {call.attempts}
        {call.endpoint === undefined ? '' : ` at ${call.endpoint}`}: {outcomeOf(call)}
      </li>
    </ol>
  );
}

const REACH: Readonly<Record<string, string>> = {
  unsent: 'nothing was sent: repeating it is safe',
  unknown: 'it may have been processed',
  answered: 'it was answered',
};

function factsOf(call: CallTold): readonly (readonly [term: string, text: string])[] {
  const { origin, endpoint, error, acted, socketId, reused, section } = call;
  const facts: (readonly [string, string])[] = [
    ['to', endpoint === undefined ? origin : `${endpoint} (${origin})`],
    ['outcome', outcomeOf(call)],
    ['connection', socketId === 0 ? 'none' : `socket ${socketId}, ${reused ? 'reused' : 'its first call'}`],
    ['policies', acted.length === 0 ? 'none had to act' : acted.join(', ')],
  ];
  if (section !== undefined) facts.push(['section', section]);
  if (error !== undefined) facts.push(['how far it got', REACH[error.reach] ?? error.reach]);
  if (error?.phase !== undefined) facts.push(['failed while', error.phase]);
  if (error?.limit !== undefined) facts.push(['limit', error.limit]);
  return facts;
}
