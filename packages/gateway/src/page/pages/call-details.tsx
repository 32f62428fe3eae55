/** One call as a waterfall: each phase from where the one before it ended. */
import type { CallPhases, CallTold } from '../../figures/call-told.ts';
import { Details } from '../parts/details.tsx';
import { clock, millis } from '../parts/format.ts';
import { type Fact, Facts } from '../parts/table.tsx';

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

export const CallDetails = ({ call }: { readonly call: CallTold | undefined }) => (
  <Details of={call}>
    {(chosen) => (
      <>
        <h3>
          {chosen.operation ?? chosen.method} to {chosen.upstream}{' '}
          <span class="aside">
            call {chosen.id}, ended {clock(chosen.at)}
          </span>
        </h3>
        <Waterfall call={chosen} />
        <Attempts call={chosen} />
        <Facts of={factsOf(chosen)} />
      </>
    )}
  </Details>
);

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

function factsOf(call: CallTold): readonly Fact[] {
  const { origin, endpoint, error, acted, socketId, reused, section, requestId } = call;
  const facts: Fact[] = [
    ['to', endpoint === undefined ? origin : `${endpoint} (${origin})`],
    ['outcome', outcomeOf(call)],
    ['connection', socketId === 0 ? 'none' : `socket ${socketId}, ${reused ? 'reused' : 'its first call'}`],
    ['policies', acted.length === 0 ? 'none had to act' : acted.join(', ')],
  ];
  if (requestId !== undefined) facts.push(['request id', requestId]);
  if (section !== undefined) facts.push(['section', section]);
  if (call.worker !== undefined) facts.push(['worker', String(call.worker)]);
  if (error !== undefined) facts.push(['how far it got', REACH[error.reach] ?? error.reach]);
  if (error?.phase !== undefined) facts.push(['failed while', error.phase]);
  if (error?.limit !== undefined) facts.push(['limit', error.limit]);
  return facts;
}
