/**
 * An upstream that speaks gRPC: `"grpc": "geyser"` or `"any"` and a target in the place of an origin. It has a listener
 * of its own, since calls of gRPC have no room for its name in their paths. Options of the library keep their names and
 * are checked by it.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { NetError } from 'keepwarm';
import { createGrpcPool, type GrpcPoolOptions } from 'keepwarm/grpc';
import { Multiplexer, type MultiplexerOptions } from 'keepwarm/multiplexer';
import { type Address, isLoopback, parseAddress } from './address.ts';
import { ConfigError } from './config-error.ts';
import { object, show, text, texts, unlimited, whole } from './values.ts';

export interface GrpcUpstreamConfig {
  /** `geyser`: subscriptions to Geyser share one stream upstream. `any`: every call is passed on by itself. */
  readonly kind: 'geyser' | 'any';
  readonly pool: GrpcPoolOptions;
  readonly multiplexer: MultiplexerOptions;
  /** For callers. Default 127.0.0.1:4310. */
  readonly listen: Address;
  /** What callers send as `x-token`, any of them; with none, nothing is asked for. Never shown. */
  readonly tokens: readonly string[];
  /** Of the listener, in PEM; without, callers speak HTTP/2 in the clear. */
  readonly serverTls: { readonly cert: string; readonly key: string } | undefined;
  /** Bytes of one message, either way. Default 64 MiB: whole blocks come as one. */
  readonly messageBytesMax: number;
  /** Connections of callers at once. Default 1,000. */
  readonly callersMax: number;
  /** Calls at once on one of them. Default 1,000. */
  readonly callsMax: number;
}

export const GRPC_UPSTREAM_DEFAULTS = {
  listen: '127.0.0.1:4310',
  messageBytesMax: 64 * 1024 * 1024,
  callersMax: 1_000,
  callsMax: 1_000,
};

/** What fits where HTTP/2 and gRPC have room for a count (RFC 9113 § 6.5.1), and a message for its length. */
const COUNT_MAX = 2 ** 32 - 1;

/**
 * A gateway is not to wait a minute at its first start; what it opened before a later one, a file tells. A Redis that
 * knows of no start may have lost its memory, and others their starts with it.
 */
const RATE = { assumed: 'empty' };
const RATE_IN_REDIS = { assumed: 'full' };

/** As often as the strictest of providers lets a client subscribe anew. */
const SUBSCRIPTIONS = { limit: 10, windowMs: 1_000 };

const KINDS = ['geyser', 'any'] as const;
const GROUPS = ['pool', 'connectionRate', 'multiplexer', 'tls', 'serverTls'] as const;

export const GRPC_UPSTREAM_NAMES: readonly string[] = [
  'grpc',
  'target',
  'token',
  'tokens',
  ...GROUPS,
  ...Object.keys(GRPC_UPSTREAM_DEFAULTS),
];

/**
 * @param inRedis whether Redis counts the connections that are opened
 * @throws ConfigError; never with a token
 */
