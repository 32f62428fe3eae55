/**
 * What `/metrics` tells of upstreams that the library does not know: their callers, those who stay, and what these
 * share. An upstream is the label `client`, as in the library's own.
 */
import type { Family } from 'keepwarm/prometheus';
import type { AnyUpstream } from '../data/routes.ts';
import type { GrpcUpstream } from '../grpc/upstream.ts';
import { callersTold } from './callers-told.ts';

type Row = readonly [type: Family['type'], label: string | undefined, help: string];

/** docs/reference/metrics.md repeats this table. */
export const UPSTREAM_METRICS = {
  keepwarm_gateway_unreachable_seconds: ['gauge', 'origin', 'How long no connection to the origin could be opened.'],
  keepwarm_gateway_caller_rate_callers: ['gauge', undefined, 'Callers that callerRate remembers.'],
  keepwarm_gateway_caller_rate_refused_total: ['counter', undefined, 'Requests refused by callerRate.'],
  keepwarm_gateway_sections: ['gauge', undefined, 'Sections of the upstream, including the listed ones.'],
  keepwarm_gateway_sections_opened_total: ['counter', undefined, 'Sections created for a request.'],
  keepwarm_gateway_sections_let_go_total: ['counter', undefined, 'Sections removed because nobody used them.'],
  keepwarm_gateway_sections_common_total: ['counter', undefined, 'Requests served without a section of their own.'],
  keepwarm_gateway_sections_refused_total: ['counter', undefined, 'Requests refused because of the section they name.'],
  keepwarm_gateway_upgrades: ['gauge', undefined, 'Open upgraded connections, such as WebSockets.'],
  keepwarm_gateway_upgrades_opened_total: ['counter', undefined, 'Upgraded connections opened.'],
  keepwarm_gateway_upgrades_refused_total: ['counter', undefined, 'Upgrades refused because there were too many.'],
  keepwarm_gateway_upgraded_bytes_total: ['counter', 'direction', 'Bytes through upgraded connections.'],
  keepwarm_gateway_websocket_callers: ['gauge', undefined, 'Open WebSocket connections from callers.'],
  keepwarm_gateway_websocket_callers_opened_total: ['counter', undefined, 'WebSocket connections from callers opened.'],
  keepwarm_gateway_websocket_callers_refused_total: [
    'counter',
    undefined,
    'WebSocket connections refused because there were too many.',
  ],
  keepwarm_gateway_websocket_callers_slow_total: [
    'counter',
    undefined,
    'WebSocket connections closed because the caller read too slowly.',
  ],
  keepwarm_gateway_websocket_subscriptions: ['gauge', undefined, 'Subscriptions of callers.'],
  keepwarm_gateway_websocket_calls_in_flight: ['gauge', undefined, 'Calls over WebSocket in flight.'],
  keepwarm_gateway_websocket_calls_total: [
    'counter',
    undefined,
    'Messages from callers over WebSocket; a batch counts once.',
  ],
  keepwarm_gateway_websocket_notifications_total: ['counter', undefined, 'Notifications for subscriptions of callers.'],
  keepwarm_gateway_websocket_gaps_total: ['counter', undefined, 'Gaps in subscriptions of callers.'],
  keepwarm_gateway_subscriptions: [
    'gauge',
    undefined,
    'Subscriptions at nodes; identical ones of several callers are one.',
  ],
  keepwarm_gateway_subscriptions_opened_total: ['counter', undefined, 'Subscriptions at nodes opened.'],
  keepwarm_gateway_subscriptions_resumed_total: ['counter', undefined, 'Subscriptions at nodes resumed after a loss.'],
  keepwarm_gateway_subscriptions_lost_total: ['counter', undefined, 'Subscriptions at nodes lost.'],
  keepwarm_gateway_subscription_gaps_total: [
    'counter',
    'filled',
    'Gaps in subscriptions at nodes, by whether they were filled.',
  ],
  keepwarm_gateway_subscription_connections: ['gauge', 'endpoint', 'WebSocket connections to the node.'],
  keepwarm_gateway_grpc_callers: ['gauge', undefined, 'Connections from gRPC callers.'],
  keepwarm_gateway_grpc_calls_in_flight: ['gauge', undefined, 'Calls from gRPC callers in flight.'],
  keepwarm_gateway_grpc_calls_total: ['counter', undefined, 'Calls from gRPC callers.'],
  keepwarm_gateway_grpc_calls_refused_total: ['counter', undefined, 'gRPC calls refused: not gRPC, or no known token.'],
  keepwarm_gateway_grpc_monitors: ['gauge', undefined, 'Monitors that share streams.'],
  keepwarm_gateway_grpc_streams: ['gauge', undefined, 'Upstream streams that monitors share.'],
  keepwarm_gateway_grpc_gaps_total: ['counter', undefined, 'Gaps in shared streams.'],
  keepwarm_gateway_grpc_drops_total: ['counter', undefined, 'Messages dropped because a monitor was too slow.'],
} as const satisfies Readonly<Record<string, Row>>;

