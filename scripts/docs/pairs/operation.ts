/** Of running it: metrics, the admin listener, tools for assistants, commands of the project. See `../pairs.ts`. */
import { ACTIONS } from '../../../packages/gateway/src/admin/actions.ts';
import { Readers } from '../../../packages/gateway/src/admin/events.ts';
import { GATEWAY_METRICS } from '../../../packages/gateway/src/admin/metrics.ts';
import { adminRoutes } from '../../../packages/gateway/src/admin/routes.ts';
import { UPSTREAM_METRICS } from '../../../packages/gateway/src/admin/upstream-metrics.ts';
import { ACCESS_NAMES } from '../../../packages/gateway/src/config/access.ts';
import { HISTORY_DEFAULTS } from '../../../packages/gateway/src/config/history.ts';
import { LOGS_DEFAULTS } from '../../../packages/gateway/src/config/logs.ts';
import { REDIS_DEFAULTS, REDIS_NAMES } from '../../../packages/gateway/src/config/redis.ts';
import { REQUEST_IDS_DEFAULTS } from '../../../packages/gateway/src/config/request-ids.ts';
import { SECTIONS_DEFAULTS, SECTIONS_NAMES } from '../../../packages/gateway/src/config/sections.ts';
import { GRADE_REASONS } from '../../../packages/gateway/src/mcp/grade.ts';
import { ACTION_TOOLS, TOOLS } from '../../../packages/gateway/src/mcp/server.ts';
import { METRIC_NAMES, METRICS } from '../../../packages/keepwarm/src/telemetry/catalog.ts';
import { OPEN_TELEMETRY_DEFAULTS } from '../../../packages/keepwarm/src/telemetry/otel.ts';
import { OTEL_GAUGES } from '../../../packages/keepwarm/src/telemetry/otel-collect.ts';
import { EVENTS } from '../../../packages/keepwarm/src/telemetry/otel-events.ts';
import { OTEL_HISTOGRAMS } from '../../../packages/keepwarm/src/telemetry/otel-meters.ts';
import { PROMETHEUS_DEFAULTS } from '../../../packages/keepwarm/src/telemetry/prometheus.ts';
import { FLOORS } from '../../tidy/floors.ts';
import { asOptions, asTyped, optionsWithDefaults, type Pair, read } from '../pair.ts';

export const OPERATION_PAIRS: readonly Pair[] = [
  {
    what: 'floors of the library',
    code: () => FLOORS.flat().map((folder) => `${folder}/`),
    page: 'ARCHITECTURE.md',
    heading: '## Floors of the library',
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
    what: 'metrics of the gateway about its upstreams',
    code: () => Object.entries(UPSTREAM_METRICS).map(([name, [type, label = 'none']]) => `${name} ${type} ${label}`),
    page: 'docs/reference/metrics.md',
    heading: "## The gateway's own, of each upstream",
    columns: 3,
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
    what: 'options of redis and their defaults',
    code: () => REDIS_NAMES.map((name) => `${name} ${Reflect.get(REDIS_DEFAULTS, name) ?? 'none'}`),
    page: 'docs/guide/gateway.md',
    heading: '### Options of redis',
    columns: 2,
  },
  {
    what: 'options of sections and their defaults',
    code: () => SECTIONS_NAMES.map((name) => `${name} ${Reflect.get(SECTIONS_DEFAULTS, name) ?? 'none'}`),
    page: 'docs/guide/gateway.md',
    heading: '### Options of sections',
    columns: 2,
  },
  {
    what: 'options of request ids and their defaults',
    code: () => Object.entries(REQUEST_IDS_DEFAULTS).map(([name, value]) => `${name} ${value}`),
    page: 'docs/guide/gateway.md',
    heading: '### Options of request ids',
    columns: 2,
  },
  {
    what: 'npm scripts',
    code: () => Object.keys(JSON.parse(read('package.json')).scripts).map(asTyped),
    page: 'CONTRIBUTING.md',
    heading: '## Commands',
  },
];
