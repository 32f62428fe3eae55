/** The frame of every page: where one is, whether what is shown is fresh, and what concerns the gateway as a whole. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ActContext, type Deed, DRAIN, RELOAD } from './data/deeds.ts';
import { useLive } from './data/hooks.ts';
import { PAGES, type Place, pageAt, usePlace } from './data/places.ts';
import { isOperator, leave } from './data/session.ts';
import { CallsPage } from './pages/calls.tsx';
import { GrpcPage } from './pages/grpc.tsx';
import { Overview } from './pages/overview.tsx';
import { SocketsPage } from './pages/sockets.tsx';
import { UpstreamPage, UpstreamsPage } from './pages/upstream.tsx';
import { ActDialog } from './parts/act-dialog.tsx';
import { age } from './parts/format.ts';
import { Freshness, Locked } from './parts/freshness.tsx';
import { Keys } from './parts/keys.tsx';
import { useMenu } from './parts/menu.ts';

export function App() {
  const live = useLive();
  const place = usePlace();
  const [deed, act] = useState<Deed | undefined>(undefined);
  const [said, say] = useState('');
  useEffect(() => {
    if (said === '') return undefined;
    const timer = setTimeout(() => say(''), 8_000);
    return () => clearTimeout(timer);
  }, [said]);
  useEffect(() => {
    document.title = place.page === 'overview' ? 'keepwarm' : `${place.name || place.page} · keepwarm`;
    scrollTo(0, 0);
  }, [place.page, place.name]);
  const { snapshot, state } = live;
  return (
    <ActContext.Provider value={(asked: Deed) => act(asked)}>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        To the content
      </button>
      <Header place={place} act={act} say={say} />
      <main id="main" tabIndex={-1} class={state === 'lost' ? 'stale' : ''}>
        {state === 'locked' ? <Locked /> : snapshot === undefined ? <First /> : <Page place={place} />}
      </main>
      <footer>
        <p>
          Figures are of the last 10 seconds, errors and reuse of the last minute. The same as JSON:{' '}
          <a href="api/stats">/api/stats</a>, <a href="api">/api</a>. <kbd>?</kbd> lists the keys.
        </p>
      </footer>
      <div class="said" role="status">
        {said === '' ? null : <p>{said}</p>}
      </div>
      {deed === undefined ? null : (
        <ActDialog
          key={`${deed.action} ${JSON.stringify(deed.inputs)}`}
          deed={deed}
          close={(outcome) => {
            act(undefined);
            if (outcome !== undefined) say(outcome);
          }}
        />
      )}
      <Keys busy={deed !== undefined} />
    </ActContext.Provider>
  );
}

const First = () => <p class="empty panel">Waiting for the gateway …</p>;

function Page({ place }: { readonly place: Place }): ComponentChildren {
  switch (place.page) {
    case 'upstreams':
      return place.name === '' ? <UpstreamsPage /> : <UpstreamPage key={place.name} name={place.name} />;
    case 'sockets':
      return <SocketsPage />;
    case 'calls':
      return <CallsPage />;
    case 'grpc':
      return <GrpcPage />;
    default:
      return <Overview />;
  }
}

interface HeaderProps {
  readonly place: Place;
  readonly act: (deed: Deed) => void;
  readonly say: (said: string) => void;
}

function Header({ place, act, say }: HeaderProps) {
  const { snapshot, state } = useLive();
  const [, again] = useState(0);
  const menu = useMenu();
  const gone = state !== 'live';
  return (
    <header class="top">
      <h1>
        <img src="icon.svg" alt="" width="26" height="26" />
        keepwarm
      </h1>
      <nav aria-label="Pages">
        {PAGES.map(({ page, label }) => (
          <a key={page} href={pageAt(page)} aria-current={place.page === page ? 'page' : undefined}>
            {label}
          </a>
        ))}
      </nav>
      <Freshness />
      <p class="uptime">{snapshot === undefined || gone ? '' : `up ${age(snapshot.uptimeMs)}`}</p>
      <details class="menu" ref={menu}>
        <summary aria-label="Act on the gateway">⋯</summary>
        <div>
          <button type="button" disabled={gone} onClick={() => act(RELOAD)}>
            Reload the configuration
          </button>
          <button type="button" class="severe" disabled={gone} onClick={() => act(DRAIN)}>
            Drain the gateway
          </button>
          {isOperator() ? (
            <button
              type="button"
              onClick={async () => {
                await leave().catch(() => undefined); // the session is forgotten here in any case
                say('This tab can only look from now on.');
                again((count) => count + 1);
              }}
            >
              Forget the token in this tab
            </button>
          ) : null}
        </div>
      </details>
    </header>
  );
}
