/**
 * Every socket as a line of life. Only rows in view exist, so that two thousand sockets cost no more than twenty; a row
 * that stays in view keeps its elements, so that nothing flickers.
 */
import { byId, make, say } from './dom.js';
import { age, millis, whole } from './format.js';
import { drawLife } from './life-line.js';
import { showDetails } from './socket-details.js';

/** @import { Snapshot, SocketTold, UpstreamTold } from '../admin/snapshot.ts' */
/** @typedef {{ key: string, name: string, socket: SocketTold, nowMs: number, slotMs: number }} Entry */

/** Rows made above and below what is in view. */
const MARGIN_ROWS = 4;

/** @type {Entry[]} */
let entries = [];
let show = 'all';
let selected = '';
let openingMax = 100;
/** @type {Map<string, HTMLElement>} */
const rows = new Map();

/** @param {Snapshot} snapshot */
export function showSockets({ upstreams, trailSlotMs }) {
  const live = upstreams.flatMap((upstream) =>
    upstream.sockets.live.map((socket) => entry(upstream, socket, trailSlotMs)),
  );
  const gone = upstreams.flatMap((upstream) =>
    upstream.sockets.history.map((socket) => entry(upstream, socket, trailSlotMs)),
  );
  // The oldest first: a new one joins below and moves nobody.
  live.sort((a, b) => b.nowMs - b.socket.openedAtMs - (a.nowMs - a.socket.openedAtMs));
  gone.sort((a, b) => a.nowMs - a.socket.sinceMs - (b.nowMs - b.socket.sinceMs));
  const all = [...live, ...gone];
  entries = show === 'all' ? all : all.filter(({ socket }) => socket.state === show);
  openingMax = roundScale(Math.max(1, ...all.map(({ socket }) => openingOf(socket))));
  say(byId('opening-scale'), `opening, 0 to ${millis(openingMax)}`);
  const closed = upstreams.reduce((sum, { sockets }) => sum + sockets.closed, 0);
  const open = upstreams.reduce((sum, { sockets }) => sum + sockets.open, 0);
  say(byId('sockets-count'), `${whole(open)} open, ${whole(closed)} closed since the start`);
  const empty = byId('no-sockets');
  empty.hidden = entries.length > 0;
  say(empty, show === 'all' ? 'No connection has been opened yet.' : `No socket is ${show} right now.`);
  render();
}

/**
 * @param {UpstreamTold} upstream
 * @param {SocketTold} socket
 * @param {number} slotMs
 * @returns {Entry}
 */
const entry = ({ name, uptimeMs }, socket, slotMs) => ({
  key: `${name}-${socket.id}`,
  name,
  socket,
  nowMs: uptimeMs,
  slotMs,
});

/** @param {SocketTold} socket */
const openingOf = ({ dnsMs, tcpMs, tlsMs }) => dnsMs + tcpMs + tlsMs;

/** The next of 1, 2, 5, 10, … so that the scale does not change with every socket. @param {number} ms */
function roundScale(ms) {
  const power = 10 ** Math.floor(Math.log10(ms));
  return power * (ms <= power ? 1 : ms <= 2 * power ? 2 : ms <= 5 * power ? 5 : 10);
}

function render() {
  const scroller = byId('scroller');
  const list = byId('rows');
  const rowPx = Number.parseFloat(getComputedStyle(scroller).getPropertyValue('--row'));
  list.style.height = `${entries.length * rowPx}px`;
  const first = Math.max(0, Math.floor(scroller.scrollTop / rowPx) - MARGIN_ROWS);
  const last = Math.min(entries.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / rowPx) + MARGIN_ROWS);
  const inView = new Set(entries.slice(first, last).map(({ key }) => key));
  for (const [key, row] of rows) {
    if (inView.has(key)) continue;
    row.remove();
    rows.delete(key);
  }
  for (let i = first; i < last; i++) {
    const each = /** @type {Entry} */ (entries[i]);
    let row = rows.get(each.key);
    if (row === undefined) {
      row = makeRow(each.key);
      rows.set(each.key, row);
      list.append(row);
    }
    row.style.transform = `translateY(${i * rowPx}px)`;
    row.setAttribute('aria-posinset', String(i + 1));
    row.setAttribute('aria-setsize', String(entries.length));
    update(row, each);
  }
  scroller.setAttribute('aria-activedescendant', rows.has(selected) ? `row-${selected}` : '');
  showDetails(entries.find(({ key }) => key === selected));
}

