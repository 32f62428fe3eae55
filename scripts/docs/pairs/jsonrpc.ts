/** Of JSON-RPC: options, methods, subscriptions. See `../pairs.ts`. */
import { evm } from '../../../packages/keepwarm/src/adapters/evm/index.ts';
import { solana } from '../../../packages/keepwarm/src/adapters/solana/index.ts';
import { FRESHNESS_DEFAULTS } from '../../../packages/keepwarm/src/clients/jsonrpc/freshness-options.ts';
import {
  BATCHING_DEFAULTS,
  RPC_CACHE_DEFAULTS,
  RPC_CALL_NAMES,
  RPC_ENDPOINT_NAMES,
  RPC_OPTION_NAMES,
  SPLITTING_DEFAULTS,
} from '../../../packages/keepwarm/src/clients/jsonrpc/options.ts';
import { SUBSCRIPTION_DEFAULTS } from '../../../packages/keepwarm/src/clients/jsonrpc/subscribe-options.ts';
import { WEBSOCKET_DEFAULTS } from '../../../packages/keepwarm/src/engines/websocket/options.ts';
import { SHARE_DEFAULTS } from '../../../packages/keepwarm/src/policies/share.ts';
import { asOptions, optionsWithDefaults, type Pair } from '../pair.ts';

export const JSONRPC_PAIRS: readonly Pair[] = [
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
      ...optionsWithDefaults('splitting', asOptions(SPLITTING_DEFAULTS)),
      ...optionsWithDefaults('freshness', asOptions(FRESHNESS_DEFAULTS)),
    ],
    page: 'docs/reference/jsonrpc.md',
    heading: '## Numbers',
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
    what: 'methods whose answers may be empty',
    code: () =>
      [evm, solana].flatMap(({ answers = {} }) =>
        Object.entries(answers).flatMap(([method, { empty }]) => (empty === undefined ? [] : [method])),
      ),
    page: 'docs/reference/methods.md',
    heading: '## Answers that may be empty',
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
];
