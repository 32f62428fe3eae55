/** What the other entry points refuse, as the client does: by name, at once, with what is allowed instead. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { solana } from '../../src/adapters/solana/index.ts';
import { RpcConnectionPool } from '../../src/adapters/solana/rpc-connection-pool.ts';
import { createVest } from '../../src/adapters/vest/client.ts';
import { Multiplexer } from '../../src/adapters/yellowstone/mux/multiplexer.ts';
import { ExactWindow } from '../../src/algo/exact-window.ts';
import { createConnectionCap } from '../../src/clients/grpc/budgets.ts';
import { createGrpcClient } from '../../src/clients/grpc/client.ts';
import { createConnectionRate } from '../../src/clients/grpc/connection-rate.ts';
import { MonitorAdapter } from '../../src/clients/grpc/monitor-adapter.ts';
import { Outbox } from '../../src/clients/grpc/outbox.ts';
import { createGrpcPool } from '../../src/clients/grpc/pool.ts';
import { PoolLogger } from '../../src/clients/grpc/pool-logger.ts';
import { HTTPClient } from '../../src/clients/http-client.ts';
import { createRpc } from '../../src/clients/jsonrpc/client.ts';
import { createSubscriptions } from '../../src/clients/jsonrpc/subscribe.ts';
import { ConnectionPoolCore } from '../../src/clients/pool-core.ts';
import { awsRequestHandler } from '../../src/interop/aws/request-handler.ts';
import { keepwarmDispatcher } from '../../src/interop/undici/dispatcher.ts';
import { openTelemetry } from '../../src/telemetry/otel.ts';
import { prometheusMetrics } from '../../src/telemetry/prometheus.ts';

const url = 'http://127.0.0.1:1';
const pool = createGrpcPool({ target: url, connectionRate: false });
after(() => pool.destroy());

/** Each is made with these options over what it cannot do without. */
const MAKE = {
  createRpc: (own) => createRpc({ adapter: solana, endpoints: [{ url }], ...own }),
  createSubscriptions: (own) =>
    createSubscriptions({ adapter: solana, endpoints: [{ wsUrl: 'ws://[::1]:1' }], ...own }),
  RpcConnectionPool: (own) => new RpcConnectionPool({ main: { url } }, null, own),
  'RpcConnectionPool, an endpoint': (own) => new RpcConnectionPool({ main: { url, ...own } }),
  HTTPClient: (own) => new HTTPClient(own),
  ConnectionPoolCore: (own) => new ConnectionPoolCore(own, {}),
  createGrpcClient: (own) => createGrpcClient({ target: url, ...own }),
  createGrpcPool: (own) => createGrpcPool({ target: url, connectionRate: false, ...own }),
  createConnectionRate: (own) => createConnectionRate({ name: 'provider', ...own }),
  createConnectionCap: (own) => createConnectionCap({ name: 'provider', ...own }),
  MonitorAdapter: (own) =>
    new MonitorAdapter(pool, 'monitor', { open: () => assert.fail(), message: () => undefined, ...own }),
  PoolLogger: (own) => new PoolLogger(pool, { write: () => undefined, ...own }),
  Outbox: (own) => new Outbox(own),
  Multiplexer: (own) => new Multiplexer({ open: () => assert.fail() }, own),
  'Multiplexer, its parts': (own) => new Multiplexer({ open: () => assert.fail(), ...own }),
  createVest: (own) => createVest(own),
  openTelemetry: (own) => openTelemetry({ meter: false, tracer: false, ...own }),
  prometheusMetrics: (own) => prometheusMetrics({}, own),
  ExactWindow: (own) => new ExactWindow({ limit: 1, windowMs: 1_000, ...own }),
  keepwarmDispatcher: (own) => keepwarmDispatcher(own),
  awsRequestHandler: (own) => awsRequestHandler(own),
} satisfies Record<string, (own: object) => unknown>;

function refuses(what: keyof typeof MAKE, own: unknown, message: RegExp): void {
  assert.throws(() => MAKE[what](own as object), { name: 'NetError', code: 'INVALID', reach: 'unsent', message });
}

