/** What a JSON-RPC client is made of, put together from its options. */

import type { Call } from '../../core/call.ts';
import { systemClock, systemRandom } from '../../core/clock.ts';
import type { Observer } from '../../core/observer.ts';
import { originOf } from '../../core/origin.ts';
import { withDefaults } from '../../core/refusal.ts';
import { TRANSIENT_STATUSES } from '../../policies/repeat.ts';
import { Client, engineOf, protocolDoorOf } from '../client.ts';
import { BUSY } from '../endpoint-judge.ts';
import { guarded } from '../facts.ts';
import { join, told } from '../telemetry.ts';
import type { RpcAdapter } from './adapter.ts';
import { type AgreeLimits, settleAgreeing } from './agree-options.ts';
import { Agreement } from './agreement.ts';
import { type AnswerParts, answers } from './answers.ts';
import { Asked } from './asked.ts';
import { Batcher } from './batcher.ts';
import { RpcCache } from './cache.ts';
import { Company } from './company.ts';
import { Differing } from './differing.ts';
import { Empties, type EmptiesParts } from './empties.ts';
import { EndpointLimits, type RpcRateLimit } from './endpoint-limits.ts';
import { type EndpointPlace, Freshness, type FreshnessParts } from './freshness.ts';
import { settleFreshness } from './freshness-options.ts';
import { BATCHING_DEFAULTS, type RpcEndpoint, type RpcOptions, type Settled, settleRpc } from './options.ts';
import { type PartLimits, Parts } from './parts.ts';
import { Plans } from './plan.ts';
import { Probe } from './probe.ts';
import { Reads } from './reads.ts';
import { Routing } from './routing.ts';
import { EXACT } from './sameness.ts';
import { Sender } from './sender.ts';
import { Splitting } from './splitting.ts';
import { Standing } from './standing.ts';
import type { StatsParts } from './stats.ts';
import { Writes } from './writes.ts';

export interface RpcAssembly extends StatsParts {
  readonly plans: Plans;
  readonly sender: Sender;
  readonly reads: Reads;
  readonly writes: Writes;
  readonly exact: boolean;
  readonly agreeLimits: AgreeLimits;
}

/** @throws NetError `INVALID` naming the option that is not acceptable */
export function assemble(options: RpcOptions): RpcAssembly {
  const settled = settleRpc(options);
  const { adapter, strict = true, bigints } = options;
  const { endpoints } = settled;
  const clock = settled.client.clock ?? systemClock;
  const random = settled.client.random ?? systemRandom;
  const observer = settled.client.observer === undefined ? {} : guarded(settled.client.observer);
  const toldOf = { clock, observer: told(settled.client.observer, join(settled.client.telemetry, clock)) };
  const limits = new EndpointLimits(perEndpoint(settled, limitsOf), toldOf, options.limiter);
  const parts = new Parts(perEndpoint(settled, partLimitsOf), clock);
  const names = endpoints.map(({ name }) => name);
  const routing = new Routing(names, limits, clock);
  const reading: AnswerParts = { adapter, strict, clock, watch: routing.watch };
  const reader = answers(reading);
  const client = new Client(httpOptions(settled, limits, { clock, random }), {
    policies: { parts: parts.policy, answers: reader },
    balance: { stickyKey: localKey, eligible: routing.eligible },
  });
  const door = protocolDoorOf(client);
  const agreeLimits = { endpoints: endpoints.length, followed: endpoints.length > 1 && options.freshness !== false };
  const plans = new Plans(adapter, settleAgreeing(options.agree ?? {}, adapter, agreeLimits));
  const sender = new Sender(door, clock);
  const places = endpoints.map(({ name, url }) => ({ name, origin: originOf(new URL(url)).key }));
  const probing = { door, send: limits.policy(reader(engineOf(client).send)), clock };
  const freshness = followed(options, places, { clock, random, observer, head: adapter.head }, (timeoutMs) => {
    const probe = new Probe(endpoints, { ...probing, timeoutMs });
    const { method, params } = adapter.head;
    return (name, signal) => probe.ask(name, plans.of(method), params, signal);
  });
  routing.freshness = freshness;
  const doubts = doubtsOf(settled, adapter, places, { sender, freshness, observer });
  const batcher = new Batcher(settled.batching ?? BATCHING_DEFAULTS, sender, doubts.empties);
  const company = options.coalesce === false ? undefined : new Company(clock);
  const cache = settled.cache === undefined ? undefined : new RpcCache(settled.cache, clock);
  const together = settled.batching === undefined ? undefined : batcher;
  const reads = new Reads({ sender, clock, batcher: together, company, cache, freshness, ...doubts });
  const changed = (): void => {
    company?.changed();
    cache?.changed();
  };
  const standing = new Standing(sender, plans, endpoints.length);
  const writes = new Writes(sender, standing, endpoints.length, changed, () => freshness?.called());
  return {
    client,
    limits,
    parts,
    freshness,
    batcher,
    company,
    cache,
    ...doubts,
    agreeLimits,
    plans,
    sender,
    reads,
    writes,
    exact: bigints === 'exact',
  };
}

