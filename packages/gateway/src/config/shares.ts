/**
 * What each of several workers gets of what there is for all: places for connections and waiters, and what may be sent
 * beyond the calls themselves. The parts add up to the whole, so nothing here ever exceeds it. Rate limits are not
 * divided: workers/places-book.ts moves those of endpoints and origins to where the calls are, callers are counted at
 * home.
 */
import type { ClientOptions } from 'keepwarm';
import { figuresOf, repeats } from './client-options.ts';
import type { GatewayConfig, UpstreamConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import { limitsOf } from './rate-tables.ts';
import type { RpcUpstreamConfig } from './rpc-upstream.ts';
import { UPGRADES_DEFAULTS } from './upgrades.ts';
import { WEBSOCKET_DEFAULTS } from './websocket.ts';

/** The library's own; a test compares. */
export const SHARED_POOL = { socketsMax: 50, socketsTotalMax: 256, idleMax: 10, waitersMax: 10_000 } as const;
export const SHARED_CONCURRENCY = { limit: 20, limitMin: 1, limitMax: 200, waitersMax: 1_000 } as const;
export const SHARED_PER_SECOND = { budget: 10, hedge: 1 } as const;

/** One of `count` workers, numbered from 0. */
export interface Slot {
  readonly slot: number;
  readonly count: number;
}

/** The first ones get what cannot be divided. */
export function partOf(whole: number, { slot, count }: Slot): number {
  if (!Number.isFinite(whole)) return whole;
  return Math.floor(whole / count) + (slot < whole % count ? 1 : 0);
}

/** The configuration of one worker. What is done at home is not in it, the token of the admin listener neither. */
export function configOfWorker(config: GatewayConfig, slot: Slot): GatewayConfig {
  const { access: _, grpc: __, ...rest } = config;
  const upstreams = [...config.upstreams].map(([name, upstream]) => {
    return [
      name,
      'rpc' in upstream ? rpcPart(upstream, slot) : whole(upstream, slot, config.redis === undefined),
    ] as const;
  });
  return { ...rest, callersMax: partOf(config.callersMax, slot), upstreams: new Map(upstreams) };
}

/** @throws ConfigError where there is less than one for each worker */
export function checkShares({ workers = 1, callersMax, upstreams, redis }: GatewayConfig): void {
  if (workers === 1) return;
  const check = (path: string, whole: number): void => {
    if (whole === 0 || whole >= workers) return;
    throw new ConfigError(path, `is ${whole}; allowed: at least 1 for each of ${workers} workers`);
  };
  check('callersMax', callersMax);
  const all = [...upstreams].flatMap(([name, upstream]): [string, UpstreamConfig | RpcUpstreamConfig][] => {
    if ('rpc' in upstream || upstream.sections === undefined) return [[name, upstream]];
    const { each, named } = upstream.sections;
    const listed = Array.from(named, ([section, config]) => [`${name}.sections.named.${section}`, config] as const);
    return [
      [name, upstream],
      [`${name}.sections.each`, each],
      ...listed.map(([at, config]) => [at, config] as [string, UpstreamConfig]),
    ];
  });
  for (const [name, upstream] of all) {
    const { pool = {} } = 'rpc' in upstream ? upstream.rpc : { pool: poolOf(upstream.client) };
    for (const option of ['socketsMax', 'socketsTotalMax'] as const) {
      check(`upstreams.${name}.pool.${option}`, pool[option] ?? SHARED_POOL[option]);
    }
    if ('rpc' in upstream) check(`upstreams.${name}.websocket.callersMax`, websocketOf(upstream).callersMax);
    else {
      check(`upstreams.${name}.upgrades.upgradesMax`, upgradesOf(upstream).upgradesMax);
      const { limit } = concurrencyOf(upstream.client) ?? {};
      if (limit !== undefined) check(`upstreams.${name}.concurrency.limit`, limit);
      if (redis === undefined && limitsOf(upstream.client).some(({ by }) => by !== undefined)) {
        const allowed = 'allowed: without by, with redis, or with one worker';
        throw new ConfigError(`upstreams.${name}.rateLimit.by`, `is counted by each of ${workers} workers; ${allowed}`);
      }
      if (redis === undefined && name.endsWith('.sections.each')) {
        const own = limitsOf(upstream.client).filter((each) => each.whole !== true);
        for (const each of own) check(`upstreams.${name}.rateLimit.limit`, each.limit);
      }
    }
  }
}

/** With its sections. @param counts what of limits workers have to keep among themselves */
function whole(upstream: UpstreamConfig, slot: Slot, counts: boolean): UpstreamConfig {
  const { sections } = upstream;
  if (sections === undefined) return part(upstream, slot);
  const each = part(sections.each, slot);
  const named = new Map([...sections.named].map(([name, section]) => [name, part(section, slot)]));
  return { ...part(upstream, slot), sections: { ...sections, each: counts ? limited(each, slot) : each, named } };
}

/** A section that is not in the configuration comes and goes: no places of its own limits move to it. */
function limited(section: UpstreamConfig, slot: Slot): UpstreamConfig {
  const { rateLimit } = section.client;
  if (limitsOf(section.client).length === 0) return section;
  const limits = limitsOf(section.client).map((each) =>
    each.whole === true ? each : { ...each, limit: partOf(each.limit, slot) },
  );
  return { ...section, client: { ...section.client, rateLimit: { ...(rateLimit as object), limits } } };
}

function part(upstream: UpstreamConfig, slot: Slot): UpstreamConfig {
  const upgrades = upgradesOf(upstream);
  const { client } = upstream;
  const sent = repeats(client) ? sentPart(client, figuresOf(client).hedge !== undefined, slot) : {};
  const concurrency = concurrencyPart(client, slot);
  return {
    ...upstream,
    client: { ...client, ...sent, ...concurrency, pool: poolPart(poolOf(client), slot) },
    upgrades: { ...upgrades, upgradesMax: partOf(upgrades.upgradesMax, slot) },
  };
}

function rpcPart(upstream: RpcUpstreamConfig, slot: Slot): RpcUpstreamConfig {
  const { rpc } = upstream;
  const websocket = websocketOf(upstream);
  return {
    ...upstream,
    rpc: { ...rpc, pool: poolPart(rpc.pool, slot), ...sentPart(rpc, false, slot) },
    websocket: { ...websocket, callersMax: partOf(websocket.callersMax, slot) },
  };
}

/** What may be sent beyond the calls themselves. @param hedges unless told otherwise */
function sentPart({ budget, ...given }: Sent, hedges: boolean, slot: Slot): Sent {
  const { hedge = hedges } = given;
  const perSecond = (given: number | undefined, otherwise: number): number => (given ?? otherwise) / slot.count;
  const hedging = typeof hedge === 'object' ? hedge : {};
  return {
    budget: { ...budget, perSecond: perSecond(budget?.perSecond, SHARED_PER_SECOND.budget) },
    ...(hedge === false
      ? {}
      : { hedge: { ...hedging, perSecond: perSecond(hedging.perSecond, SHARED_PER_SECOND.hedge) } }),
  };
}

type Sent = Pick<ClientOptions, 'budget' | 'hedge'>;

/** Each worker finds out for itself how much of its part its upstream takes. */
function concurrencyPart(client: ClientOptions, slot: Slot): Pick<ClientOptions, 'concurrency'> {
  const all = concurrencyOf(client);
  if (all === undefined) return {};
  const { limit, limitMin, limitMax, waitersMax } = all;
  const parts = { limit: partOf(limit, slot), limitMax: partOf(limitMax, slot), waitersMax: partOf(waitersMax, slot) };
  return { concurrency: { ...all, ...parts, limitMin: Math.max(1, Math.floor(limitMin / slot.count)) } };
}

function concurrencyOf(client: ClientOptions) {
  const { concurrency = figuresOf(client).concurrency } = client;
  if (concurrency === undefined || concurrency === false) return undefined;
  const own = typeof concurrency === 'object' ? concurrency : {};
  return { ...SHARED_CONCURRENCY, ...figuresOf(client).concurrency, ...own };
}

const poolOf = (client: ClientOptions): Pool => ({ ...figuresOf(client).pool, ...client.pool });

const upgradesOf = ({ upgrades }: UpstreamConfig) => upgrades ?? UPGRADES_DEFAULTS;
const websocketOf = ({ websocket }: RpcUpstreamConfig) => websocket ?? WEBSOCKET_DEFAULTS;

type Pool = UpstreamConfig['client']['pool'];

/** Of connections kept idle each worker has one where there are any: without, it would open one for every call. */
function poolPart(pool: Pool, slot: Slot): NonNullable<Pool> {
  const settled = { ...SHARED_POOL, ...pool };
  // As the library has it: who wants more for one origin than all would have together wants as many together.
  const all = {
    ...settled,
    socketsTotalMax: pool?.socketsTotalMax ?? Math.max(SHARED_POOL.socketsTotalMax, settled.socketsMax),
  };
  const socketsMax = partOf(all.socketsMax, slot);
  const socketsTotalMax = partOf(all.socketsTotalMax, slot);
  // Rounded up, so that each keeps something warm; but no more than it has places for.
  const each = (whole: number): number => Math.min(Math.ceil(whole / slot.count), socketsMax, socketsTotalMax);
  const idleMin = all.idleMin === undefined ? {} : { idleMin: each(all.idleMin) };
  return {
    ...all,
    socketsMax,
    socketsTotalMax,
    idleMax: Math.min(all.idleMax, Math.max(1, partOf(all.idleMax, slot))),
    waitersMax: partOf(all.waitersMax, slot),
    ...idleMin,
  };
}
