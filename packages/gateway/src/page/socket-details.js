/** Everything that is known of the socket one has chosen. */
import { byId, make } from './dom.js';
import { age, millis, size, whole } from './format.js';

/** @import { SocketTold } from '../admin/snapshot.ts' */

/** Why a connection ended, in words. @type {Readonly<Record<string, string>>} */
const REASONS = {
  peer: 'the upstream closed it while it was idle',
  reset: 'it was lost under a call, or with a system error',
  idle: 'it had been unused for as long as allowed, or as the upstream promised to keep it',
  age: 'it had reached its age limit and was replaced',
  requests: 'it had served as many calls as one connection may',
  surplus: 'more connections were idle than are kept, or its place was needed',
  reply: 'the upstream asked for it to be closed, or ended a reply with it',
  protocol: 'the upstream broke the protocol or a limit',
  aborted: 'its call was aborted, timed out or was abandoned half-read',
  closing: 'the gateway is closing',
};

/** @param {{ name: string, socket: SocketTold, nowMs: number } | undefined} entry */
export function showDetails(entry) {
  const place = byId('details');
  place.hidden = entry === undefined;
  if (entry === undefined) return place.replaceChildren();
  const { name, socket, nowMs } = entry;
  const { id, origin, address, state, closeReason } = socket;
  const since = age(nowMs - socket.sinceMs);
  const tls = socket.tlsMs === 0 ? 'none' : `${millis(socket.tlsMs)}, ${socket.tlsResumed ? 'resumed' : 'in full'}`;
  const facts = [
    ['to', `${origin} at ${address}`],
    ['opened', `${age(nowMs - socket.openedAtMs)} ago`],
    ['name lookup', millis(socket.dnsMs)],
    ['TCP', millis(socket.tcpMs)],
    ['TLS', tls],
    ['calls served', whole(socket.leases)],
    ['received', size(socket.bytesIn)],
    ['sent', size(socket.bytesOut)],
    closeReason === undefined
      ? [state, `for ${since}`]
      : ['closed', `${since} ago: ${REASONS[closeReason] ?? closeReason}`],
  ];
  const list = make('dl');
  for (const [term, text] of facts)
    list.append(make('div', '', make('dt', '', term ?? ''), make('dd', '', text ?? '')));
  place.replaceChildren(make('h3', '', `${name}, socket ${id}`), list);
}