/** One endpoint alone has nobody to lag behind. @param asking how an endpoint is asked that has so long to answer */
function followed(
  options: RpcOptions,
  places: readonly EndpointPlace[],
  parts: Omit<FreshnessParts, 'ask'>,
  asking: (timeoutMs: number) => FreshnessParts['ask'],
): Freshness | undefined {
  // Looked at in any case: what is wrong with it is not to be found out when a second endpoint comes.
  const settled = settleFreshness(options.freshness, parts.head);
  if (settled === undefined || places.length < 2) return undefined;
  return new Freshness(places, settled, { ...parts, ask: asking(settled.timeoutMs) });
}

/** What is done about answers that say too little, otherwise than others do, or that it was too much. */
function doubtsOf(
  settled: Settled,
  adapter: RpcAdapter,
  places: readonly EndpointPlace[],
  parts: Pick<EmptiesParts, 'sender' | 'freshness'> & { readonly observer: Observer },
) {
  const { sender, freshness } = parts;
  const differing = new Differing(places, parts.observer);
  const more = Math.min(settled.emptyElsewhere, places.length - 1);
  return {
    differing,
    empties: more === 0 ? undefined : new Empties(more, { sender, freshness, differing }),
    agreement: new Agreement({ sender, freshness, differing, sameness: adapter.sameness ?? EXACT }),
    splitting: settled.splitting && new Splitting(settled.splitting, sender),
  };
}

type Named = Settled['endpoints'][number];

function perEndpoint<T>({ endpoints }: Settled, of: (endpoint: RpcEndpoint) => T): Map<string, T> {
  return new Map(endpoints.map((endpoint) => [endpoint.name, of(endpoint)]));
}

function httpOptions(
  { client, endpoints }: Settled,
  limits: EndpointLimits,
  parts: Pick<RpcOptions, 'clock' | 'random'>,
): Settled['client'] {
  const place = ({ url, name, weight, priority, headers }: Named) => ({ url, name, weight, priority, headers });
  const ready = Object.assign(limits.policy, { snapshot: () => ({}), close: () => limits.close() });
  return {
    ...client,
    ...parts,
    endpoints: endpoints.map(place),
    breaker: client.breaker === true ? BREAKING : withDefaults<typeof client.breaker>(BREAKING, client.breaker),
    ...(limits.size === 0 ? {} : { rateLimit: ready }),
  };
}

/**
 * Two endpoints may share an origin, and fail each for itself. One that asks for less is well: its pauses are kept, and
 * where it is the only one left, calls wait for it instead of being refused.
 */
const BREAKING = {
  key: (call: Call): string => call.endpoint ?? call.origin.key,
  statuses: TRANSIENT_STATUSES.filter((status) => !BUSY.has(status)),
};

/** What belongs to one node goes to one node, for as long as that takes calls. */
function localKey({ about }: Call): string | undefined {
  return about instanceof Asked && about.plan.traits.kind === 'local' ? 'local' : undefined;
}

function limitsOf({ rateLimit = [] }: RpcEndpoint): readonly RpcRateLimit[] {
  return isList(rateLimit) ? rateLimit : [rateLimit];
}

function isList(given: RpcRateLimit | readonly RpcRateLimit[]): given is readonly RpcRateLimit[] {
  return Array.isArray(given);
}

function partLimitsOf(endpoint: RpcEndpoint): PartLimits {
  const { batch = true } = endpoint;
  const limits = limitsOf(endpoint);
  const least = (unit: 'requests' | 'computeUnits'): number =>
    Math.min(...limits.flatMap(({ unit: own = 'requests', limit }) => (own === unit ? [limit] : [])));
  const own = batch === true ? Number.POSITIVE_INFINITY : batch === false ? 1 : batch;
  return { sizeMax: Math.min(own, least('requests')), costMax: least('computeUnits') };
}
