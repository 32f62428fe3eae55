/** Endpoints with everything around them in hand: the clock, the dice, what each does, and what the set tells. */

import { type BalanceParts, endpointSet } from '../../src/balance/endpoint-set.ts';
import {
  BALANCE_DEFAULTS,
  type BalanceOptions,
  type EndpointOptions,
  type HealthCheckOptions,
} from '../../src/balance/options.ts';
import { httpJudge } from '../../src/clients/endpoint-judge.ts';
import type { Call } from '../../src/core/call.ts';
import type { EndpointCordoned, EndpointEjected, EndpointReadmitted, Observer } from '../../src/core/observer.ts';
import { originOf } from '../../src/core/origin.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, failure, type Line, later, scripted } from '../../src/testing/scripted-engine.ts';
import { seeded } from './seeded.ts';

/** What an endpoint does with a call. */
export type Behaviour = Line;

export const fast: Behaviour = later(20, 200);
export const slow: Behaviour = later(200, 200);
/** Swallows everything; the connection is given up after a second. */
export const blackHole: Behaviour = later(1_000, failure('CONNECT', 'unsent'));
export const broken: Behaviour = later(1, 503);

export interface SetUp {
  readonly endpoints?: readonly Partial<EndpointOptions>[];
  readonly options?: Partial<BalanceOptions>;
  readonly parts?: Partial<BalanceParts>;
  readonly checks?: HealthCheckOptions;
  readonly seed?: number;
}

/** Endpoints are called a, b, c … and live at https://a.test and so on. */
export function aSet(
  behaviours: Record<string, Behaviour>,
  { endpoints, options, parts, checks, seed = 1 }: SetUp = {},
) {
  const clock = new FakeClock();
  const random = seeded(seed);
  const ejected: EndpointEjected[] = [];
  const readmitted: EndpointReadmitted[] = [];
  const cordoned: EndpointCordoned[] = [];
  const observer: Observer = {
    endpointEjected: (fact) => ejected.push(fact),
    endpointReadmitted: (fact) => readmitted.push(fact),
    endpointCordoned: (fact) => cordoned.push(fact),
  };
  /** Where each call went, by name. */
  const went: string[] = [];
  const checked: string[] = [];
  const does = { ...behaviours };
  const engine = scripted((call) => {
    const name = call.origin.hostname.split('.')[0]!;
    (call.path.endsWith('/health') ? checked : went).push(name);
    return does[name]!;
  }, clock);
  const set = endpointSet(
    Object.keys(behaviours).map((name, i) => ({
      name,
      origin: originOf(new URL(`https://${name}.test`)),
      ...endpoints?.[i],
    })),
    { ...BALANCE_DEFAULTS, ...options },
    {
      clock,
      random,
      observer,
      judge: httpJudge(clock),
      ...(checks === undefined ? {} : { checks: { ...checks, send: engine } }),
      ...parts,
    },
  );
  const send = set(engine);
  const state = (name: string) => set.snapshot().endpoints.find((each) => each.name === name)!;

  /** One call, and where it went: all the places, when it is tried again `times`. */
  const visit = async (about: Partial<Call> = {}, times = 1): Promise<string[]> => {
    const tried: string[] = [];
    for (let attempt = 1; attempt <= times; attempt++) {
      const reply = send(aCall({ tried, attempt, ...about })).catch(() => undefined);
      await clock.run(1_000);
      await reply;
    }
    return tried;
  };

  /** A call every `everyMs` for `forMs`. @returns how many went where, and how many were answered with less than 500 */
  const traffic = async (everyMs: number, forMs: number, about: Partial<Call> = {}) => {
    const from = went.length;
    let good = 0;
    for (let at = 0; at < forMs; at += everyMs) {
      clock.after(at, () => {
        send(aCall({ startedAt: clock.now(), tried: [], ...about })).then(
          ({ status }) => void (good += status < 500 ? 1 : 0),
          () => undefined,
        );
      });
    }
    await clock.run(forMs);
    const counts: Record<string, number> = Object.fromEntries(Object.keys(behaviours).map((name) => [name, 0]));
    for (const name of went.slice(from)) counts[name]!++;
    const sent = went.length - from;
    return { counts, good, sent, share: (name: string) => counts[name]! / sent };
  };

  return {
    set,
    send,
    engine,
    clock,
    random,
    does,
    went,
    checked,
    ejected,
    readmitted,
    cordoned,
    state,
    visit,
    traffic,
  };
}