/** @param {string} key */
function makeRow(key) {
  const opening = make('span', 'opening', make('i', 'dns'), make('i', 'tcp'), make('i', 'tls'));
  const life = make('span', 'life', make('canvas'));
  const texts = ['name', 'state'].map((name) => make('span', name));
  const row = make('div', 'row', ...texts, opening, life, make('span', 'number calls'), make('span', 'number age'));
  row.id = `row-${key}`;
  row.setAttribute('role', 'option');
  row.addEventListener('click', () => select(selected === key ? '' : key));
  return row;
}

/**
 * @param {HTMLElement} row
 * @param {Entry} entry
 */
function update(row, { key, name, socket, nowMs, slotMs }) {
  const [nameCell, stateCell, opening, life, calls, ageCell] = row.children;
  if (!nameCell || !stateCell || !opening || !life || !calls || !ageCell) return;
  const closed = socket.state === 'closed';
  const ageMs = (closed ? socket.sinceMs : nowMs) - socket.openedAtMs;
  row.dataset['state'] = socket.state;
  row.setAttribute('aria-selected', String(key === selected));
  say(nameCell, `${name} ${socket.id}`);
  say(stateCell, closed ? `closed: ${socket.closeReason}` : socket.state);
  say(calls, whole(socket.leases));
  say(ageCell, age(ageMs));
  const phases = [socket.dnsMs, socket.tcpMs, socket.tlsMs];
  for (const [i, ms] of phases.entries()) {
    /** @type {HTMLElement} */ (opening.children[i]).style.width = `${(ms / openingMax) * 100}%`;
  }
  /** @type {HTMLElement} */ (opening).title =
    `lookup ${millis(socket.dnsMs)}, TCP ${millis(socket.tcpMs)}, TLS ${millis(socket.tlsMs)}`;
  row.setAttribute(
    'aria-label',
    `socket ${socket.id} of ${name}, ${stateCell.textContent}, opened in ${millis(openingOf(socket))}, ` +
      `${socket.leases} calls, age ${age(ageMs)}`,
  );
  drawLife(/** @type {HTMLCanvasElement} */ (life.firstElementChild), {
    openedAgoMs: nowMs - socket.openedAtMs,
    closedAgoMs: closed ? nowMs - socket.sinceMs : undefined,
    openingMs: openingOf(socket),
    trail: socket.trail,
    slotMs,
  });
}

/** @param {string} key */
function select(key) {
  selected = key;
  render();
}

/** @param {number} step */
function move(step) {
  const at = entries.findIndex(({ key }) => key === selected);
  const to = at < 0 ? 0 : Math.min(Math.max(at + step, 0), entries.length - 1);
  const target = entries[to];
  if (target === undefined) return;
  const scroller = byId('scroller');
  const rowPx = Number.parseFloat(getComputedStyle(scroller).getPropertyValue('--row'));
  const top = Math.min(scroller.scrollTop, to * rowPx);
  scroller.scrollTop = Math.max(top, (to + 1) * rowPx - scroller.clientHeight);
  select(target.key);
}

/** Wires scrolling, keys and filters; `again` shows the latest snapshot anew. @param {() => void} again */
export function startSockets(again) {
  const scroller = byId('scroller');
  scroller.addEventListener('scroll', render, { passive: true });
  addEventListener('resize', render);
  scroller.addEventListener('keydown', (event) => {
    const page = Math.max(1, Math.floor(scroller.clientHeight / 40));
    const steps = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -entries.length,
      End: entries.length,
    };
    const step = /** @type {Record<string, number>} */ (steps)[event.key];
    if (step !== undefined) move(step);
    else if (event.key === 'Escape') select('');
    else return;
    event.preventDefault();
  });
  byId('filters').addEventListener('click', ({ target }) => {
    if (!(target instanceof HTMLButtonElement)) return;
    show = target.dataset['show'] ?? 'all';
    for (const button of byId('filters').children) button.setAttribute('aria-pressed', String(button === target));
    scroller.scrollTop = 0;
    again();
  });
}
