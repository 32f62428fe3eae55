/** Of gRPC: options, limits on connections, pools, Geyser. See `../pairs.ts`. */
import { GRPC_UPSTREAM_NAMES } from '../../../packages/gateway/src/config/grpc-upstream.ts';
import { REDIS_RATE_DEFAULTS } from '../../../packages/keepwarm/src/adapters/redis/start-options.ts';
import { MULTIPLEXER_OPTIONS } from '../../../packages/keepwarm/src/adapters/yellowstone/mux/options.ts';
import { YELLOWSTONE_OPTIONS } from '../../../packages/keepwarm/src/adapters/yellowstone/options.ts';
import {
  GRPC_CALL_NAMES,
  GRPC_OPTION_NAMES,
  GRPC_OPTIONS,
} from '../../../packages/keepwarm/src/clients/grpc/options.ts';
import { GRPC_POOL_VARIABLES } from '../../../packages/keepwarm/src/clients/grpc/pool-env.ts';
import { GRPC_LEASE_NAMES } from '../../../packages/keepwarm/src/clients/grpc/pool-lease-options.ts';
import { GRPC_POOL_NAMES, GRPC_POOL_OPTIONS } from '../../../packages/keepwarm/src/clients/grpc/pool-options.ts';
import { CONNECTION_CAP_DEFAULTS } from '../../../packages/keepwarm/src/pool/connection-cap.ts';
import { CONNECTION_RATE_DEFAULTS } from '../../../packages/keepwarm/src/pool/connection-rate.ts';
import { STREAM_RATE_DEFAULTS } from '../../../packages/keepwarm/src/pool/stream-rate.ts';
import { GEYSER_DEFAULTS, GEYSER_OPTION_NAMES } from '../../../packages/keepwarm/src/testing/geyser/options.ts';
import { STATUS } from '../../../packages/keepwarm/src/wire/grpc/status.ts';
import { asOptions, optionsWithDefaults, type Pair } from '../pair.ts';

export const GRPC_PAIRS: readonly Pair[] = [
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
];
