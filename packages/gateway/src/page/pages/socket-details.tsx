/** Everything that is known of the socket one has chosen. */
import type { SocketOfUpstream } from '../../admin/sockets.ts';
import { Details } from '../parts/details.tsx';
import { age, byWorker, millis, size, whole } from '../parts/format.ts';
import { type Fact, Facts } from '../parts/table.tsx';

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

export const SocketDetails = ({ socket }: { readonly socket: SocketOfUpstream | undefined }) => (
  <Details of={socket}>
    {(chosen) => (
      <>
        <h3>
          {chosen.upstream}, socket {chosen.id}
          {byWorker(chosen.worker)}
        </h3>
        <Facts of={factsOf(chosen)} />
      </>
    )}
  </Details>
);

function factsOf(socket: SocketOfUpstream): readonly Fact[] {
  const { origin, address, state, closeReason, protocol, streams, rttMs, nowMs, tlsMs, tlsResumed, proxy } = socket;
  const since = age(nowMs - socket.sinceMs);
  const facts: Fact[] = [
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
