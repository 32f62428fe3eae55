/** Outside trackers of connections, told in their own words what the observer's facts say. */
import type { Clock } from '../core/clock.ts';
import type { CloseReason, SocketFact } from '../core/observer.ts';
import type { FactListener, FactName, Facts } from './facts.ts';

/** The connection an event is about: its number in `stats().sockets`, not the socket, which stays ours. */
export interface TrackedSocket {
  readonly id: number;
  readonly origin: string;
  readonly section: string;
}

export interface TrackedEvent {
  /** It was opened; lent to a call; came back and is idle; was closed. */
  readonly eventType: 'connect' | 'lease' | 'free' | 'close';
  /** The origin. Path and query may hold secrets and are never told. */
  readonly url: string;
  /** Wall-clock milliseconds since 1970. */
  readonly timestamp: number;
  /** With `lease`: whether the connection had served a call before. */
  readonly reused?: boolean;
  /** With `connect`: name lookup, TCP and TLS together, in ms. */
  readonly openMs?: number;
  /** With `close`: why. */
  readonly reason?: CloseReason;
}

export interface ConnectionTracker {
  trackConnection(socket: TrackedSocket, event: TrackedEvent): void;
}

/** Tells `tracker` from now on. @returns how to stop it */
export function track(facts: Facts, tracker: ConnectionTracker, clock: Clock): () => void {
  const stops: (() => void)[] = [];
  const on = <N extends FactName>(name: N, listener: FactListener<N>): void => {
    facts.on(name, listener);
    stops.push(() => facts.off(name, listener));
  };
  type More = Pick<TrackedEvent, 'reused' | 'openMs' | 'reason'>;
  const tell = (fact: SocketFact, eventType: TrackedEvent['eventType'], more: More = {}): void => {
    const { socketId, origin, section } = fact;
    const event = { eventType, url: origin, timestamp: clock.wall(), ...more };
    tracker.trackConnection({ id: socketId, origin, section }, event);
  };
  on('socketOpened', (fact) => tell(fact, 'connect', { openMs: fact.dnsMs + fact.tcpMs + fact.tlsMs }));
  on('leased', (fact) => tell(fact, 'lease', { reused: !fact.fresh }));
  on('released', (fact) => tell(fact, 'free'));
  on('socketClosed', (fact) => tell(fact, 'close', { reason: fact.reason }));
  return () => {
    for (const stop of stops) stop();
  };
}
