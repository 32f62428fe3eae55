/**
 * The gateway's configuration: what it may say, its defaults, and messages that name the place, the value and what is
 * allowed. Groups that belong to the library (`pool`, `limits`, …) are checked by the library.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type ClientOptions, createClient, NetError } from 'keepwarm';
import { checkLimitsInRedis } from '../redis/limits.ts';
import { type AccessConfig, parseAccess } from './access.ts';
import { type Address, parseAddress } from './address.ts';
import { type CallerRateConfig, parseCallerRate } from './caller-rate.ts';
import { forwardingOptions } from './client-options.ts';
import { ConfigError } from './config-error.ts';
import { PLACE_NAMES, placeOf } from './endpoints.ts';
import { type GrpcUpstreamConfig, parseGrpcUpstream } from './grpc-upstream.ts';
import { type HeaderRules, parseHeaderRules } from './header-rules.ts';
import { type HistoryConfig, parseHistory } from './history.ts';
import { type ListenerTls, parseListenerTls } from './listener-tls.ts';
import { checkListeners } from './listeners.ts';
import { type LogsConfig, parseLogs } from './logs.ts';
import { checkPlaces, parseHosts, parsePaths } from './places.ts';
import { POLICY_NAMES, policiesOf } from './policies.ts';
import { parseRedis, type RedisConfig } from './redis.ts';
import { parseRequestIds, type RequestIdsConfig } from './request-ids.ts';
import { parseRpcUpstream, type RpcUpstreamConfig } from './rpc-upstream.ts';
import { type SectionsConfig, withSections } from './sections.ts';
import { readSource } from './source.ts';
import { parseUpgrades, type UpgradesConfig } from './upgrades.ts';
import { flag, type Json, milliseconds, number, object, text, unlimited, valuesOf, whole } from './values.ts';
import { WAY_NAMES, wayOf } from './way.ts';
import { parseWorkers, WORKER_SILENT_MS, WORKER_SILENT_MS_MIN, WORKERS_DEFAULT } from './workers.ts';

export interface UpstreamConfig {
  readonly client: ClientOptions & { readonly origin: string };
  /** Hosts whose requests go here with the path as it is, in any case of letters. */
  readonly hosts: readonly string[];
  /** Beginnings of paths whose requests go here as they are; with hosts, of those only. */
  readonly paths?: readonly string[];
  /** Bytes of a request's body. Default 64 MiB. */
  readonly requestBodyBytesMax: number;
  /** Announce the gateway in Via, as RFC 9110 § 7.6.3 asks of a gateway. Default true. */
  readonly via: boolean;
  /** Tell the upstream who called, in X-Forwarded-*. Default false: upstreams are usually other people's. */
  readonly forwarded: boolean;
  /** Connections that become something else, such as WebSockets. */
  readonly upgrades?: UpgradesConfig;
  /** Fields that are set, added or taken out. */
  readonly headers?: HeaderRules | undefined;
  /** Requests of each caller. Default: no limit. */
  readonly callerRate?: CallerRateConfig | undefined;
  /** Tenants served apart from each other. Default: none. */
  readonly sections?: SectionsConfig;
}

export interface GatewayConfig {
  /** For callers. Default 127.0.0.1:4300. */
  readonly listen: Address;
  /** For the status page. Default 127.0.0.1:4301. */
  readonly admin: Address;
  readonly upstreams: ReadonlyMap<string, UpstreamConfig | RpcUpstreamConfig>;
  /** Processes that share the port for callers, and all limits. Default 1. */
  readonly workers?: number;
  /** How long one of several may say nothing before it is ended and replaced, in ms. Default 30 s. */
  readonly workerSilentMs?: number;
  /** Those of the upstreams that speak gRPC, each with a listener of its own. */
  readonly grpc?: ReadonlyMap<string, GrpcUpstreamConfig>;
  /** How long requests under way may take to end when the gateway is told to stop, in ms. Default 10 s. */
  readonly drainMs: number;
  /** Connections of callers at once; another is closed as soon as it is accepted. Default 10,000. */
  readonly callersMax: number;
  /** How long a caller's connection may be unused, in ms. Default 60 s: more than the usual client's own limit. */
  readonly callerIdleMs: number;
  /** A caller that reads nothing of its reply for this long is given up, in ms. Default 60 s. */
  readonly callerStallMs: number;
  /** A request must have arrived within this, body included, in ms. Default 120 s. */
  readonly requestMs: number;
  /** What callers see of TLS. Default: they are spoken to in the clear. */
  readonly tls?: ListenerTls | undefined;
  /** Who may use the admin listener. */
  readonly access?: AccessConfig;
  /** What is kept of figures, and for how long. */
  readonly history?: HistoryConfig;
  /** What is written while it runs. */
  readonly logs?: LogsConfig;
  /** By which id a request is followed, and who gets to see it. */
  readonly requestIds?: RequestIdsConfig;
  /** Where limits are counted together with other gateways. Default: nowhere. */
  readonly redis?: RedisConfig | undefined;
}

