/** A client of several endpoints: its options as an endpoint set, and the place its paths are relative to. */
import { type EndpointSet, endpointSet } from '../balance/endpoint-set.ts';
import {
  BALANCE_DEFAULTS,
  type BalanceOptions,
  type EndpointOptions,
  HEALTH_CHECK_DEFAULTS,
  type HealthCheckOptions,
} from '../balance/options.ts';
import type { Call, Policy, Send } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { checkPath, Fields, type FieldsInput } from '../core/fields.ts';
import { type Origin, originOf } from '../core/origin.ts';
import { checkKnown, checkText, isOptions, kindOf } from '../core/refusal.ts';
import { type Read, reading, relayed, relayOf, sending } from '../core/relay.ts';
import type { Reply } from '../core/reply.ts';
import type { WarmUpResult } from '../engines/http1/origin-pool.ts';
import { BREAKER_DEFAULTS } from '../policies/breaker.ts';
import { isRedirect, urlOf } from '../policies/redirect.ts';
import { httpJudge } from './endpoint-judge.ts';
import { invalid } from './options.ts';
import { always, given } from './policy-options.ts';
import type { Protocol } from './protocol.ts';
import type { Resilience, ResilienceParts } from './resilience.ts';
import { baseOf, checkBase } from './targets.ts';
import type { Unreachable } from './unreachable.ts';

export interface ClientEndpoint {
  /** Where it is, base path included: `https://a.example.com/v1`. */
  readonly url: string | URL;
  /** By which facts, stats and operators call it; its host when left out. Put no secrets in it. */
  readonly name?: string | undefined;
  /** Its share of the traffic, relative to the others of its priority. Default 1. */
  readonly weight?: number | undefined;
  /** 0 is asked first; others only while none of a lower number can serve. Default 0. */
  readonly priority?: number | undefined;
  /** Sent to this endpoint and to no other: its key, for example. */
  readonly headers?: FieldsInput | undefined;
}

export interface ClientBalance extends BalanceOptions {
  /** Calls with one key go to one endpoint as long as that takes calls; a call without goes where `picker` says. */
  readonly stickyKey?: (call: Call) => string | undefined;
}

export interface EndpointsOptions {
  /** Several addresses of one target, instead of `origin`: each call goes to the one that serves best. */
  readonly endpoints?: readonly ClientEndpoint[] | undefined;
  /** How they are chosen, ejected and readmitted. */
  readonly balance?: Partial<ClientBalance> | undefined;
  /** Asks each of them now and then, whether calls go there or not. Off by default. */
  readonly healthCheck?: (Partial<HealthCheckOptions> & Pick<HealthCheckOptions, 'path'>) | undefined;
}

export interface ClientEndpoints {
  readonly set: EndpointSet;
  /** Their addresses, in the order in which they were given. */
  readonly places: readonly EndpointOptions[];
}

interface Around {
  readonly protocol?: Protocol | undefined;
  readonly unreachable?: Unreachable | undefined;
}