export function parseGrpcUpstream(path: string, input: unknown, folder: string, inRedis = false): GrpcUpstreamConfig {
  const given = object(input, path, GRPC_UPSTREAM_NAMES);
  const kind = KINDS.find((each) => each === given['grpc']);
  if (kind === undefined) {
    throw new ConfigError(`${path}.grpc`, `is ${show(given['grpc'])}; allowed: ${KINDS.join(', ')}`);
  }
  const group = (name: (typeof GROUPS)[number]): Record<string, unknown> => {
    const values = Object.entries(object(given[name] ?? {}, `${path}.${name}`));
    return Object.fromEntries(values.map(([key, value]) => [key, unlimited(value)]));
  };
  const count = (name: 'messageBytesMax' | 'callersMax' | 'callsMax'): number =>
    whole(given[name] ?? GRPC_UPSTREAM_DEFAULTS[name], `${path}.${name}`, 1, COUNT_MAX);
  const listen = parseAddress(
    text(given['listen'] ?? GRPC_UPSTREAM_DEFAULTS.listen, `${path}.listen`),
    `${path}.listen`,
  );
  const tokens = texts(given['tokens'] ?? [], `${path}.tokens`, 'tokens');
  if (tokens.length === 0 && !isLoopback(listen.host)) {
    throw new ConfigError(`${path}.listen`, 'can be reached by other machines; allowed: with `tokens` only');
  }
  const ca = filesOf(group('tls'), ['caFile'], `${path}.tls`, folder)['caFile'];
  const server = filesOf(group('serverTls'), ['certFile', 'keyFile'], `${path}.serverTls`, folder);
  const { certFile: cert, keyFile: key } = server;
  if ((cert === undefined) !== (key === undefined)) {
    throw new ConfigError(`${path}.serverTls`, 'has one of certFile and keyFile; allowed: both, or neither');
  }
  const messageBytesMax = count('messageBytesMax');
  const rate = inRedis ? RATE_IN_REDIS : RATE;
  const pool = {
    ...(kind === 'geyser' ? { streamRate: SUBSCRIPTIONS } : {}),
    ...group('pool'),
    target: text(given['target'], `${path}.target`),
    ...(given['token'] === undefined ? {} : { token: text(given['token'], `${path}.token`) }),
    connectionRate: given['connectionRate'] === 'unlimited' ? false : { ...rate, ...group('connectionRate') },
    ...(ca === undefined ? {} : { tls: { ca } }),
    messageBytesMax,
  } as GrpcPoolOptions; // it is about to be checked by the one who knows
  const multiplexer = group('multiplexer') as MultiplexerOptions;
  checkedByLibrary(path, pool, multiplexer);
  return {
    ...{ kind, pool, multiplexer, listen, tokens, messageBytesMax },
    serverTls: cert === undefined || key === undefined ? undefined : { cert, key },
    callersMax: count('callersMax'),
    callsMax: count('callsMax'),
  };
}

function checkedByLibrary(path: string, pool: GrpcPoolOptions, multiplexer: MultiplexerOptions): void {
  try {
    // Neither dials for being made.
    void createGrpcPool({ ...pool, connectionsMin: 0, connectionRate: withoutFile(pool) }).close({ deadlineMs: 0 });
    checkedNumbers(pool);
    new Multiplexer({ open: () => ({ write: ignored, close: ignored }) }, multiplexer).close();
  } catch (error) {
    if (error instanceof NetError) throw new ConfigError(path, `cannot be used: ${error.message}`);
    throw error;
  }
}

/** Those it would dial for, by a pool whose connections never come to be. */
function checkedNumbers({ target, connectionsMin = 0, ...rest }: GrpcPoolOptions): void {
  const { connectionsMax } = rest;
  const most = connectionsMax === undefined ? {} : { connectionsMax };
  const connector = (): Promise<never> => new Promise(() => undefined);
  const options = { target, connectionsMin, ...most, connectionRate: false, connector } as const;
  void createGrpcPool(options).close({ deadlineMs: 0 });
}

/** Checking touches no files. */
function withoutFile({ connectionRate }: GrpcPoolOptions): GrpcPoolOptions['connectionRate'] {
  if (typeof connectionRate !== 'object' || !('path' in connectionRate)) return connectionRate;
  return { ...connectionRate, path: undefined };
}

function ignored(): void {}

/** What is in the files that options name. @throws ConfigError */
function filesOf<N extends string>(
  given: Readonly<Record<string, unknown>>,
  names: readonly N[],
  path: string,
  folder: string,
): Partial<Record<N, string>> {
  object(given, path, names);
  const read: Partial<Record<N, string>> = {};
  for (const name of names) {
    if (given[name] === undefined) continue;
    try {
      read[name] = readFileSync(resolve(folder, text(given[name], `${path}.${name}`)), 'utf8');
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      throw new ConfigError(`${path}.${name}`, `cannot be read: ${error instanceof Error ? error.message : error}`);
    }
  }
  return read;
}
