/**
 * The status page: asks for a snapshot once a second and shows it. While the gateway cannot be reached the page says
 * so, since when, and greys out what it last knew; it never shows old figures as if they were new.
 */
import { byId, say } from './dom.js';
import { age } from './format.js';
import { forgetColours } from './life-line.js';
import { showOverview } from './overview.js';
import { showSockets, startSockets } from './sockets.js';
import { showUpstreams } from './upstreams.js';

/** @import { Snapshot } from '../admin/snapshot.ts' */

const EVERY_MS = 1_000;
const PATIENCE_MS = 4_000;

/** @type {Snapshot | undefined} */
let latest;
let seenAt = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

function show() {
  if (latest === undefined) return;
  showOverview(latest);
  showUpstreams(latest);
  showSockets(latest);
}

async function refresh() {
  clearTimeout(timer);
  if (!document.hidden) {
    try {
      const response = await fetch('api/stats', { signal: AbortSignal.timeout(PATIENCE_MS) });
      if (!response.ok) throw new Error(`the gateway answered ${response.status}`);
      latest = await response.json();
      seenAt = performance.now();
      show();
      tell(latest?.state === 'draining' ? 'draining' : 'live');
    } catch {
      tell('lost'); // the next try follows; what to say is known
    }
  }
  timer = setTimeout(refresh, EVERY_MS);
}

/** @param {'live' | 'draining' | 'lost'} state */
function tell(state) {
  const status = byId('status');
  status.dataset['state'] = state;
  document.body.classList.toggle('stale', state === 'lost');
  const words = {
    live: 'live',
    draining: 'draining: requests under way may end, no new ones are taken',
    lost:
      latest === undefined
        ? 'the gateway does not answer'
        : `not connected; last seen ${age(performance.now() - seenAt)} ago`,
  };
  say(status, words[state]);
}

startSockets(show);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  forgetColours();
  show();
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) void refresh();
});
void refresh();
