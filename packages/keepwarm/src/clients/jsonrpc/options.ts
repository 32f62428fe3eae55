/** What `createRpc` takes, beyond what every client takes. */

import type { FieldsInput } from '../../core/fields.ts';
import { checkFlag, checkFunction, checkOptions, isOptions, refused } from '../../core/refusal.ts';
import type { ClientOptions } from '../client-options.ts';
import { invalid, show, unknownHere, unknownOption } from '../options.ts';
import type { RpcAdapter } from './adapter.ts';
import type { AgreeOptions } from './agree-options.ts';
import type { EndpointLimiter, RpcRateLimit } from './endpoint-limits.ts';
import type { FreshnessOptions } from './freshness-options.ts';

export interface RpcEndpoint {
  /** Where requests are posted; keys in its path or query are shown nowhere. */
  readonly url: string | URL;
  /** Where it takes subscriptions. Default: `url`, with `ws` for `http`. */
  readonly wsUrl?: string | URL | undefined;
  /** By which errors, stats and operators call it; its host when left out. Put no secrets in it. */
  readonly name?: string | undefined;
  /** Its share of the traffic, relative to the others of its priority. Default 1. */
  readonly weight?: number | undefined;
  /** 0 is asked first; others only while none of a lower number can serve. Default 0. */
  readonly priority?: number | undefined;
  /** Sent to this endpoint and to no other: its key, for example. */
  readonly headers?: FieldsInput | undefined;
  /** What it allows; all of them hold together. Default none. */
  readonly rateLimit?: RpcRateLimit | readonly RpcRateLimit[] | undefined;
  /** Whether it takes batches, or how many requests in one. That it does not is also found out. Default true. */
  readonly batch?: boolean | number | undefined;
}

export interface BatchingOptions {
  /** How long a read may wait for company, in ms; 0 for the end of this turn of the event loop. */
  readonly windowMs: number;
  /** Requests in one message. */
  readonly sizeMax: number;
  /** Length of one message, in characters. */
  readonly charsMax: number;
  /**
   * Messages that many reads of one time are shared out among while none is under way, each with 8 at least; they go
   * to endpoints as calls do. 1 for as few messages as possible.
   */
  readonly sharesMax: number;
}

/**
 * Where each comes from:
 *  - `windowMs` 0: viem's `wait`. Those who ask at once are asked for at once, and nobody waits for anybody.
 *  - `sizeMax` 100: what public nodes commonly take in one message; viem's is 1,000, geth refuses more than that.
 *  - `charsMax` 50,000: solana-rpc's limit of a request body is 50 KiB, geth's 5 MiB; parameters of reads are short.
 *  - `sharesMax` 2: measured; one is answered while the other is read (docs/decisions/0030-batches-come-in-pairs.md).
 */
export const BATCHING_DEFAULTS: BatchingOptions = { windowMs: 0, sizeMax: 100, charsMax: 50_000, sharesMax: 2 };

export interface SplittingOptions {
  /** Calls that one search may become, those that are refused included. More, and it fails as refused. */
  readonly callsMax: number;
  /** Of these, how many are under way at once. */
  readonly concurrency: number;
}

/** Both ours: a million blocks where 10,000 are allowed are some 140 calls; eRPC asks for 10 parts at a time. */
export const SPLITTING_DEFAULTS: SplittingOptions = { callsMax: 500, concurrency: 4 };

export interface RpcCacheOptions {
  /** Answers kept; the one used longest ago makes room. */
  readonly entriesMax: number;
  /** Longest answer that is kept, in characters of JSON. */
  readonly charsMax: number;
}

/** Both ours: at most some 64 MB, in practice little, as most answers are short. */
export const RPC_CACHE_DEFAULTS: RpcCacheOptions = { entriesMax: 1_000, charsMax: 65_536 };

/** eRPC asks twice in all (`emptyResultMaxAttempts`). */
export const EMPTY_ELSEWHERE = 1;

type OfHttp = 'origin' | 'endpoints' | 'rateLimit' | 'healthCheck' | 'redirectsMax' | 'cache' | 'coalesce' | 'compress';

