/** What sessions and streams need of the engine they run in. */
import type { DueList } from '../../core/due.ts';
import type { Origin } from '../../core/origin.ts';
import type { SocketRegistry } from '../../net/sockets.ts';
import type { Lifetime } from '../../pool/lifetime.ts';
import type { Carrier, Host } from '../http1/host.ts';
import type { SessionOptions } from './options.ts';
import type { OriginSessions } from './origin-sessions.ts';
import type { Run } from './promised.ts';
import type { Session } from './session.ts';
import type { Stream } from './stream.ts';

/** What calls of both protocols share: limits, deadlines, counters, facts. */
type Common = Pick<
  Host,
  'clock' | 'observer' | 'limits' | 'due' | 'turn' | 'counters' | 'epoch' | 'waited' | 'mayHop' | 'hopped'
>;

export interface Http2Host extends Common {
  readonly session: SessionOptions;
  readonly sockets: SocketRegistry<Carrier>;
  readonly lifetime: Lifetime<Session>;
  /** Deadlines of sessions: pings and settings that want an answer. */
  readonly sessionsDue: DueList;
  /** The origin wants HTTP/1.1. @returns whether it may have it */
  http1Required(origin: Origin): boolean;
  /** Who makes the calls of a place whose origin wants HTTP/1.1; nobody else while it does not. */
  elsewhere(place: OriginSessions): Run | undefined;
  /** Has the stream hand its reply over, body to come, at the end of the turn, if that has not come by then. */
  linger(stream: Stream): void;
}
