/** The endpoints of a pool of nodes: how each is, and where calls go, second by second. */
import { make, say } from './dom.js';
import { millis, percent, whole } from './format.js';

/** @import { RpcEndpointTold, RpcTold } from '../admin/rpc-told.ts' */

/** Seconds drawn. */
const SECONDS = 120;
/** Seconds over which shares are told. */
const LATELY = 10;

/** What a state is called, and whether it is bad news. @type {Record<string, [words: string, bad: boolean]>} */
const STATES = {
  healthy: ['healthy', false],
  'slow-start': ['coming back', false],
  probing: ['probed', true],
  ejected: ['ejected', true],
  cordoned: ['cordoned', true],
};

/**
 * @param {HTMLElement} place
 * @param {RpcTold} told
 */
export function showEndpoints(place, { endpoints, head }) {
  while (place.childElementCount > endpoints.length) place.lastElementChild?.remove();
  while (place.childElementCount < endpoints.length) place.append(makeRow());
  const largest = Math.max(1, ...endpoints.flatMap(({ trail }) => trail));
  const lately = endpoints.map(({ trail }) => sum(trail.slice(-LATELY)));
  for (const [i, endpoint] of endpoints.entries()) {
    const share = (lately[i] ?? 0) / Math.max(1, sum(lately));
    update(/** @type {HTMLElement} */ (place.children[i]), endpoint, share, largest, head);
  }
}

function makeRow() {
  const parts = ['who', 'how', 'trail', 'share'].map((part) => make('span', part));
  const row = make('div', 'endpoint', ...parts);
  row.querySelector('.trail')?.setAttribute('role', 'img');
  return row;
}

/**
 * @param {HTMLElement} row
 * @param {RpcEndpointTold} endpoint
 * @param {number} share of the traffic, 0…1
 * @param {number} largest count of any second of any endpoint
 * @param {number | undefined} head
 */
function update(row, endpoint, share, largest, head) {
  /** @param {string} part */
  const find = (part) => /** @type {HTMLElement} */ (row.querySelector(`.${part}`));
  const { name, state, latencyMs, freshness, lag, height, trail } = endpoint;
  const [words, bad] = STATES[state] ?? [state, true];
  const behind = freshness === 'lagging' && lag !== undefined;
  const out = bad || behind;
  row.dataset['state'] = out ? 'out' : 'in';
  say(find('who'), name);
  say(find('how'), behind && !bad ? `${whole(lag)} behind` : latencyMs > 0 && !bad ? millis(latencyMs) : words);
  find('how').title = [
    words,
    freshness ?? '',
    height === undefined ? '' : `at ${whole(height)} of ${whole(head ?? height)}`,
  ]
    .filter((part) => part !== '')
    .join(' · ');
  say(find('share'), percent(share));
  drawTrail(find('trail'), trail, largest);
  find('trail').setAttribute('aria-label', `${name}: ${percent(share)} of calls, ${out ? 'not' : ''} in rotation`);
}

/**
 * A bar per second, the last one at the right.
 *
 * @param {HTMLElement} place
 * @param {readonly number[]} trail
 * @param {number} largest
 */
function drawTrail(place, trail, largest) {
  while (place.childElementCount < SECONDS) place.append(make('i'));
  const missing = SECONDS - trail.length;
  for (let i = 0; i < SECONDS; i++) {
    const count = i < missing ? 0 : (trail[i - missing] ?? 0);
    const bar = /** @type {HTMLElement} */ (place.children[i]);
    const height = `${count === 0 ? 0 : Math.max(8, (count / largest) * 100)}%`;
    if (bar.style.height !== height) bar.style.height = height;
  }
}

/** @param {readonly number[]} values */
const sum = (values) => values.reduce((all, value) => all + value, 0);
