/**
 * Who takes part: learns from outcomes, ejects and readmits, and keeps the set from emptying itself. Its invariants are
 * (1) and (2) of endpoint-set.ts, and those of ejection.ts.
 *
 * Panic ends when an endpoint that was out answers, or one that is in has no longer failed too much. What kept all of
 * them from answering was hardly each one's own fault, so those still out are asked at once.
 */
import type { Clock, Random } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import type { EjectionReason, Observer, Readmission } from '../core/observer.ts';
import type { Reply } from '../core/reply.ts';
import type { Endpoint } from './endpoint.ts';
import type { CheckTally } from './health-checks.ts';
import type { BalanceOptions, HealthCheckOptions } from './options.ts';
import type { EndpointVerdict, Judge } from './outcome.ts';

export interface RosterParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  readonly judge: Judge;
}

/** A call at an endpoint. */
export interface Visit {
  readonly since: number;
  /** The spell in which it was sent. */
  readonly spell: number;
  readonly probe: boolean;
}

/** What made an ejection necessary. Neither for what a health check found. */
interface Cause {
  readonly status: number | undefined;
  readonly error: NetError | undefined;
}

export class Roster {
  readonly endpoints: readonly Endpoint[];
  panic = false;
  readonly #options: BalanceOptions;
  readonly #parts: RosterParts;

  constructor(endpoints: readonly Endpoint[], options: BalanceOptions, parts: RosterParts) {
    this.endpoints = endpoints;
    this.#options = options;
    this.#parts = parts;
  }

  /** The head of a reply has come, or an error instead. */
  note(endpoint: Endpoint, visit: Visit, verdict: EndpointVerdict, outcome: Reply | NetError, now: number): void {
    if (verdict === 'well') endpoint.successes++;
    else if (verdict === 'ill') endpoint.failures++;
    else if (verdict === 'busy') endpoint.busy++;
    if (verdict === 'busy' || verdict === 'ill') this.#pause(endpoint, outcome, now);
    if (visit.spell !== endpoint.ejection.spell) return;
    if (endpoint.ejection.out) this.#noteOut(endpoint, visit.probe, verdict, outcome, now);
    learn(endpoint, verdict, outcome, now - visit.since, now);
    if (!endpoint.ejection.out && (verdict === 'well' || verdict === 'ill'))
      this.#noteIn(endpoint, verdict, outcome, now);
  }

  /** A health check has ended. */
  checked(endpoint: Endpoint, tally: CheckTally, options: HealthCheckOptions): void {
    const now = this.#parts.clock.now();
    const { ejection } = endpoint;
    if (ejection.out) {
      if (tally.good >= options.healthyAfter && ejection.due(now)) this.#readmit(endpoint, 'check', now);
    } else if (tally.bad >= options.unhealthyAfter) {
      this.#eject(endpoint, 'check', { status: undefined, error: undefined }, now);
    }
  }

  /** @throws NetError `INVALID` for a name there is not */
  cordon(name: string, cordoned: boolean): void {
    const endpoint = this.endpoints.find((each) => each.name === name);
    if (endpoint === undefined) {
      throw new NetError('INVALID', `there is no endpoint ${JSON.stringify(name)}`, { reach: 'unsent' });
    }
    if (endpoint.cordoned === cordoned) return;
    endpoint.cordoned = cordoned;
    if (!cordoned) this.#calm(this.#parts.clock.now()); // there is somebody else to ask
    this.#parts.observer.endpointCordoned?.({ endpoint: name, origin: endpoint.origin.key, cordoned });
  }

  #pause(endpoint: Endpoint, outcome: Reply | NetError, now: number): void {
    const ms = this.#parts.judge.pauseMs(outcome);
    if (ms === undefined) return;
    endpoint.pausedUntilMs = Math.max(endpoint.pausedUntilMs, now + Math.min(ms, this.#options.pauseMsMax));
  }

  #noteOut(endpoint: Endpoint, probe: boolean, verdict: EndpointVerdict, outcome: Reply | NetError, now: number): void {
    const failed = outcome instanceof NetError;
    if (verdict === 'well' || (verdict !== 'ill' && !failed)) this.#readmit(endpoint, 'call', now);
    else if (!probe)
      return; // sent in panic: it is out as it was
    else if (verdict === 'ill') this.#out(endpoint, 'probe', causeOf(outcome), now);
    else endpoint.ejection.unprobed(now);
  }

  #noteIn(endpoint: Endpoint, verdict: 'well' | 'ill', outcome: Reply | NetError, now: number): void {
    const { ejection } = endpoint;
    ejection.note(verdict === 'ill', now);
    const grounds = ejection.grounds(now);
    if (grounds === undefined) this.#calm(now);
    else if (verdict === 'ill') this.#eject(endpoint, grounds, causeOf(outcome), now);
  }

  /** Out with it, if the set can do without. */
  #eject(endpoint: Endpoint, reason: EjectionReason, cause: Cause, now: number): void {
    let out = 1;
    let others = 0;
    for (const each of this.endpoints) {
      if (each === endpoint) continue;
      if (each.ejection.out) out++;
      else if (!each.cordoned) others++;
    }
    if (others === 0 && !endpoint.cordoned) this.panic = true;
    else if (out <= this.#options.ejectedShareMax * this.endpoints.length) this.#out(endpoint, reason, cause, now);
  }

  #out(endpoint: Endpoint, reason: EjectionReason, cause: Cause, now: number): void {
    const { ejection, name, origin } = endpoint;
    const ejectedMs = ejection.eject(reason, now, this.#parts.random);
    const { ejections } = ejection;
    this.#parts.observer.endpointEjected?.({
      endpoint: name,
      origin: origin.key,
      reason,
      ejectedMs,
      ejections,
      ...cause,
    });
  }

  #readmit(endpoint: Endpoint, by: Readmission, now: number): void {
    const { ejection, name, origin } = endpoint;
    const outMs = ejection.forMs(now);
    ejection.readmit(now);
    endpoint.forget();
    this.#parts.observer.endpointReadmitted?.({ endpoint: name, origin: origin.key, by, outMs });
    this.#calm(now);
  }

  #calm(now: number): void {
    if (!this.panic) return;
    this.panic = false;
    for (const { ejection } of this.endpoints) ejection.pardon(now);
  }
}

/**
 * Only an answer can show that an endpoint is fast: a refusal or a lost connection comes sooner than any answer, and
 * whoever gives the fastest ones would get all the calls. (Known as such from linkerd's load biaser.)
 */
function learn(endpoint: Endpoint, verdict: EndpointVerdict, outcome: Reply | NetError, tookMs: number, now: number) {
  const answered = verdict === 'well' || (verdict === 'nothing' && !(outcome instanceof NetError));
  if (answered) endpoint.latency.record(tookMs, now);
  else endpoint.latency.recordAtLeast(tookMs, now);
  if (verdict !== 'nothing') endpoint.failing.record(verdict !== 'well', now);
}

function causeOf(outcome: Reply | NetError): Cause {
  return outcome instanceof NetError
    ? { status: undefined, error: outcome }
    : { status: outcome.status, error: undefined };
}
