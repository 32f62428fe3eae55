/** What is told of an upstream's callers: how often they were refused for asking too often, and those who stay. */
import type { CallerRate } from '../data/caller-rate.ts';
import type { AnyUpstream } from '../data/routes.ts';
import type { SectionsTold } from '../data/sections.ts';
import type { TunnelsTold } from '../data/tunnels.ts';
import type { CallersTold } from '../websocket/callers.ts';
import type { SharedTold } from '../websocket/shared-subscriptions.ts';

export interface UpstreamCallersTold {
  /** Of one with the limit `callerRate`: callers remembered, requests refused. */
  readonly callerRate?: ReturnType<CallerRate['stats']>;
  /** Of one that has sections; each of them is told of as an upstream, by its name behind this one's and a slash. */
  readonly sections?: SectionsTold;
  /** Of one that is an origin: connections that became something else, such as WebSockets. */
  readonly upgrades?: TunnelsTold;
  /** Of a pool of JSON-RPC nodes: callers by WebSocket. */
  readonly websocket?: CallersTold;
  /** And what they share at its nodes. */
  readonly subscriptions?: SharedTold;
}

export function callersTold(upstream: AnyUpstream): UpstreamCallersTold {
  const { callerRate } = upstream;
  const sections = 'rpc' in upstream ? undefined : upstream.sections?.stats();
  return {
    ...(callerRate === undefined ? {} : { callerRate: callerRate.stats() }),
    ...(sections && { sections }),
    ...('rpc' in upstream
      ? { websocket: upstream.callers.stats(), subscriptions: upstream.subscriptions.told() }
      : { upgrades: upstream.tunnels.stats() }),
  };
}