export interface RpcOptions extends Omit<ClientOptions, OfHttp> {
  /** What methods and errors mean: `solana`, `evm`, or one of your own. */
  readonly adapter: RpcAdapter;
  /** The nodes, one at least. */
  readonly endpoints: readonly RpcEndpoint[];
  /** Sends reads that are asked for at the same time in one message. Default false. */
  readonly batching?: boolean | Partial<BatchingOptions> | undefined;
  /** Callers who ask for the same at the same time share one request. Reads only. Default true. */
  readonly coalesce?: boolean | undefined;
  /** Keeps answers for as long as the adapter says of their method. Default false. */
  readonly cache?: boolean | Partial<RpcCacheOptions> | undefined;
  /** Follows how far each endpoint has come, and asks those that keep up. Default true; without effect for one. */
  readonly freshness?: boolean | Partial<FreshnessOptions> | undefined;
  /**
   * How many more endpoints are asked, one after the other, when an answer lacks what another may have: a transaction,
   * a block. `false` for none. Takes at most half of the budget of retries. Default 1.
   */
  readonly emptyElsewhere?: number | false | undefined;
  /** Asks in parts for what a node refuses as too much at once: `eth_getLogs` between two numbers. Default false. */
  readonly splitting?: boolean | Partial<SplittingOptions> | undefined;
  /** How many endpoints must say the same before a method's answer is believed, by method. Default: none must. */
  readonly agree?: Readonly<Record<string, number | AgreeOptions>> | undefined;
  /** Who counts the limits of endpoints, such as `redisEndpointLimits()` for a fleet. Default: this process alone. */
  readonly limiter?: EndpointLimiter | undefined;
  /** Accepts only what JSON-RPC 2.0 allows; false forgives what is common and harmless. Default true. */
  readonly strict?: boolean | undefined;
  /** `exact` gives whole numbers beyond 2⁵³ as bigints; otherwise they are rounded, as JSON.parse does. */
  readonly bigints?: 'exact' | 'rounded' | undefined;
}

export interface RpcCallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Length of the whole call in ms; `Infinity` for none. Default: the method's, then the client's. */
  readonly deadlineMs?: number | undefined;
  /** The height (slot, block) an endpoint must have reached to answer: that of a write you want to see. */
  readonly minHeight?: number | undefined;
  /** Says that doing it twice has the effect of doing it once: then it may be sent again. Default: by the method. */
  readonly idempotent?: boolean | undefined;
  /** Sends a write to this many endpoints at once, or all of them; it counts as one. Default: to one. */
  readonly broadcast?: boolean | number | undefined;
  /** So many endpoints must say the same before a read is believed. Default: the client's for its method, else 1. */
  readonly agree?: number | AgreeOptions | undefined;
  /**
   * Your own word for the call, up to 256 characters: it stands in each fact about the messages sent for it. One that
   * several calls share has it when they all have the same. Sent nowhere.
   */
  readonly tag?: string | undefined;
}

/** A read or write of a batch. */
export interface RpcRequest {
  readonly method: string;
  readonly params?: unknown;
}

export interface Settled {
  /** Each is nothing when it is off. */
  readonly batching: BatchingOptions | undefined;
  readonly cache: RpcCacheOptions | undefined;
  readonly endpoints: readonly (RpcEndpoint & { readonly name: string })[];
  readonly splitting: SplittingOptions | undefined;
  readonly emptyElsewhere: number;
  /** For the client beneath. */
  readonly client: ClientOptions;
}

const ENDPOINT = ['url', 'wsUrl', 'name', 'weight', 'priority', 'headers', 'rateLimit', 'batch'];
/** Options of the HTTP client that mean nothing here, with what to do instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  origin: 'endpoints: [{ url }]',
  rateLimit: 'rateLimit of an endpoint',
  healthCheck: 'nothing: the adapter says how a node is asked',
  redirectsMax: 'the address they lead to',
  compress: 'nothing: requests are short',
};

/** @throws NetError `INVALID` naming what is wrong */
export function settleRpc(options: RpcOptions): Settled {
  checkOptions('what createRpc was given', options);
  const { adapter, endpoints, batching, coalesce, cache, freshness, strict, bigints, limiter, ...rest } = options;
  const { emptyElsewhere = EMPTY_ELSEWHERE, agree: _, splitting, ...client } = rest;
  for (const name of Object.keys(client)) {
    const instead = Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : undefined;
    if (instead !== undefined) throw invalid(`there is no option ${name} of createRpc; use ${instead}`);
  }
  checkFunction('limiter', limiter, 'a function, such as redisEndpointLimits() makes');
  if (typeof adapter?.classify !== 'function' || !isOptions(adapter.methods) || !isOptions(adapter.head)) {
    throw invalid('option adapter says what methods mean: solana or evm of keepwarm/jsonrpc, or one like them');
  }
  checkFlag('coalesce', coalesce);
  checkFlag('strict', strict);
  if (bigints !== undefined && bigints !== 'exact' && bigints !== 'rounded') {
    throw refused('bigints', bigints, '"exact", "rounded"');
  }
  if (emptyElsewhere !== false && !(Number.isInteger(emptyElsewhere) && emptyElsewhere >= 0)) {
    throw refused('emptyElsewhere', emptyElsewhere, 'false, a whole number from 0');
  }
  if (!Array.isArray(endpoints) || endpoints.length === 0) throw invalid('option endpoints must list at least one');
  return {
    endpoints: named(endpoints),
    batching: counted('batching', batching, BATCHING_DEFAULTS, ['windowMs']),
    cache: counted('cache', cache, RPC_CACHE_DEFAULTS),
    splitting: counted('splitting', splitting, SPLITTING_DEFAULTS),
    emptyElsewhere: emptyElsewhere === false ? 0 : emptyElsewhere,
    client,
  };
}

