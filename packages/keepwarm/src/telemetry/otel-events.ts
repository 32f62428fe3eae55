/** What happens to a call between its making and its end, as events on its span. */
import type { Attributes } from '@opentelemetry/api';
import type { AttemptFailed, BreakerOpened, Leased, Observer } from '../core/observer.ts';
import type { Meters } from './otel-meters.ts';
import type { Peers } from './otel-peers.ts';
import type { Traced } from './otel-spans.ts';

/** Calls on their way, by the numbers that facts have. */
export type TracedCalls = ReadonlyMap<number, Traced>;

/** Whose outcome is being judged at this moment: facts about breakers do not say. */
export interface Judged {
  traced: Traced | undefined;
}

/** Waits shorter than this are not worth telling, in ms. */
const WAIT_MS = 1;

/** docs/reference/metrics.md lists them. */
export const EVENTS = [
  'keepwarm.connection.opened',
  'keepwarm.connection.waited',
  'keepwarm.hopped',
  'keepwarm.retry',
  'keepwarm.retry.denied',
  'keepwarm.hedge',
  'keepwarm.hedge.won',
  'keepwarm.limit.wait',
  'keepwarm.limit.refused',
  'keepwarm.limit.paused',
  'keepwarm.breaker.opened',
  'keepwarm.coalesced',
  'keepwarm.cache',
] as const;
type EventName = (typeof EVENTS)[number];

export function socketFacts(peers: Peers, meters: Meters | undefined): Observer {
  return {
    socketOpened: (fact) => peers.opened(fact),
    sessionChanged: (fact) => peers.session(fact),
    socketClosed: (fact) => {
      const peer = peers.closed(fact);
      if (peer !== undefined) meters?.closed(fact, peer.version);
    },
    ...(meters === undefined ? {} : { resolved: (fact) => meters.resolved(fact) }),
  };
}

export function callFacts(calls: TracedCalls, peers: Peers, judged: Judged): Observer {
  const tell = (call: number, name: EventName, attributes: Attributes): void => {
    const traced = calls.get(call);
    if (traced?.recording) traced.span.addEvent(name, attributes);
  };
  return {
    leased: (fact) => {
      const traced = calls.get(fact.call);
      if (traced?.recording) leased(traced, fact, peers);
    },
    hopped: ({ call, hop, error }) => tell(call, 'keepwarm.hopped', { hop, 'error.type': error.code }),
    retried: (fact) =>
      tell(fact.call, 'keepwarm.retry', { attempt: fact.attempt, delay_ms: fact.delayMs, ...whyOf(fact) }),
    retryDenied: (fact) =>
      tell(fact.call, 'keepwarm.retry.denied', { attempt: fact.attempt, reason: fact.reason, ...whyOf(fact) }),
    hedged: ({ call, delayMs }) => tell(call, 'keepwarm.hedge', { delay_ms: delayMs }),
    hedgeWon: ({ call, totalMs }) => tell(call, 'keepwarm.hedge.won', { total_ms: totalMs }),
    rateWaits: ({ call, limit, waiting }) => tell(call, 'keepwarm.limit.wait', { kind: 'rate', limit, waiting }),
    concurrencyWaits: ({ call, limit, waiting }) =>
      tell(call, 'keepwarm.limit.wait', { kind: 'concurrency', limit, waiting }),
    rateRefused: ({ call, limit }) => tell(call, 'keepwarm.limit.refused', { kind: 'rate', limit }),
    concurrencyRefused: ({ call, limit }) => tell(call, 'keepwarm.limit.refused', { kind: 'concurrency', limit }),
    ratePaused: ({ call, limit, pauseMs }) => tell(call, 'keepwarm.limit.paused', { limit, pause_ms: pauseMs }),
    breakerOpened: (fact) => breakerOpened(judged.traced, fact),
    coalesced: ({ call, parties }) => tell(call, 'keepwarm.coalesced', { parties }),
    cacheUsed: ({ call, use }) => tell(call, 'keepwarm.cache', { use }),
  };
}

function leased(traced: Traced, { socketId, waitMs, fresh }: Leased, peers: Peers): void {
  const peer = fresh ? peers.of(socketId) : undefined;
  if (peer !== undefined && peer.at >= traced.startedAt) {
    const { address, dnsMs, tcpMs, tlsMs, tlsResumed } = peer.opened;
    const phases = { dns_ms: dnsMs, tcp_ms: tcpMs, tls_ms: tlsMs, tls_resumed: tlsResumed };
    traced.span.addEvent('keepwarm.connection.opened', { ...phases, 'network.peer.address': address });
  }
  if (waitMs >= WAIT_MS) traced.span.addEvent('keepwarm.connection.waited', { wait_ms: waitMs, fresh });
}

function breakerOpened(traced: Traced | undefined, { breaker, reason, openMs }: BreakerOpened): void {
  if (traced?.recording) traced.span.addEvent('keepwarm.breaker.opened', { breaker, reason, open_ms: openMs });
}

function whyOf({ error, status }: AttemptFailed): Attributes {
  if (error !== undefined) return { 'error.type': error.code };
  return status === undefined ? {} : { 'error.type': String(status) };
}