type Name = keyof typeof UPSTREAM_METRICS;

/** A value; or several, by the value of the metric's label. */
type Values = Partial<Record<Name, number | Readonly<Record<string, number>>>>;

/** Those of something that is not there, such as callers by gRPC of an upstream that speaks none, are not told. */
export function upstreamFamilies(upstreams: readonly AnyUpstream[], grpc: readonly GrpcUpstream[]): Family[] {
  const told = [
    ...upstreams.map((upstream) => [upstream.name, ofUpstream(upstream)] as const),
    ...grpc.map((upstream) => [upstream.name, ofGrpc(upstream)] as const),
  ];
  return (Object.keys(UPSTREAM_METRICS) as Name[]).map((name) => {
    const [type, label, help] = UPSTREAM_METRICS[name];
    const samples = told.flatMap(([client, values]) => {
      const value = values[name];
      if (value === undefined) return [];
      if (typeof value === 'number') return [{ labels: { client }, value }];
      return Object.entries(value).map(([each, one]) => ({ labels: { client, [label ?? '']: each }, value: one }));
    });
    return { name, type, help, samples };
  });
}

function ofUpstream(upstream: AnyUpstream): Values {
  const { callerRate, sections, upgrades, websocket, subscriptions } = callersTold(upstream);
  const lost = upstream.book.lost();
  return {
    ...(lost.length > 0 && {
      keepwarm_gateway_unreachable_seconds: Object.fromEntries(lost.map(([origin, ms]) => [origin, ms / 1_000])),
    }),
    ...(sections && {
      keepwarm_gateway_sections: sections.open,
      keepwarm_gateway_sections_opened_total: sections.opened,
      keepwarm_gateway_sections_let_go_total: sections.letGo,
      keepwarm_gateway_sections_common_total: sections.common,
      keepwarm_gateway_sections_refused_total: sections.refused,
    }),
    ...(callerRate && {
      keepwarm_gateway_caller_rate_callers: callerRate.callers,
      keepwarm_gateway_caller_rate_refused_total: callerRate.refused,
    }),
    ...(upgrades && {
      keepwarm_gateway_upgrades: upgrades.open,
      keepwarm_gateway_upgrades_opened_total: upgrades.opened,
      keepwarm_gateway_upgrades_refused_total: upgrades.refused,
      keepwarm_gateway_upgraded_bytes_total: { up: upgrades.bytesUp, down: upgrades.bytesDown },
    }),
    ...(websocket && {
      keepwarm_gateway_websocket_callers: websocket.open,
      keepwarm_gateway_websocket_callers_opened_total: websocket.opened,
      keepwarm_gateway_websocket_callers_refused_total: websocket.refused,
      keepwarm_gateway_websocket_callers_slow_total: websocket.slow,
      keepwarm_gateway_websocket_subscriptions: websocket.subscriptions,
      keepwarm_gateway_websocket_calls_in_flight: websocket.inFlight,
      keepwarm_gateway_websocket_calls_total: websocket.calls,
      keepwarm_gateway_websocket_notifications_total: websocket.notifications,
      keepwarm_gateway_websocket_gaps_total: websocket.gaps,
    }),
    ...(subscriptions && {
      keepwarm_gateway_subscriptions: subscriptions.topics,
      keepwarm_gateway_subscriptions_opened_total: subscriptions.opened,
      keepwarm_gateway_subscriptions_resumed_total: subscriptions.resumed,
      keepwarm_gateway_subscriptions_lost_total: subscriptions.lost,
      keepwarm_gateway_subscription_gaps_total: { yes: subscriptions.gapsFilled, no: subscriptions.gapsLeft },
      keepwarm_gateway_subscription_connections: Object.fromEntries(
        subscriptions.endpoints.map(({ name, connections }) => [name, connections]),
      ),
    }),
  };
}

function ofGrpc(upstream: GrpcUpstream): Values {
  const { callers, multiplexer } = upstream.told();
  return {
    keepwarm_gateway_grpc_callers: callers.open,
    keepwarm_gateway_grpc_calls_in_flight: callers.inFlight,
    keepwarm_gateway_grpc_calls_total: callers.calls,
    keepwarm_gateway_grpc_calls_refused_total: callers.refused,
    ...(multiplexer && {
      keepwarm_gateway_grpc_monitors: multiplexer.monitors.length,
      keepwarm_gateway_grpc_streams: multiplexer.streams.length,
      keepwarm_gateway_grpc_gaps_total: multiplexer.gaps,
      keepwarm_gateway_grpc_drops_total: multiplexer.drops,
    }),
  };
}
