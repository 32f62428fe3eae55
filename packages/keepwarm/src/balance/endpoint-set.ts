/**
 * Several endpoints as one target: each call goes to one of them, and its outcome teaches the set where the next goes.
 *
 * Invariants, true whenever no method is running:
 *   (1) No ejection takes the last endpoint that is neither out nor cordoned. When that one fails as well, there
 *       is panic: every endpoint that is not cordoned gets its share, until one answers.
 *   (2) While one that is in takes calls, those that are out get probes only, at most one each at a time.
 *   (3) A probe is a call that may be repeated, and its first attempt; another, once nobody else came for a while.
 *   (4) A call counts as in flight from its sending until its reply has ended, and where it went is noted in its
 *       `tried`.
 *   (5) Headers of an endpoint go to that endpoint only.
 *   (6) What the breaker of an endpoint refused, and so was never sent, goes on to an endpoint where the call has not
 *       been, as long as there is one that takes calls. It is no attempt, and costs no budget.
 *
 * Stands below retry and hedge, so that a repeat goes elsewhere. A call costs a copy of itself and one object.
 */
import { atRandom, type Choose, inTurn, powerOfTwo } from '../algo/p2c.ts';
import type { Call, Outlet, Policy, Relay, Send } from '../core/call.ts';
import type { Clock, Random } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import type { Observer } from '../core/observer.ts';
import type { Origin } from '../core/origin.ts';
import { pass, relayed } from '../core/relay.ts';
import type { Reply } from '../core/reply.ts';
import { type Eligible, Ranking } from './candidates.ts';
import { Endpoint, type EndpointSnapshot } from './endpoint.ts';
import { type CheckTally, HealthChecks } from './health-checks.ts';
import { type BalanceOptions, checkEndpoints, type EndpointOptions, type HealthCheckOptions } from './options.ts';
import type { Judge } from './outcome.ts';
import { Picking } from './picking.ts';
import { Roster, type Visit } from './roster.ts';

export interface BalanceParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  readonly judge: Judge;
  /** Calls to this origin are for the set, others pass it by; all are when it is left out. */
  readonly target?: Origin;
  /** Calls with one key go to one endpoint as long as that takes calls; a call without goes where `picker` says. */
  readonly stickyKey?: (call: Call) => string | undefined;
  /** Whether an endpoint is far enough along for a call; others are asked only when no such one takes calls. */
  readonly eligible?: Eligible | undefined;
  /** Whether no connection can be opened there, which calls need not have found out. Shown, not gone by. */
  readonly unreachable?: (origin: Origin) => boolean;
  /** Another picker than the named ones. */
  readonly choose?: Choose<Endpoint>;
  /** Health checks, and through what they are sent: the engine. */
  readonly checks?: HealthCheckOptions & { readonly send: Send };
}

export interface EndpointSetSnapshot {
  /** Whether all endpoints fail, so that all are asked. */
  readonly panic: boolean;
  readonly endpoints: readonly EndpointSnapshot[];
}

export interface EndpointSet extends Policy {
  snapshot(): EndpointSetSnapshot;
  /**
   * Sends an endpoint nothing more, health checks included, until `uncordon`; what is in flight goes on.
   *
   * @throws NetError `INVALID` for a name there is not
   */
  cordon(name: string): void;
  uncordon(name: string): void;
  /** Endpoints that take calls, and where this call has not been: its next attempt goes to one of them. */
  untried(call: Call, now?: number): number;
  /** Ends health checks. Twice is harmless. */
  close(): void;
}

/** @throws NetError `INVALID` for endpoints that cannot be */
export function endpointSet(
  endpoints: readonly EndpointOptions[],
  options: BalanceOptions,
  parts: BalanceParts,
): EndpointSet {
  checkEndpoints(endpoints);
  const set = new Endpoints(endpoints, options, parts);
  const { target } = parts;
  const isOurs = (call: Call): boolean => target === undefined || call.origin.key === target.key;
  const policy = relayed(parts.clock, (next) => (call, to, now) => {
    if (isOurs(call)) set.relay(call, to, now, next);
    else next(call, to, now);
  });
  return Object.assign(policy, {
    snapshot: () => set.snapshot(),
    cordon: (name: string) => set.cordon(name, true),
    uncordon: (name: string) => set.cordon(name, false),
    untried: (call: Call, now = parts.clock.now()) => (isOurs(call) ? set.untried(call, now) : 0),
    close: () => set.close(),
  });
}