/** What `createRpc` takes in its own way; the other options are those of every client. */
type OwnOption =
  | ('adapter' | 'endpoints' | 'batching' | 'coalesce' | 'cache' | 'freshness' | 'limiter')
  | ('emptyElsewhere' | 'agree' | 'splitting' | 'strict' | 'bigints');
const OWN: Readonly<Record<OwnOption, true>> = {
  adapter: true,
  endpoints: true,
  batching: true,
  coalesce: true,
  cache: true,
  freshness: true,
  emptyElsewhere: true,
  agree: true,
  splitting: true,
  limiter: true,
  strict: true,
  bigints: true,
};
const CALL: Readonly<Record<keyof RpcCallOptions, true>> = {
  signal: true,
  deadlineMs: true,
  minHeight: true,
  idempotent: true,
  broadcast: true,
  agree: true,
  tag: true,
};
export const RPC_OPTION_NAMES: readonly string[] = Object.keys(OWN);
export const RPC_ENDPOINT_NAMES: readonly string[] = ENDPOINT;
export const RPC_CALL_NAMES: readonly string[] = Object.keys(CALL);

/** What a call does not know it would ignore, and nobody would notice. @throws NetError `INVALID` naming it */
export function checkRpcCall(options: RpcCallOptions): void {
  if (!isOptions(options)) throw invalid(`the options of a call are ${show(options)}; allowed: an object of options`);
  for (const name in options) {
    if (name in CALL || Reflect.get(options, name) === undefined) continue;
    throw unknownHere(`${name} of a call`, name, RPC_CALL_NAMES);
  }
  const { idempotent } = options;
  if (idempotent !== undefined && typeof idempotent !== 'boolean') {
    throw invalid(`idempotent of a call is ${show(idempotent)}; allowed: true, false`);
  }
}

/** Numbers with their defaults; nothing when off. @param lengths in ms, which may be 0; others count, from 1 */
function counted<T extends object>(
  name: string,
  option: boolean | Partial<T> | undefined,
  defaults: T,
  lengths: readonly string[] = [],
): T | undefined {
  if (option === false || option === undefined) return undefined;
  if (option === true) return defaults;
  if (!isOptions(option)) throw refused(name, option, 'true, false, or an object of options');
  const values = Object.entries(option).filter(([, value]) => value !== undefined);
  for (const [key, value] of values) {
    if (!Object.hasOwn(defaults, key)) throw unknownOption(`${name}.${key}`, key, Object.keys(defaults));
    const isLength = lengths.includes(key);
    const whole = isLength || Number.isInteger(value) || value === Number.POSITIVE_INFINITY;
    if (typeof value === 'number' && whole && value >= (isLength ? 0 : 1)) continue;
    throw refused(`${name}.${key}`, value, isLength ? 'a number from 0' : 'a whole number from 1, or Infinity');
  }
  return { ...defaults, ...Object.fromEntries(values) };
}

/** Two keys at one provider are two endpoints; the second is told from the first by a number. */
function named(endpoints: readonly RpcEndpoint[]): Settled['endpoints'] {
  const names = new Set(endpoints.map(({ name }) => name));
  return endpoints.map((endpoint) => {
    for (const key of Object.keys(endpoint)) {
      if (!ENDPOINT.includes(key)) throw unknownOption(`endpoints[].${key}`, key, ENDPOINT);
    }
    const { batch } = endpoint;
    if (batch !== undefined && typeof batch !== 'boolean' && !(Number.isInteger(batch) && batch >= 1)) {
      throw invalid(`endpoints[].batch is ${String(batch)}; allowed: true, false, a whole number ≥ 1`);
    }
    if (endpoint.name !== undefined) return { ...endpoint, name: endpoint.name };
    const parsed = URL.parse(String(endpoint.url));
    if (parsed === null) throw invalid('an endpoint has a url that is not an absolute URL');
    let name = parsed.host;
    for (let i = 2; names.has(name); i++) name = `${parsed.host} #${i}`;
    names.add(name);
    return { ...endpoint, name };
  });
}