describe('options elsewhere', () => {
  const WRONG: [keyof typeof MAKE, unknown, RegExp][] = [
    ['createRpc', { batching: null }, /^option batching is null; allowed: true, false, or an object/],
    ['createRpc', { cache: [] }, /^option cache is \[\]; allowed: true, false, or an object of options$/],
    ['createRpc', { cache: { entriesMax: 1.5 } }, /^option cache\.entriesMax is 1\.5; allowed: a whole number from 1/],
    ['createRpc', { freshness: 'off' }, /^option freshness is "off"; allowed: true, false, or an object/],
    ['createRpc', { freshness: { lagsMax: 1 } }, /^there is no option freshness\.lagsMax; did you mean lagMax\?$/],
    ['createRpc', { agree: [2] }, /^option agree is \[2\]; allowed: numbers by method/],
    ['createRpc', { adapter: { ...solana, methods: null } }, /^option adapter says what methods mean/],
    [
      'createRpc',
      { endpoints: [{ url, rateLimit: null }] },
      /^option rateLimit of an endpoint is null; allowed: an obj/,
    ],
    [
      'createRpc',
      { endpoints: [{ url, rateLimit: { limit: 1, windowMs: 5, weights: 1 } }] },
      /^there is no option rateLimit\.weights of an endpoint; /,
    ],
    ['createRpc', { breaker: 5 }, /^option breaker is 5; allowed: true, false, or an object of options$/],
    ['createSubscriptions', { limit: {} }, /^there is no option limit; did you mean limits\?$/],
    ['createSubscriptions', { limits: 5 }, /^option limits is 5; allowed: an object of options$/],
    ['createSubscriptions', { call: {} }, /^option call is an object; allowed: a function$/],
    ['createSubscriptions', { bigints: 'yes' }, /^option bigints is "yes"; allowed: "exact", "rounded"$/],
    ['createSubscriptions', { random: 1 }, /^option random is 1; allowed: a function/],
    [
      'createSubscriptions',
      { endpoints: [{ wsurl: 'ws://[::1]' }] },
      /no option wsurl of an endpoint; did you mean wsUrl/,
    ],
    ['RpcConnectionPool', { maxConcurrentRequests: 1.5 }, /^option maxConcurrentRequests is 1\.5; allowed: a whole/],
    ['RpcConnectionPool', { timeout: '30s' }, /^option timeout is "30s"; allowed: a number from 1/],
    [
      'RpcConnectionPool, an endpoint',
      { wieght: 1 },
      /^there is no option wieght of endpoint "main"; did you mean weight/,
    ],
    [
      'RpcConnectionPool, an endpoint',
      { maxRequestsPerSecond: 0 },
      /^option maxRequestsPerSecond of endpoint "main" is 0/,
    ],
    ['HTTPClient', 5, /^what HTTPClient was given is 5; allowed: an object of options$/],
    ['HTTPClient', { client: null }, /^option client is null; allowed: an object of options$/],
    ['HTTPClient', { client: { pool: 5 } }, /^option pool is 5; allowed: an object of options$/],
    ['HTTPClient', { client: { retry: 5 } }, /^option retry is 5; allowed: true, false, or an object of options$/],
    ['ConnectionPoolCore', 'x', /^what ConnectionPoolCore was given is "x"; allowed: an object of options$/],
    ['createGrpcClient', { pool: 5 }, /^option pool is 5; allowed: an object of options$/],
    ['createGrpcClient', { limits: [] }, /^option limits is \[\]; allowed: an object of options$/],
    ['createGrpcClient', { token: 5 }, /^option token is a number; allowed: text$/],
    ['createGrpcClient', { connectionRate: [] }, /^option connectionRate is \[\]; allowed: figures, or a limiter$/],
    [
      'createGrpcClient',
      { connectionRate: { path: 5 } },
      /^option connectionRate\.path is 5; allowed: the path of a file/,
    ],
    ['createGrpcClient', { messageBytesMax: 1.5 }, /^option messageBytesMax is 1\.5; allowed: a whole number/],
    [
      'createGrpcPool',
      { conectionsMax: 2 },
      /no option conectionsMax of createGrpcPool; did you mean connectionsMax\?$/,
    ],
    [
      'createGrpcPool',
      { connectionsMax: 1.5 },
      /^option connectionsMax is 1\.5; allowed: a whole number from 1 to 65535$/,
    ],
    ['createGrpcPool', { poolObserver: 5 }, /^option poolObserver is 5; allowed: an object with functions named after/],
    [
      'createGrpcPool',
      { poolObserver: { leaseLose() {} } },
      /no fact poolObserver\.leaseLose; did you mean leaseLost\?$/,
    ],
    ['createConnectionRate', { limit: 1.5 }, /^option connectionRate\.limit is 1\.5; allowed: a whole number from 1/],
    ['createConnectionRate', { clock: {} }, /^option clock is an object; allowed: an object with now/],
    ['createConnectionCap', { waitersMax: -1 }, /^option connectionCap\.waitersMax is -1; allowed: a whole number/],
    ['MonitorAdapter', { open: 5 }, /^option open of a monitor is 5; allowed: a function$/],
    ['MonitorAdapter', { keyOf: 'slot' }, /^option keyOf of a monitor is "slot"; allowed: a function$/],
    ['MonitorAdapter', { backoffMs: Number.NaN }, /^option backoffMs of a monitor is NaN; allowed: a number from 0$/],
    ['MonitorAdapter', { overlapMs: '5' }, /^option overlapMs of a monitor is "5"; allowed: a number from 0$/],
    ['MonitorAdapter', { keysMax: 0.5 }, /^option keysMax of a monitor is 0\.5; allowed: a whole number from 0$/],
    ['MonitorAdapter', { exclusive: 1 }, /exclusive is 1; allowed: true or false$/],
    ['MonitorAdapter', { onMessage() {} }, /^there is no option onMessage of a monitor; /],
    ['PoolLogger', { everyMS: 5 }, /^there is no option everyMS of a logger; did you mean everyMs\?$/],
    ['Outbox', { sizeMax: 1.5 }, /^option sizeMax of an outbox is 1\.5; allowed: a whole number from 1, or Infinity$/],
    ['Outbox', { size: 5 }, /^there is no option size of an outbox; known: sizeMax$/],
    ['Multiplexer', { filtersMax: 5 }, /^option filtersMax is 5; allowed: an object of options$/],
    ['Multiplexer', { monitorsMax: 1.5 }, /^option monitorsMax is 1\.5; allowed: a whole number from 1 to Infinity$/],
    ['Multiplexer, its parts', { open: undefined }, /^option open is undefined; allowed: a function, such as openWith/],
    ['createVest', { accounts: 'main' }, /^option accounts is "main"; allowed: a list$/],
    ['createVest', { log: {} }, /^option log is an object; allowed: a function$/],
    ['createVest', { contract: 5 }, /^option contract is 5; allowed: text$/],
    ['createVest', { rateLimits: 'x' }, /^option rateLimits is "x"; allowed: an object of options$/],
    ['openTelemetry', { serieMax: 5 }, /^there is no option serieMax of openTelemetry; did you mean seriesMax\?$/],
    ['openTelemetry', { attributes: 5 }, /^option attributes is 5; allowed: an object of options$/],
    ['prometheusMetrics', { more: [] }, /^option more is \[\]; allowed: a function$/],
    ['prometheusMetrics', { max: 5 }, /^there is no option max of prometheusMetrics; known: seriesMax, more$/],
    ['ExactWindow', { limit: Number.NaN }, /^option limit is NaN; allowed: a whole number from 1$/],
    ['ExactWindow', { windowMs: 0 }, /^option windowMs is 0; allowed: a number above 0$/],
    ['ExactWindow', { lateMs: -1 }, /^option lateMs is -1; allowed: a number from 0$/],
    ['keepwarmDispatcher', 5, /^what keepwarmDispatcher was given is 5; allowed: an object of options$/],
    ['awsRequestHandler', 'x', /^what awsRequestHandler was given is "x"; allowed: an object of options$/],
  ];
  for (const [what, own, message] of WRONG) {
    it(`are refused by ${what}: ${message.source.slice(0, 60)}`, () => refuses(what, own, message));
  }

  it('that are none at all are told from an object, wherever there must be one', () => {
    for (const make of [createRpc, createSubscriptions, createGrpcClient, createGrpcPool, createConnectionRate]) {
      for (const none of [undefined, null, 'https://api.example.com', []]) {
        assert.throws(() => make(none as never), { code: 'INVALID', message: /was given is .+; allowed: an object/ });
      }
    }
  });
});
