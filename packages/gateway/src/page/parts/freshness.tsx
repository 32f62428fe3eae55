/** Whether what is shown is fresh; if not, since when, and when it is tried again. */
import { useEffect, useState } from 'preact/hooks';
import { useLive } from '../data/hooks.ts';
import { enter } from '../data/session.ts';
import { TokenField } from './act-dialog.tsx';
import { age } from './format.ts';

export function Freshness() {
  const live = useLive();
  const { state, snapshot, seenAt, retryAt } = live;
  const [, again] = useState(0);
  useEffect(() => {
    if (state !== 'lost') return undefined;
    const timer = setInterval(() => again((count) => count + 1), 1_000); // ages grow while nothing comes
    return () => clearInterval(timer);
  }, [state]);
  const draining = state === 'live' && snapshot?.state === 'draining';
  const notReady = state === 'live' && !draining && snapshot !== undefined && snapshot.readiness !== 'ready';
  const shown = draining ? 'draining' : notReady ? 'unready' : state;
  const waitS = Math.max(0, Math.ceil((retryAt - performance.now()) / 1_000));
  const words = {
    connecting: 'connecting …',
    live: 'live',
    locked: 'needs the token',
    draining: 'draining: requests under way may end, no new ones are taken',
    unready: `not ready: ${snapshot?.readiness}`,
    lost: snapshot === undefined ? 'the gateway does not answer' : 'not connected',
  };
  // Read out once, and not again with every second that it lasts.
  const since = state === 'lost' && snapshot !== undefined ? `; last seen ${age(performance.now() - seenAt)} ago` : '';
  return (
    <div class="freshness">
      <p class="status" role="status" data-state={shown}>
        {words[shown]}
        <span aria-hidden="true">{since}</span>
      </p>
      {state === 'lost' ? (
        <button type="button" class="button small" aria-label="try now" onClick={() => live.retryNow()}>
          {waitS > 0 ? `try now (or in ${waitS} s)` : 'trying …'}
        </button>
      ) : null}
    </div>
  );
}

/** Where even reading needs the token. */
export function Locked() {
  const live = useLive();
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState('');
  return (
    <form
      class="panel locked"
      onSubmit={async (event) => {
        event.preventDefault();
        try {
          await enter(token.trim());
          live.retryNow();
        } catch (error) {
          setProblem(error instanceof Error ? error.message : String(error));
        }
      }}
    >
      <h2>This gateway shows itself only to those who have its token</h2>
      <TokenField value={token} set={setToken} />
      <p class="problem" role="alert">
        {problem}
      </p>
      <button type="submit" class="button primary">
        Look
      </button>
    </form>
  );
}
