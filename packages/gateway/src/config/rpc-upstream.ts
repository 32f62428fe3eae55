/**
 * An upstream that is a pool of JSON-RPC nodes: `"jsonrpc": "evm"` and endpoints in the place of an origin. Options of
 * the library keep their names and are checked by it.
 */
import { NetError } from 'keepwarm';
import { createRpc, evm, type RpcOptions, solana } from 'keepwarm/jsonrpc';
import { type CallerRateConfig, parseCallerRate } from './caller-rate.ts';
import { ConfigError } from './config-error.ts';
import { parseHosts, parsePaths } from './places.ts';
import { type Json, number, object, show, text, texts, unlimited, valuesOf } from './values.ts';
import { wayOf } from './way.ts';
import { parseWebSocket, type WebSocketConfig } from './websocket.ts';

export interface RpcUpstreamConfig {
  readonly rpc: RpcOptions;
  /** Hosts whose requests go here, whatever their path. */
  readonly hosts: readonly string[];
  /** Beginnings of paths whose requests go here; with hosts, of those only. */
  readonly paths?: readonly string[];
  /** Bytes of a request's body. Default 1 MiB. */
  readonly requestBodyBytesMax: number;
  /** Requests in one batch of a caller. Default 100. */
  readonly requestsMax: number;
  /** Methods callers may not use; `*` at the end stands for any rest. Default none. */
  readonly methodsDenied: readonly string[];
  /** Requests of each caller, however many are in a batch. Default: no limit. */
  readonly callerRate?: CallerRateConfig | undefined;
  /** Callers that stay, and subscribe. */
  readonly websocket?: WebSocketConfig;
}

export const RPC_UPSTREAM_DEFAULTS = {
  requestBodyBytesMax: 1024 * 1024,
  requestsMax: 100,
  methodsDenied: [] as readonly string[],
};

const ADAPTERS = { solana, evm };
/** Options of the library's `createRpc`, by the same names. */
const SWITCHES = [
  'batching',
  'cache',
  'coalesce',
  'agree',
  'emptyElsewhere',
  'splitting',
  'strict',
  'freshness',
  'retry',
  'budget',
  'hedge',
  'breaker',
] as const;
const GROUPS = ['pool', 'limits', 'connect', 'balance'] as const;

export const RPC_UPSTREAM_NAMES: readonly string[] = [
  'jsonrpc',
  'endpoints',
  'hosts',
  'paths',
  'deadlineMs',
  'proxy',
  'callerRate',
  'websocket',
  ...SWITCHES,
  ...GROUPS,
  ...Object.keys(RPC_UPSTREAM_DEFAULTS),
];

/** Limits of endpoints are those of the keys in their URLs, whoever calls with these. */
const NO_SECTIONS =
  'are for an upstream with an origin; allowed: an upstream for each set of keys, callerRate for callers who share one';

/** @throws ConfigError; never with the URL of an endpoint, which may hold a key */
export function parseRpcUpstream(path: string, input: unknown): RpcUpstreamConfig {
  if ('sections' in object(input, path)) throw new ConfigError(`${path}.sections`, NO_SECTIONS);
  const given = object(input, path, RPC_UPSTREAM_NAMES);
  const count = (name: 'requestBodyBytesMax' | 'requestsMax'): number =>
    number(unlimited(given[name] ?? RPC_UPSTREAM_DEFAULTS[name]), `${path}.${name}`, 1);
  return {
    rpc: rpcOf(given, path),
    hosts: parseHosts(given['hosts'], `${path}.hosts`),
    paths: parsePaths(given['paths'], `${path}.paths`),
    requestBodyBytesMax: count('requestBodyBytesMax'),
    requestsMax: count('requestsMax'),
    methodsDenied: texts(given['methodsDenied'] ?? [], `${path}.methodsDenied`, 'methods'),
    callerRate: parseCallerRate(given['callerRate'], `${path}.callerRate`),
    websocket: parseWebSocket(given['websocket'], `${path}.websocket`),
  };
}

function rpcOf(given: Json, path: string): RpcOptions {
  const adapter = text(given['jsonrpc'], `${path}.jsonrpc`);
  if (!Object.hasOwn(ADAPTERS, adapter)) {
    const known = Object.keys(ADAPTERS).join(', ');
    throw new ConfigError(`${path}.jsonrpc`, `is ${show(adapter)}; allowed: ${known}`);
  }
  const { endpoints } = given;
  if (!Array.isArray(endpoints) || endpoints.length === 0) {
    throw new ConfigError(`${path}.endpoints`, 'must list at least one, such as { "url": "https://…" }');
  }
  const options: Record<string, unknown> = {
    ...wayOf(given, path),
    adapter: ADAPTERS[adapter as keyof typeof ADAPTERS],
    endpoints: endpoints.map((each, i) => object(each, `${path}.endpoints[${i}]`)),
  };
  if (given['deadlineMs'] !== undefined) options['deadlineMs'] = unlimited(given['deadlineMs']);
  for (const name of SWITCHES) if (given[name] !== undefined) options[name] = valuesOf(given[name]);
  for (const name of GROUPS) {
    if (given[name] !== undefined) options[name] = valuesOf(object(given[name], `${path}.${name}`));
  }
  const rpc = options as unknown as RpcOptions; // it is about to be checked by the one who knows
  try {
    void createRpc(rpc).close({ deadlineMs: 0 });
    return rpc;
  } catch (error) {
    if (error instanceof NetError) throw new ConfigError(path, `cannot be used: ${error.message}`);
    throw error;
  }
}
