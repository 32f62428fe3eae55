/** Everything that is known of the socket one has chosen. */
import type { SocketOfUpstream } from '../../admin/sockets.ts';
import { age, millis, size, whole } from '../parts/format.ts';

/** Why a connection ended, in words. */
const REASONS: Readonly<Record<string, string>> = {
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

export function SocketDetails({ socket }: { readonly socket: SocketOfUpstream | undefined }) {
  return (
    <aside class="details panel" aria-live="polite" hidden={socket === undefined}>
      {socket === undefined ? null : (
        <>
          <h3>
            {socket.upstream}, socket {socket.id}
          </h3>
          <dl class="facts">
            {factsOf(socket).map(([term, text]) => (
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

function factsOf(socket: SocketOfUpstream): readonly (readonly [term: string, text: string])[] {
  const { origin, address, state, closeReason, protocol, streams, rttMs, nowMs, tlsMs, tlsResumed, proxy } = socket;
  const since = age(nowMs - socket.sinceMs);
  const facts: (readonly [string, string])[] = [
    ['to', `${origin} at ${address}`],
    ['opened', `${age(nowMs - socket.openedAtMs)} ago`],
    ['name lookup', millis(socket.dnsMs)],
    ['TCP', millis(socket.tcpMs)],
    ['TLS', tlsMs === 0 ? 'none' : `${millis(tlsMs)}, ${tlsResumed ? 'resumed' : 'in full'}`],
    ['calls served', whole(socket.leases)],
    ['received', size(socket.bytesIn)],
    ['sent', size(socket.bytesOut)],
  ];
  if (protocol !== undefined) facts.push(['protocol', protocol]);
  if (streams !== undefined) facts.push(['streams', String(streams)]);
  if (rttMs !== undefined) facts.push(['round trip', millis(rttMs)]);
  if (proxy !== undefined) facts.push(['through', proxy]);
  facts.push(
    closeReason === undefined
      ? [state, `for ${since}`]
      : ['closed', `${since} ago: ${REASONS[closeReason] ?? closeReason}`],
  );
  return facts;
}
