/**
 * Sets that stand in the code and again on a page, and must be equal: nothing undocumented, nothing made up.
 *
 * To keep another page honest, add one entry: `code` lists the names as the program has them, `page` and `heading` say
 * which table repeats them, one row each, the name first and in backticks. With `columns: 2` the second cell, also in
 * backticks, is compared as well, so that a default cannot change behind its page. `scripts/test/docs.test.ts` does the
 * rest.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACTIONS } from '../../packages/gateway/src/admin/actions.ts';
import { Readers } from '../../packages/gateway/src/admin/events.ts';
import { GATEWAY_METRICS } from '../../packages/gateway/src/admin/metrics.ts';
import { adminRoutes } from '../../packages/gateway/src/admin/routes.ts';
import { ACCESS_NAMES } from '../../packages/gateway/src/config/access.ts';
import { GRPC_UPSTREAM_NAMES } from '../../packages/gateway/src/config/grpc-upstream.ts';
import { HISTORY_DEFAULTS } from '../../packages/gateway/src/config/history.ts';
import { LOGS_DEFAULTS } from '../../packages/gateway/src/config/logs.ts';
import { GRADE_REASONS } from '../../packages/gateway/src/mcp/grade.ts';
import { ACTION_TOOLS, TOOLS } from '../../packages/gateway/src/mcp/server.ts';
import { evm } from '../../packages/keepwarm/src/adapters/evm/index.ts';
import { FLEET_DEFAULTS } from '../../packages/keepwarm/src/adapters/redis/options.ts';
import { REDIS_RATE_DEFAULTS } from '../../packages/keepwarm/src/adapters/redis/start-options.ts';
import { solana } from '../../packages/keepwarm/src/adapters/solana/index.ts';
import { MULTIPLEXER_OPTIONS } from '../../packages/keepwarm/src/adapters/yellowstone/mux/options.ts';
import { YELLOWSTONE_OPTIONS } from '../../packages/keepwarm/src/adapters/yellowstone/options.ts';
import { BALANCE_DEFAULTS, HEALTH_CHECK_DEFAULTS } from '../../packages/keepwarm/src/balance/options.ts';
import { OPTION_NAMES } from '../../packages/keepwarm/src/clients/client-options.ts';
import { CORE_OPTIONS } from '../../packages/keepwarm/src/clients/env.ts';
import { FACTS } from '../../packages/keepwarm/src/clients/facts.ts';
import { GRPC_CALL_NAMES, GRPC_OPTION_NAMES, GRPC_OPTIONS } from '../../packages/keepwarm/src/clients/grpc/options.ts';
import { GRPC_POOL_VARIABLES } from '../../packages/keepwarm/src/clients/grpc/pool-env.ts';
import { GRPC_LEASE_NAMES } from '../../packages/keepwarm/src/clients/grpc/pool-lease-options.ts';
import { GRPC_POOL_NAMES, GRPC_POOL_OPTIONS } from '../../packages/keepwarm/src/clients/grpc/pool-options.ts';
import { HTTP_OPTIONS } from '../../packages/keepwarm/src/clients/http-client.ts';
import { FRESHNESS_DEFAULTS } from '../../packages/keepwarm/src/clients/jsonrpc/freshness-options.ts';
import {
  BATCHING_DEFAULTS,
  RPC_CACHE_DEFAULTS,
  RPC_CALL_NAMES,
  RPC_ENDPOINT_NAMES,
  RPC_OPTION_NAMES,
} from '../../packages/keepwarm/src/clients/jsonrpc/options.ts';
import { SUBSCRIPTION_DEFAULTS } from '../../packages/keepwarm/src/clients/jsonrpc/subscribe-options.ts';
import { OPTIONS } from '../../packages/keepwarm/src/clients/options.ts';
import { ConnectionPoolCore } from '../../packages/keepwarm/src/clients/pool-core.ts';
import { TLS_OPTIONS } from '../../packages/keepwarm/src/clients/tls-options.ts';
import { CODES } from '../../packages/keepwarm/src/core/error.ts';
import { WEBSOCKET_DEFAULTS } from '../../packages/keepwarm/src/engines/websocket/options.ts';
import { RATE_DEFAULTS } from '../../packages/keepwarm/src/policies/rate-options.ts';
import { SHARE_DEFAULTS } from '../../packages/keepwarm/src/policies/share.ts';
import { CONNECTION_CAP_DEFAULTS } from '../../packages/keepwarm/src/pool/connection-cap.ts';
import { CONNECTION_RATE_DEFAULTS } from '../../packages/keepwarm/src/pool/connection-rate.ts';
import { STREAM_RATE_DEFAULTS } from '../../packages/keepwarm/src/pool/stream-rate.ts';
import { METRIC_NAMES, METRICS } from '../../packages/keepwarm/src/telemetry/catalog.ts';
import { OPEN_TELEMETRY_DEFAULTS } from '../../packages/keepwarm/src/telemetry/otel.ts';
import { OTEL_GAUGES } from '../../packages/keepwarm/src/telemetry/otel-collect.ts';
import { EVENTS } from '../../packages/keepwarm/src/telemetry/otel-events.ts';
import { OTEL_HISTOGRAMS } from '../../packages/keepwarm/src/telemetry/otel-meters.ts';
import { PROMETHEUS_DEFAULTS } from '../../packages/keepwarm/src/telemetry/prometheus.ts';
import { GEYSER_DEFAULTS, GEYSER_OPTION_NAMES } from '../../packages/keepwarm/src/testing/geyser/options.ts';
import { STATUS } from '../../packages/keepwarm/src/wire/grpc/status.ts';
import { root } from '../check.ts';
import { FLOORS } from '../tidy/floors.ts';
import { namesUnder } from './markdown.ts';

export interface Pair {
  readonly what: string;
  code(): Iterable<string>;
  readonly page: string;
  /** The heading as it is written, with its `#`. */
  readonly heading: string;
  /** How many cells of a row are compared, when it is not just the name. */
  readonly columns?: number;
}

