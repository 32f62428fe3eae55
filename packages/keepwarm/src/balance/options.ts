/** Options of endpoint sets, with the source of each default. */

import type { Fields } from '../core/fields.ts';
import type { Origin } from '../core/origin.ts';
import { invalid, show } from '../core/refusal.ts';

/** One address that serves a target. */
export interface EndpointOptions {
  /** By which facts, snapshots and operators call it. Put no secrets in it. */
  readonly name: string;
  readonly origin: Origin;
  /** What goes before the path of each call: `/v1/key`, without a slash at its end. Default none. */
  readonly basePath?: string;
  /** Path and query that take the place of each call's, for protocols that know no paths. Default none. */
  readonly target?: string;
  /** Its share of the traffic, relative to the others of its priority. Default 1. */
  readonly weight?: number;
  /** 0 is asked first; others only while no endpoint of a lower number can serve. A whole number. Default 0. */
  readonly priority?: number;
  /** Sent with each call to this endpoint and to no other; they replace the call's own of the same name. */
  readonly headers?: Fields;
}

export interface EjectionOptions {
  /** Failures in a row that eject an endpoint; two are enough for one that has not done well for `windowMs`. */
  readonly consecutiveMax: number;
  /** The share of failures that ejects, 0…1, as soon as there are `samplesMin` outcomes in `windowMs`. */
  readonly failureShare: number;
  readonly samplesMin: number;
  /** In ms. */
  readonly windowMs: number;
  /** How long an endpoint is out for the first time, in ms; doubled with each further one. */
  readonly ejectMs: number;
  /** The longest it is out, in ms. */
  readonly ejectMsMax: number;
  /** How much of that time is left to chance, 0…1, so that a fleet does not probe in step. */
  readonly jitter: number;
  /** How long an endpoint must serve to have one doubling forgiven, in ms. */
  readonly forgiveMs: number;
  /** The share of the endpoints that may be out at once, 0…1. The last one always stays. */
  readonly ejectedShareMax: number;
}

export interface BalanceOptions extends EjectionOptions {
  readonly picker: 'p2c' | 'round-robin' | 'random';
  /** How fast measured latencies and failures fade, in ms: the time in which they fall to 37 % (1/e). */
  readonly decayMs: number;
  /**
   * What a call costs that fails, in ms of latency: the load of an endpoint rises by its share of failures times this.
   */
  readonly penaltyMs: number;
  /** The longest `Retry-After` that is kept, in ms. */
  readonly pauseMsMax: number;
  /** How long an endpoint takes to get its whole share again after it was out, in ms. */
  readonly slowStartMs: number;
}

/**
 * Where each comes from:
 *  - `consecutiveMax` 5: Envoy's `consecutive_5xx`, Finagle's FailureAccrual.
 *  - `failureShare` 0.5, `samplesMin` 10, `windowMs` 10 s: Finagle ejects at 20 % of 5 in 30 s, which one fault in ten
 *    reaches by chance; Envoy at 85 % of 50 and eRPC at 70 % of 10. The window is Envoy's `interval`. A half, because
 *    what fails more often than not is better off without us, and what does not is avoided by its load already.
 *  - `ejectMs` 5 s, `ejectMsMax` 300 s, `jitter` 0.5: Finagle's equal jitter, 5 → 300 s.
 *  - `forgiveMs` 30 s: Envoy's `base_ejection_time`; it likewise takes one step back for each while without failure.
 *  - `ejectedShareMax` 1: with two to five endpoints any other share keeps dead ones. (Envoy's is 10 %, for hundreds.)
 *  - `picker` p2c: Finagle, Envoy; `npm run sim` compares it with the others.
 *  - `decayMs` 10 s: Finagle's `decayTime`.
 *  - `penaltyMs` 5 s: linkerd's load biaser, there for each failure rather than for their share.
 *  - `pauseMsMax` 300 s: linkerd.
 *  - `slowStartMs` 10 s: ours; as long as the memory of latencies. Envoy's slow start has no default.
 */
export const BALANCE_DEFAULTS: BalanceOptions = {
  consecutiveMax: 5,
  failureShare: 0.5,
  samplesMin: 10,
  windowMs: 10_000,
  ejectMs: 5_000,
  ejectMsMax: 300_000,
  jitter: 0.5,
  forgiveMs: 30_000,
  ejectedShareMax: 1,
  picker: 'p2c',
  decayMs: 10_000,
  penaltyMs: 5_000,
  pauseMsMax: 300_000,
  slowStartMs: 10_000,
};

/** Asking endpoints how they are, apart from the calls. */
export interface HealthCheckOptions {
  /** Of a GET, behind the endpoint's base path; 2xx and 3xx are well. */
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Good answers in a row after which an endpoint that is out may come back. */
  readonly healthyAfter: number;
  /** Failures in a row that eject. */
  readonly unhealthyAfter: number;
  /** How far intervals differ, 0…1 of their length, so that a fleet does not ask in step. */
  readonly jitter: number;
}

/**
 * `intervalMs` 5 s: nginx Plus. `healthyAfter` 2 and `unhealthyAfter` 3: HAProxy's rise and fall. `timeoutMs` 1 s:
 * Kubernetes probes. `jitter` 0.1: ours.
 */
export const HEALTH_CHECK_DEFAULTS: Omit<HealthCheckOptions, 'path'> = {
  intervalMs: 5_000,
  timeoutMs: 1_000,
  healthyAfter: 2,
  unhealthyAfter: 3,
  jitter: 0.1,
};

/** More endpoints than this are a directory, not a set: each call looks at all of them. */
const ENDPOINTS_MAX = 1_000;
const PRIORITY_MAX = 1_000;

/** @throws NetError `INVALID` naming what is wrong */
export function checkEndpoints(endpoints: readonly EndpointOptions[]): void {
  if (endpoints.length === 0) throw invalid('there is no endpoint');
  if (endpoints.length > ENDPOINTS_MAX) throw invalid(`${endpoints.length} endpoints; at most ${ENDPOINTS_MAX}`);
  const names = new Set<string>();
  for (const { name, weight = 1, priority = 0, basePath = '' } of endpoints) {
    const who = `endpoint ${JSON.stringify(name)}`;
    if (name === '' || names.has(name)) throw invalid(`${who}: names must differ and not be empty`);
    names.add(name);
    if (!Number.isFinite(weight) || weight <= 0) {
      throw invalid(`weight of ${who} is ${show(weight)}; allowed: a number above 0`);
    }
    if (!Number.isInteger(priority) || priority < 0 || priority > PRIORITY_MAX) {
      throw invalid(`priority of ${who} is ${show(priority)}; allowed: a whole number from 0 to ${PRIORITY_MAX}`);
    }
    if (!BASE_PATH.test(basePath)) {
      throw invalid(
        `${who} has a basePath that is not "" or "/like/this", encoded, without "/", "?" or "#" at its end`,
      );
    }
  }
}

const BASE_PATH = /^(?:\/[\x21\x22\x24-\x2e\x30-\x3e\x40-\x7e]+)*$/;
