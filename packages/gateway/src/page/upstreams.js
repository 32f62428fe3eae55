/** A card per upstream: its pool, place by place, and how its calls fare. */
import { byId, make, say } from './dom.js';
import { showEndpoints } from './endpoints.js';
import { millis, percent, rate, whole } from './format.js';
import { versus } from './overview.js';

/** @import { Snapshot, UpstreamTold } from '../admin/snapshot.ts' */

/** Places drawn one by one; a larger pool is drawn as shares of a bar. */
const PLACES_MAX = 64;

/** @type {Map<string, HTMLElement>} */
const cards = new Map();

/** @param {Snapshot} snapshot */
export function showUpstreams({ upstreams }) {
  const longestMs = Math.max(1, ...upstreams.flatMap(({ cold, warm }) => [cold.p50Ms, warm.p50Ms]));
  for (const upstream of upstreams) {
    let card = cards.get(upstream.name);
    if (card === undefined) {
      card = makeCard(upstream);
      cards.set(upstream.name, card);
      byId('upstreams').append(card);
    }
    update(card, upstream, longestMs);
  }
  for (const [name, card] of cards) {
    if (upstreams.some((upstream) => upstream.name === name)) continue;
    card.remove();
    cards.delete(name);
  }
}

/** @param {UpstreamTold} upstream */
function makeCard({ name, origin, jsonrpc }) {
  const title = make('h3', '', name, make('span', 'origin', origin));
  const middle = jsonrpc === undefined ? 'comparison' : 'endpoints';
  const parts = ['places', 'pool', middle, 'calls'].map((part) => make('div', part));
  return make('article', 'card', title, ...parts);
}

/**
 * @param {HTMLElement} card
 * @param {UpstreamTold} upstream
 * @param {number} longestMs
 */
function update(card, upstream, longestMs) {
  const { pool, callsPerSecond, latency, reuseRatio, failedLately, status5xxLately, jsonrpc } = upstream;
  /** @param {string} part */
  const find = (part) => /** @type {HTMLElement} */ (card.querySelector(`.${part}`));
  showPlaces(find('places'), pool);
  const { inFlight, idle, opening, waiting, saturation } = pool;
  const words = [`${whole(inFlight)} in flight`, `${whole(idle)} idle`];
  if (opening > 0) words.push(`${whole(opening)} opening`);
  words.push(`${whole(waiting)} waiting`, `saturation ${Math.round(saturation * 100)} %`);
  say(find('pool'), listed(words));
  find('pool').classList.toggle('bad', saturation > 1);
  if (jsonrpc === undefined) find('comparison').replaceChildren(versus(upstream, longestMs));
  else showEndpoints(find('endpoints'), jsonrpc);
  const calls = [`${rate(callsPerSecond)} calls/s`];
  if (latency.count > 0) calls.push(`p50 ${millis(latency.p50Ms)}`, `p99 ${millis(latency.p99Ms)}`);
  if (latency.count > 0) calls.push(`${percent(reuseRatio)} reused`);
  if (jsonrpc?.head !== undefined) calls.push(`head ${whole(jsonrpc.head)}`);
  if (failedLately > 0) calls.push(`${whole(failedLately)} failed`);
  if (status5xxLately > 0) calls.push(`${whole(status5xxLately)} × 5xx`);
  say(find('calls'), listed(calls));
}

/**
 * @param {HTMLElement} place
 * @param {UpstreamTold['pool']} pool
 */
function showPlaces(place, { inFlight, idle, opening, waiting, socketsMax }) {
  place.setAttribute('role', 'img');
  place.setAttribute('aria-label', `${inFlight} in flight, ${idle} idle, ${opening} opening, of ${socketsMax} places`);
  const places = Math.min(socketsMax, PLACES_MAX);
  const share = socketsMax === 0 ? 0 : places / socketsMax;
  const kinds = [
    ...repeat('use', Math.ceil(inFlight * share)),
    ...repeat('opening', Math.ceil(opening * share)),
    ...repeat('idle', Math.ceil(idle * share)),
  ].slice(0, places);
  kinds.push(...repeat('free', places - kinds.length), ...repeat('waiting', Math.min(waiting, PLACES_MAX)));
  while (place.childElementCount > kinds.length) place.lastElementChild?.remove();
  while (place.childElementCount < kinds.length) place.append(make('i'));
  for (const [i, kind] of kinds.entries()) {
    const cell = place.children[i];
    if (cell !== undefined && cell.className !== kind) cell.className = kind;
  }
}

/** Items that break between, not within. @param {string[]} items */
const listed = (items) => items.map((item) => item.replaceAll(' ', '\u00a0')).join(' · ');

/**
 * @param {string} kind
 * @param {number} count
 * @returns {string[]}
 */
const repeat = (kind, count) => Array.from({ length: Math.max(count, 0) }, () => kind);