const PICKERS: Readonly<Record<BalanceOptions['picker'], Choose<Endpoint>>> = {
  p2c: powerOfTwo,
  'round-robin': inTurn,
  random: atRandom,
};

class Endpoints {
  readonly #parts: BalanceParts;
  readonly #roster: Roster;
  readonly #ranking: Ranking;
  readonly #picking: Picking;
  readonly #checks: HealthChecks | undefined;

  constructor(endpoints: readonly EndpointOptions[], options: BalanceOptions, parts: BalanceParts) {
    this.#parts = parts;
    const roster = new Roster(
      endpoints.map((endpoint) => new Endpoint(endpoint, options)),
      options,
      parts,
    );
    this.#roster = roster;
    const { clock, random, stickyKey, eligible, checks, choose = PICKERS[options.picker] } = parts;
    this.#ranking = new Ranking(roster.endpoints, eligible);
    this.#picking = new Picking(roster, this.#ranking, {
      random,
      choose,
      stickyKey,
      eligible,
      callsProbe: checks === undefined,
    });
    if (checks !== undefined) {
      const told = (endpoint: Endpoint, tally: CheckTally): void => {
        this.#ranking.changed();
        roster.checked(endpoint, tally, checks);
      };
      this.#checks = new HealthChecks(checks, roster.endpoints, { clock, random, told });
    }
  }

  relay(call: Call, to: Outlet, now: number, next: Relay): void {
    const { endpoint, probe } = this.#picking.pick(call, now);
    const sent = endpoint.address(call);
    call.tried?.push(endpoint.name);
    endpoint.inFlight++;
    pass(next, sent, new Visitor(this, call, to, next, endpoint, probe, now), now);
  }

  replied(visit: Visitor, reply: Reply, now: number): void {
    const { endpoint } = visit;
    this.#ranking.changed();
    this.#roster.note(endpoint, visit, this.#parts.judge.ofReply(reply), reply, now);
    if (reply.ended) endpoint.inFlight--;
    else reply.onEnd(() => void endpoint.inFlight--);
  }

  /** @returns whether it goes on to another endpoint, as this one was not asked */
  failed(visit: Visitor, error: NetError, now: number): boolean {
    const { call, endpoint, since } = visit;
    endpoint.inFlight--;
    this.#ranking.changed();
    this.#roster.note(endpoint, visit, this.#parts.judge.ofError(error, now - since), error, now);
    return error.code === 'OPEN' && error.reach === 'unsent' && this.untried(call, now) > 0;
  }

  untried(call: Call, now: number): number {
    // Without a list of where it has been, "another one" has no meaning.
    return call.tried === undefined ? 0 : this.#ranking.untried(call, this.#roster.panic, now);
  }

  cordon(name: string, cordoned: boolean): void {
    this.#ranking.changed();
    this.#roster.cordon(name, cordoned);
  }

  snapshot(): EndpointSetSnapshot {
    const { clock, unreachable } = this.#parts;
    const now = clock.now();
    const wallAhead = clock.wall() - now;
    const { panic, endpoints } = this.#roster;
    const tell = (endpoint: Endpoint) => endpoint.snapshot(now, wallAhead, unreachable?.(endpoint.origin) === true);
    return { panic, endpoints: endpoints.map(tell) };
  }

  close(): void {
    this.#checks?.close();
  }
}

/** A call at an endpoint, from its sending to its outcome. */
class Visitor implements Outlet, Visit {
  readonly call: Call;
  readonly endpoint: Endpoint;
  readonly probe: boolean;
  readonly since: number;
  readonly spell: number;
  readonly #set: Endpoints;
  readonly #to: Outlet;
  readonly #next: Relay;

  constructor(set: Endpoints, call: Call, to: Outlet, next: Relay, endpoint: Endpoint, probe: boolean, since: number) {
    this.call = call;
    this.endpoint = endpoint;
    this.probe = probe;
    this.since = since;
    this.spell = endpoint.ejection.spell;
    this.#set = set;
    this.#to = to;
    this.#next = next;
  }

  replied(reply: Reply, now: number): void {
    this.#set.replied(this, reply, now);
    this.#to.replied(reply, now);
  }

  failed(thrown: unknown, now: number): void {
    if (this.#set.failed(this, NetError.from(thrown), now)) this.#set.relay(this.call, this.#to, now, this.#next);
    else this.#to.failed(thrown, now);
  }
}