export const PAIRS: readonly Pair[] = [
  { what: 'error codes', code: () => Object.keys(CODES), page: 'docs/reference/errors.md', heading: '## Codes' },
  {
    what: 'floors of the library',
    code: () => FLOORS.flat().map((folder) => `${folder}/`),
    page: 'ARCHITECTURE.md',
    heading: '## Floors of the library',
  },
  {
    what: 'options and their defaults',
    code: () => Object.entries(OPTIONS).flatMap(([group, options]) => optionsWithDefaults(group, options)),
    page: 'docs/reference/options.md',
    heading: '## Numbers and choices',
    columns: 2,
  },
  {
    what: 'options of tls',
    code: () => Object.keys(TLS_OPTIONS).map((name) => `tls.${name}`),
    page: 'docs/reference/options.md',
    heading: '## TLS',
  },
  {
    what: 'options that are neither number nor choice',
    code: () => [
      ...Object.entries(OPTION_NAMES).flatMap(([name, other]) => (other ? [name] : [])),
      'dns.resolver',
      'dns.lookup',
    ],
    page: 'docs/reference/options.md',
    heading: '## The rest',
  },
  {
    what: 'options of rate limits and their defaults',
    code: () => optionsWithDefaults('call', asOptions(RATE_DEFAULTS)),
    page: 'docs/reference/limits.md',
    heading: '## All limits together',
    columns: 2,
  },
  {
    what: 'options of the rate limits of a fleet',
    code: () => ['client', 'name', ...Object.keys(FLEET_DEFAULTS)],
    page: 'docs/reference/limits.md',
    heading: '## A fleet',
  },
  { what: 'facts for observers', code: () => FACTS, page: 'docs/reference/observer.md', heading: '## Facts' },
  {
    what: 'options of endpoint sets',
    code: () => optionsWithDefaults('call', asOptions(BALANCE_DEFAULTS)),
    page: 'docs/reference/balance.md',
    heading: '## Options of a set',
    columns: 2,
  },
  {
    what: 'options of health checks',
    code: () => optionsWithDefaults('call', asOptions(HEALTH_CHECK_DEFAULTS)),
    page: 'docs/reference/balance.md',
    heading: '## Options of health checks',
    columns: 2,
  },
  {
    what: 'options of createRpc',
    code: () => RPC_OPTION_NAMES,
    page: 'docs/reference/jsonrpc.md',
    heading: '## Options',
  },
  {
    what: 'options of the endpoints of createRpc',
    code: () => RPC_ENDPOINT_NAMES,
    page: 'docs/reference/jsonrpc.md',
    heading: '## Endpoints',
  },
  {
    what: 'options of one JSON-RPC call',
    code: () => RPC_CALL_NAMES,
    page: 'docs/reference/jsonrpc.md',
    heading: '## Options of a call',
  },
  {
    what: 'numbers of createRpc and their defaults',
    code: () => [
      ...optionsWithDefaults('batching', asOptions(BATCHING_DEFAULTS)),
      ...optionsWithDefaults('cache', asOptions(RPC_CACHE_DEFAULTS)),
      ...optionsWithDefaults('freshness', asOptions(FRESHNESS_DEFAULTS)),
    ],
    page: 'docs/reference/jsonrpc.md',
    heading: '## Numbers',
    columns: 2,
  },
  { what: 'options of gRPC', code: () => GRPC_OPTION_NAMES, page: 'docs/reference/grpc.md', heading: '## Options' },
  {
    what: 'numbers and choices of gRPC, and their defaults',
    code: () => optionsWithDefaults('call', GRPC_OPTIONS),
    page: 'docs/reference/grpc.md',
    heading: '## Numbers and choices',
    columns: 2,
  },
  {
    what: 'options of the limit on opening connections, and their defaults',
    code: () => optionsWithDefaults('connectionRate', asOptions(CONNECTION_RATE_DEFAULTS)),
    page: 'docs/reference/grpc.md',
    heading: '## Limit on opening connections',
    columns: 2,
  },
  {
    what: 'options of redisConnectionRate and their defaults',
    code: () => optionsWithDefaults('call', asOptions(REDIS_RATE_DEFAULTS)),
    page: 'docs/guide/connection-rate.md',
    heading: '## A fleet',
    columns: 2,
  },
  {
    what: 'options of createConnectionCap and their defaults',
    code: () => optionsWithDefaults('call', asOptions(CONNECTION_CAP_DEFAULTS)),
    page: 'docs/guide/connection-rate.md',
    heading: '### Connections at once',
    columns: 2,
  },
  {
    what: 'options of createStreamRate and their defaults',
    code: () => optionsWithDefaults('call', asOptions(STREAM_RATE_DEFAULTS)),
    page: 'docs/guide/connection-rate.md',
    heading: '### Streams in a window',
    columns: 2,
  },
  {
    what: 'options of one call of gRPC',
    code: () => GRPC_CALL_NAMES,
    page: 'docs/reference/grpc.md',
    heading: '## Options of a call',
  },
  {
    what: 'options of the gRPC pool',
    code: () => GRPC_POOL_NAMES,
    page: 'docs/reference/grpc-pool.md',
    heading: '## Options',
  },
  {
    what: 'numbers of the gRPC pool, and their defaults',
    code: () => optionsWithDefaults('call', GRPC_POOL_OPTIONS),
    page: 'docs/reference/grpc-pool.md',
    heading: '## Numbers',
    columns: 2,
  },
  {
    what: 'options of a lease of the gRPC pool',
    code: () => GRPC_LEASE_NAMES,
    page: 'docs/reference/grpc-pool.md',
    heading: '## Options of a lease',
  },
  {
    what: 'environment variables of the gRPC pool, and what they set',
    code: () => Object.entries(GRPC_POOL_VARIABLES).map(([variable, option]) => `${variable} ${option}`),
    page: 'docs/reference/grpc-pool.md',
    heading: '## Environment',
    columns: 2,
  },
  {
    what: 'options of Yellowstone and their defaults',
    code: () => optionsWithDefaults('call', YELLOWSTONE_OPTIONS),
    page: 'docs/reference/yellowstone.md',
    heading: '## Numbers',
    columns: 2,
  },
  {
    what: 'numbers of the Geyser test server and their defaults',
    code: () => optionsWithDefaults('call', asOptions(GEYSER_DEFAULTS)),
    page: 'docs/reference/yellowstone.md',
    heading: '## The test server',
    columns: 2,
  },
  {
    what: 'other options of the Geyser test server',
    code: () => GEYSER_OPTION_NAMES,
    page: 'docs/reference/yellowstone.md',
    heading: "## The test server's other options",
  },
  {
    what: 'statuses of gRPC',
    code: () => Object.entries(STATUS).map(([name, code]) => `${name} ${code}`),
    page: 'docs/reference/grpc.md',
    heading: '## Status codes',
    columns: 2,
  },
  ...[evm, solana].map(
    ({ name, methods }): Pair => ({
      what: `methods of ${name}, their kinds and costs`,
      code: () => Object.entries(methods).map(([method, { kind, cost }]) => `${method} ${kind} ${cost ?? 1}`),
      page: 'docs/reference/methods.md',
      heading: name === 'evm' ? '## EVM' : '## Solana',
      columns: 3,
    }),
  ),
  {
    what: 'environment variables and what they set',
    code: () =>
      Object.entries(CORE_OPTIONS).flatMap(([name, { variable }]) =>
        variable === undefined ? [] : `${variable} ${name}`,
      ),
    page: 'docs/reference/environment.md',
    heading: '## Variables',
    columns: 2,
  },
  {
    what: 'options of HTTPClient',
    code: () => [...Object.keys(HTTP_OPTIONS), 'client'],
    page: 'docs/guide/client.md',
    heading: '### Options of HTTPClient',
  },
  {
    what: 'metrics of ConnectionPoolCore',
    code: () => Object.keys(new ConnectionPoolCore({}, {}).getMetrics()),
    page: 'docs/guide/client.md',
    heading: '### Metrics of ConnectionPoolCore',
  },
  {
    what: 'options of subscriptions and their defaults',
    code: () =>
      Object.entries({ limits: SUBSCRIPTION_DEFAULTS, share: SHARE_DEFAULTS, websocket: WEBSOCKET_DEFAULTS }).flatMap(
        ([group, defaults]) => optionsWithDefaults(group, asOptions(defaults)),
      ),
    page: 'docs/guide/subscriptions.md',
    heading: '## Options',
    columns: 2,
  },
  {
    what: 'metrics, their types and labels',
    code: () =>
      METRIC_NAMES.map((name) => `${name} ${METRICS[name].type} ${METRICS[name].labels.join(', ') || 'none'}`),
    page: 'docs/reference/metrics.md',
    heading: '## Names',
    columns: 3,
  },
  {
    what: 'options of prometheusMetrics',
    code: () => optionsWithDefaults('call', asOptions(PROMETHEUS_DEFAULTS)),
    page: 'docs/reference/metrics.md',
    heading: '## Options',
    columns: 2,
  },
  {
    what: 'metrics by the conventions of OpenTelemetry',
    code: () => [...Object.keys(OTEL_HISTOGRAMS), ...Object.keys(OTEL_GAUGES)],
    page: 'docs/reference/metrics.md',
    heading: '## OpenTelemetry',
  },
  {
    what: 'options of openTelemetry',
    code: () => [
      ...optionsWithDefaults('call', asOptions(OPEN_TELEMETRY_DEFAULTS)),
      ...['meter', 'tracer', 'attributes'].map((name) => `${name} none`),
    ],
    page: 'docs/reference/metrics.md',
    heading: '## Options of openTelemetry',
    columns: 2,
  },
  { what: 'events on spans', code: () => EVENTS, page: 'docs/reference/metrics.md', heading: '## Events on spans' },
  {
    what: 'metrics of the gateway itself',
    code: () => Object.entries(GATEWAY_METRICS).map(([name, [type]]) => `${name} ${type}`),
    page: 'docs/reference/metrics.md',
    heading: "## The gateway's own",
    columns: 2,
  },
  {
    what: 'options of an upstream that speaks gRPC',
    code: () => GRPC_UPSTREAM_NAMES,
    page: 'docs/reference/monitors.md',
    heading: '## An upstream that speaks gRPC',
  },
  {
    what: 'numbers and choices of the multiplexer, and their defaults',
    code: () => optionsWithDefaults('call', MULTIPLEXER_OPTIONS),
    page: 'docs/reference/monitors.md',
    heading: '## Numbers and choices',
    columns: 2,
  },
  {
    what: 'paths of the admin listener, their methods and who may use them',
    code: () => adminRoutes(new Readers()).map(({ path, method, audience }) => `${path} ${method} ${audience}`),
    page: 'docs/reference/admin.md',
    heading: '## Paths',
    columns: 3,
  },
  {
    what: 'actions of the admin listener',
    code: () => ACTIONS.map(({ name }) => name),
    page: 'docs/reference/admin.md',
    heading: '## Actions',
  },
  ...(
    [
      ['tools for assistants', '## Tools', () => [...TOOLS, ...ACTION_TOOLS].map(({ name }) => name)],
      ['reasons of the grade', '## The grade', () => GRADE_REASONS],
    ] as const
  ).map(([what, heading, code]): Pair => ({ what, code, page: 'docs/guide/assistants.md', heading })),
  ...(
    [
      ['access', '## Who may', { ...Object.fromEntries(ACCESS_NAMES.map((name) => [name, 'none'])), reads: 'local' }],
      ['history', '## History', HISTORY_DEFAULTS],
      ['logs', '## Logs', LOGS_DEFAULTS],
    ] as const
  ).map(
    ([block, heading, defaults]): Pair => ({
      what: `options of ${block} and their defaults`,
      code: () => Object.entries(defaults).map(([name, value]) => `${name} ${value ?? 'none'}`),
      page: 'docs/reference/admin.md',
      heading,
      columns: 2,
    }),
  ),
  {
    what: 'npm scripts',
    code: () => Object.keys(JSON.parse(read('package.json')).scripts).map(asTyped),
    page: 'CONTRIBUTING.md',
    heading: '## Commands',
  },
];

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const asTyped = (script: string): string => (/^(?:start|test)$/.test(script) ? `npm ${script}` : `npm run ${script}`);

const asOptions = (defaults: object): Record<string, { readonly default: unknown }> =>
  Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, { default: value }]));

/** As `pool.idleMs 30_000`; options of the group `call` stand at the top level. */
const optionsWithDefaults = (
  group: string,
  options: Readonly<Record<string, { readonly default: unknown }>>,
): string[] =>
  Object.entries(options).map(([name, option]) => {
    const { default: value } = option;
    const written = typeof value === 'number' ? value.toLocaleString('en').replaceAll(',', '_') : String(value);
    return `${group === 'call' ? '' : `${group}.`}${name} ${written.replace('∞', 'Infinity')}`;
  });

/** What one of the two has and the other has not. */
export function differences({ code, page, heading, columns }: Pair): string[] {
  const real = [...code()];
  const written = namesUnder(read(page), heading, columns);
  return [
    ...real.filter((name) => !written.includes(name)).map((name) => `${name} is missing from ${page}, ${heading}`),
    ...written.filter((name) => !real.includes(name)).map((name) => `${name} of ${page}, ${heading}, does not exist`),
    ...written.filter((name, index) => written.indexOf(name) !== index).map((name) => `${name} is twice in ${page}`),
  ];
}