export const GATEWAY_DEFAULTS = {
  listen: '127.0.0.1:4300',
  admin: '127.0.0.1:4301',
  workers: WORKERS_DEFAULT,
  workerSilentMs: WORKER_SILENT_MS,
  drainMs: 10_000,
  callersMax: 10_000,
  callerIdleMs: 60_000,
  callerStallMs: 60_000,
  requestMs: 120_000,
};

export const UPSTREAM_DEFAULTS = { requestBodyBytesMax: 64 * 1024 * 1024, via: true, forwarded: false };

/** Blocks with a file of their own beside this one. */
const BLOCKS = ['access', 'history', 'logs', 'redis', 'requestIds', 'tls'] as const;

export const GATEWAY_NAMES: readonly string[] = [...Object.keys(GATEWAY_DEFAULTS), 'upstreams', ...BLOCKS];
/** Options of an upstream that are the library's own, by the same names. */
const LIBRARY_GROUPS = ['pool', 'limits', 'connect', 'dns'] as const;
/** Likewise, with `true` and `false` for on, as it is by default, and off. */
const LIBRARY_SWITCHES = ['breaker'] as const;
/** Groups of an upstream with a file of their own beside this one. */
const UPSTREAM_BLOCKS = ['upgrades', 'headers', 'callerRate', 'sections'] as const;
export const UPSTREAM_NAMES: readonly string[] = [
  ...PLACE_NAMES,
  'hosts',
  'paths',
  'deadlineMs',
  'tls',
  ...WAY_NAMES,
  ...LIBRARY_GROUPS,
  ...LIBRARY_SWITCHES,
  ...POLICY_NAMES,
  ...Object.keys(UPSTREAM_DEFAULTS),
  ...UPSTREAM_BLOCKS,
];
/** PEM files by option; what is in them goes to the library's option of the name without `File`. */
const TLS_FILES = { caFile: 'ca', certFile: 'cert', keyFile: 'key' } as const;
const TLS_NAMES = [...Object.keys(TLS_FILES), 'servername', 'minVersion'];

/** @throws ConfigError */
export function readConfig(file: string): GatewayConfig {
  const { value, redacted } = readSource(file);
  try {
    return parseConfig(value, dirname(resolve(file)));
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError('', redacted(error.message));
    throw error;
  }
}

/**
 * @param folder what relative file names are relative to
 * @throws ConfigError
 */
export function parseConfig(input: unknown, folder: string): GatewayConfig {
  const given = object(input, '', GATEWAY_NAMES);
  const upstreams = new Map<string, UpstreamConfig | RpcUpstreamConfig>();
  const redis = parseRedis(given['redis'], folder);
  const named = object(given['upstreams'] ?? {}, 'upstreams');
  const grpc = new Map<string, GrpcUpstreamConfig>();
  for (const [name, upstream] of Object.entries(named)) {
    const path = checkUpstreamName(name);
    if ('grpc' in object(upstream, path))
      grpc.set(name, parseGrpcUpstream(path, upstream, folder, redis !== undefined));
    else upstreams.set(name, parseUpstream(name, upstream, folder));
  }
  checkPlaces(upstreams);
  type Time = 'workerSilentMs' | 'drainMs' | 'callerIdleMs' | 'callerStallMs' | 'requestMs';
  const time = (name: Time, min: number): number => milliseconds(given[name] ?? GATEWAY_DEFAULTS[name], name, min);
  const config = {
    listen: parseAddress(text(given['listen'] ?? GATEWAY_DEFAULTS.listen, 'listen'), 'listen'),
    admin: parseAddress(text(given['admin'] ?? GATEWAY_DEFAULTS.admin, 'admin'), 'admin'),
    upstreams,
    workers: parseWorkers(given['workers'] ?? GATEWAY_DEFAULTS.workers),
    workerSilentMs: time('workerSilentMs', WORKER_SILENT_MS_MIN),
    grpc,
    drainMs: time('drainMs', 0),
    callersMax: whole(given['callersMax'] ?? GATEWAY_DEFAULTS.callersMax, 'callersMax', 1),
    callerIdleMs: time('callerIdleMs', 1),
    callerStallMs: time('callerStallMs', 1),
    requestMs: time('requestMs', 1),
    tls: parseListenerTls(given['tls'], folder),
    access: parseAccess(given['access'] ?? {}, folder, process.env),
    history: parseHistory(given['history'] ?? {}, folder),
    logs: parseLogs(given['logs'] ?? {}),
    requestIds: parseRequestIds(given['requestIds'] ?? {}),
    redis,
  };
  checkLimitsInRedis(config);
  checkListeners([
    ['listen', config.listen],
    ['admin', config.admin],
    ...Array.from(grpc, ([name, { listen }]) => [`upstreams.${name}.listen`, listen] as const),
  ]);
  return config;
}

