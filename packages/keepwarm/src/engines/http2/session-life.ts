/** How a session came about, and its life as others may see it. */
import type { Clock } from '../../core/clock.ts';
import type { CloseReason, Observer } from '../../core/observer.ts';
import type { Origin } from '../../core/origin.ts';
import type { Dialled } from '../../net/dial.ts';
import type { SocketLife } from '../../net/sockets.ts';
import type { OriginFields } from './request-fields.ts';
import type { Session } from './session.ts';

export interface Birth {
  readonly origin: Origin;
  readonly section: string;
  readonly dialled: Dialled;
  readonly openedAt: number;
  readonly fields: OriginFields;
}

export function lifeAsTold(session: Session, host: { readonly epoch: number; readonly clock: Clock }): SocketLife {
  const { origin, section, dialled, openedAt } = session.birth;
  const { address, dnsMs, tcpMs, tlsMs, tlsResumed, proxy } = dialled;
  const closed = session.closeReason !== undefined;
  const idle = session.place === 'idle';
  const oldest = session.streams.values().next().value;
  const since = closed ? host.clock.now() : idle ? session.idleSince : (oldest?.leasedAt ?? session.idleSince);
  return {
    id: session.id,
    origin: origin.key,
    section,
    address,
    state: closed ? 'closed' : idle ? 'idle' : 'in use',
    openedAtMs: openedAt - host.epoch,
    dnsMs,
    tcpMs,
    tlsMs,
    tlsResumed,
    ...(proxy === undefined ? {} : { proxy }),
    leases: session.leases,
    bytesIn: session.socket.bytesRead,
    bytesOut: session.socket.bytesWritten ?? 0,
    sinceMs: since - host.epoch,
    closeReason: session.closeReason,
    protocol: 'h2',
    streams: session.streams.size,
    rttMs: session.liveness.rttMs,
  };
}

export function tellChanged(session: Session, leaving: boolean, { observer }: { readonly observer: Observer }): void {
  observer.sessionChanged?.({ ...session.fact(), streamsMax: session.slotsMax, leaving });
}

export function tellClosed(
  session: Session,
  reason: CloseReason,
  { clock, observer }: { readonly clock: Clock; readonly observer: Observer },
): void {
  if (observer.socketClosed === undefined) return;
  const { leases, socket, birth } = session;
  const bytes = { bytesIn: socket.bytesRead, bytesOut: socket.bytesWritten ?? 0 };
  observer.socketClosed({ ...session.fact(), reason, ageMs: clock.now() - birth.openedAt, leases, ...bytes });
}