/** @param send the engine, for health checks @throws NetError `INVALID` naming the option that is not acceptable */
export function endpointsOf(
  options: EndpointsOptions & { readonly origin?: unknown },
  parts: ResilienceParts & Pick<Resilience, 'patienceMs'> & Around,
  send: Send,
): ClientEndpoints | undefined {
  const { endpoints, origin } = options;
  if (endpoints === undefined) {
    const alone = (['balance', 'healthCheck'] as const).find((name) => options[name] !== undefined);
    if (alone !== undefined) throw invalid(`option ${alone} is given without endpoints, which it is about`);
    return undefined;
  }
  if (origin !== undefined) throw invalid('options origin and endpoints exclude each other: endpoints have origins');
  if (!Array.isArray(endpoints) || endpoints.length === 0) throw invalid('option endpoints must list at least one');
  const { protocol, unreachable } = parts;
  const members = endpoints.map((endpoint) => memberOf(endpoint, protocol !== undefined));
  const { healthCheck } = options;
  const figures = given('healthCheck', healthCheck, HEALTH_CHECK_DEFAULTS);
  if (figures !== undefined && healthCheck?.path === undefined) {
    throw invalid('option healthCheck.path is undefined; allowed: a path');
  }
  const checks = figures === undefined ? {} : { checks: { ...figures, path: checkPath(healthCheck!.path), send } };
  const balance = always<ClientBalance>('balance', options.balance, BALANCE_DEFAULTS);
  const set = endpointSet(members, balance, {
    ...parts,
    ...(balance.stickyKey && { stickyKey: balance.stickyKey }),
    judge: httpJudge(parts.clock, { ...BREAKER_DEFAULTS, patienceMs: parts.patienceMs }),
    unreachable: (place) => unreachable?.has(place.key) === true,
    ...checks,
    ...protocol?.balance,
  });
  return { set, places: members };
}

/**
 * The set for calls to `home`; whatever a redirect leads elsewhere passes it by. A Location that an endpoint gives
 * relative to itself becomes absolute: above the set nobody knows which one it was.
 */
export function endpointsFor(home: Origin, set: EndpointSet, clock: Clock): Policy {
  const locate: Read = (reply, call) =>
    isRedirect(reply.status) ? absolute(reply, call.origin.key + call.path) : reply;
  const located = relayed(clock, (next) => reading(next, locate, clock));
  return (next) => {
    const through = relayOf(set(located(next)), clock);
    const past = relayOf(next, clock);
    return sending((call, to, now) => (call.origin === home ? through : past)(call, to, now), clock);
  };
}

function absolute(reply: Reply, cameFrom: string): Reply {
  const location = reply.headers.get('location');
  const url = location === undefined ? null : urlOf(location, cameFrom);
  return url === null ? reply : reply.located(url.href);
}

/** The origins calls go to when no other is named, by their keys; those that are none are refused elsewhere. */
export function homesOf({ origin, endpoints }: EndpointsOptions & { readonly origin?: string | URL | undefined }) {
  const urls = Array.isArray(endpoints) ? endpoints.map((endpoint) => endpoint?.url) : [origin];
  const parsed = urls.map((url) => (typeof url === 'string' || url instanceof URL ? URL.parse(String(url)) : null));
  return parsed.filter((url) => url !== null).map((url) => url.origin);
}

const MEMBER = ['url', 'name', 'weight', 'priority', 'headers'] satisfies (keyof ClientEndpoint)[];

function memberOf(endpoint: ClientEndpoint, whole: boolean): EndpointOptions {
  if (!isOptions(endpoint)) throw invalid(`option endpoints has ${kindOf(endpoint)} in it; allowed: { url }`);
  checkKnown(endpoint, MEMBER, '', ' of an endpoint');
  const { url, name, weight, priority, headers } = endpoint;
  const parsed = baseOf('url of an endpoint', url);
  checkText('name of an endpoint', name);
  if (!whole) checkBase('url of an endpoint', parsed);
  const basePath = parsed.pathname.replace(/\/$/, '');
  return {
    name: name ?? parsed.host,
    origin: originOf(parsed),
    ...(whole ? { target: checkPath(parsed.pathname + parsed.search) } : basePath === '' ? {} : { basePath }),
    ...(weight === undefined ? {} : { weight }),
    ...(priority === undefined ? {} : { priority }),
    ...(headers === undefined ? {} : { headers: Fields.of(headers) }),
  };
}

/** Warm-ups of several endpoints as one: as long as the longest, with the last error. */
export function together(results: readonly WarmUpResult[]): WarmUpResult {
  return results.reduce((all, one) => ({
    open: all.open + one.open,
    failed: all.failed + one.failed,
    latencyMs: Math.max(all.latencyMs, one.latencyMs),
    error: one.error ?? all.error,
  }));
}