/** Letters that need no encoding in a path, so that a name is spelt one way only. */
const UPSTREAM_NAME = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$/;

/** @returns where it stands @throws ConfigError */
function checkUpstreamName(name: string): string {
  const path = `upstreams.${name}`;
  if (UPSTREAM_NAME.test(name)) return path;
  throw new ConfigError(path, 'is not a name for an upstream; allowed: letters, digits and . _ ~ -, up to 64');
}

export function parseUpstream(name: string, input: unknown, folder: string): UpstreamConfig | RpcUpstreamConfig {
  const path = checkUpstreamName(name);
  if ('jsonrpc' in object(input, path)) return parseRpcUpstream(path, input);
  const given = object(input, path, UPSTREAM_NAMES);
  const parse = (each: Json, where: string): UpstreamConfig => originUpstream(each, where, folder);
  return given['sections'] === undefined ? parse(given, path) : withSections(given, path, parse);
}

function originUpstream(given: Json, path: string, folder: string): UpstreamConfig {
  return {
    client: clientOf(given, path, folder),
    hosts: parseHosts(given['hosts'], `${path}.hosts`),
    paths: parsePaths(given['paths'], `${path}.paths`),
    requestBodyBytesMax: number(
      unlimited(given['requestBodyBytesMax'] ?? UPSTREAM_DEFAULTS.requestBodyBytesMax),
      `${path}.requestBodyBytesMax`,
      0,
    ),
    via: flag(given['via'] ?? UPSTREAM_DEFAULTS.via, `${path}.via`),
    forwarded: flag(given['forwarded'] ?? UPSTREAM_DEFAULTS.forwarded, `${path}.forwarded`),
    upgrades: upgradesOf(given, path),
    headers: parseHeaderRules(given['headers'], `${path}.headers`),
    callerRate: parseCallerRate(given['callerRate'], `${path}.callerRate`),
  };
}

/** A connection that becomes something else is one to a single place. */
function upgradesOf({ upgrades, endpoints }: Json, path: string): UpgradesConfig {
  if (endpoints === undefined) return parseUpgrades(upgrades, `${path}.upgrades`);
  if (upgrades === undefined || upgrades === false) return parseUpgrades(false, `${path}.upgrades`);
  throw new ConfigError(`${path}.upgrades`, 'are for an upstream with one origin, not for endpoints');
}

/** The part that is the library's, which knows its options best: a client is made to have them checked. */
function clientOf(given: Json, path: string, folder: string): UpstreamConfig['client'] {
  const options: Record<string, unknown> = {};
  if (given['deadlineMs'] !== undefined) options['deadlineMs'] = unlimited(given['deadlineMs']);
  for (const group of LIBRARY_GROUPS) {
    if (given[group] !== undefined) options[group] = valuesOf(object(given[group], `${path}.${group}`));
  }
  for (const name of LIBRARY_SWITCHES) if (given[name] !== undefined) options[name] = valuesOf(given[name]);
  if (given['tls'] !== undefined) options['tls'] = tls(given['tls'], `${path}.tls`, folder);
  const client = {
    ...options,
    ...policiesOf(given, path),
    ...wayOf(given, path),
    ...placeOf(given, path),
  };
  try {
    createClient(forwardingOptions(client)).destroy();
    return client;
  } catch (error) {
    if (error instanceof NetError) throw new ConfigError(path, `cannot be used: ${error.message}`);
    throw error;
  }
}

function tls(input: unknown, path: string, folder: string): Json {
  const given = object(input, path, TLS_NAMES);
  const settled: Record<string, unknown> = {};
  if ((given['certFile'] === undefined) !== (given['keyFile'] === undefined)) {
    throw new ConfigError(path, 'has one of certFile and keyFile; allowed: both, or neither');
  }
  for (const [name, value] of Object.entries(given)) {
    const target = (TLS_FILES as Record<string, string>)[name];
    if (target === undefined) settled[name] = value;
    else settled[target] = pem(text(value, `${path}.${name}`), `${path}.${name}`, folder);
  }
  return settled;
}

function pem(file: string, path: string, folder: string): Buffer {
  try {
    return readFileSync(resolve(folder, file));
  } catch (error) {
    throw new ConfigError(path, `cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
