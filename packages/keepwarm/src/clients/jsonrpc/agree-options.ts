/** How many endpoints must say the same, as callers and options want it. */
import { isOptions, refused, show } from '../../core/refusal.ts';
import { invalid, unknownOption } from '../options.ts';
import type { RpcAdapter } from './adapter.ts';

export interface AgreeOptions {
  /** Endpoints that must say the same; a whole number from 1 to the number of endpoints. 1: the first is believed. */
  readonly count: number;
  /** When not so many do: `error` is `DISAGREED`; `furthest` believes the one whose height is greatest. */
  readonly otherwise?: 'error' | 'furthest' | undefined;
}

/** What a call wants; nothing where one endpoint is believed. */
export type Agree = Required<AgreeOptions>;

export interface AgreeLimits {
  readonly endpoints: number;
  /** Whether their heights are known. */
  readonly followed: boolean;
}

const NAMES = ['count', 'otherwise'];

/** @param name of the option, as errors say it @throws NetError `INVALID` with its value and what is allowed */
export function settleAgree(name: string, given: number | AgreeOptions, limits: AgreeLimits): Agree | undefined {
  const options: AgreeOptions = typeof given === 'object' && given !== null ? given : { count: given };
  for (const key of Object.keys(options)) if (!NAMES.includes(key)) throw unknownOption(`${name}.${key}`, key, NAMES);
  const { count, otherwise = 'error' } = options;
  if (!(Number.isInteger(count) && count >= 1 && count <= limits.endpoints)) {
    const among = limits.endpoints === 1 ? 'there is one endpoint' : `there are ${limits.endpoints} endpoints`;
    throw invalid(`${name} is ${show(count)}; allowed: a whole number from 1 to ${limits.endpoints}, as ${among}`);
  }
  if (otherwise !== 'error' && otherwise !== 'furthest') {
    throw invalid(`${name}.otherwise is ${show(otherwise)}; allowed: "error", "furthest"`);
  }
  if (count === 1) return undefined;
  if (otherwise === 'furthest' && !limits.followed) {
    throw invalid(`${name}.otherwise is "furthest", but nobody follows how far endpoints are: freshness is off`);
  }
  return { count, otherwise };
}

/** Of methods, by their names. @throws NetError `INVALID` for what is no read of the adapter */
export function settleAgreeing(
  given: Readonly<Record<string, number | AgreeOptions>>,
  { methods }: RpcAdapter,
  limits: AgreeLimits,
): ReadonlyMap<string, Agree> {
  if (!isOptions(given)) throw refused('agree', given, 'numbers by method, such as { eth_call: 2 }');
  const settled = new Map<string, Agree>();
  for (const [method, each] of Object.entries(given)) {
    if (!Object.hasOwn(methods, method) || methods[method]!.kind !== 'read') throw invalid(notRead('agree', method));
    const agree = settleAgree(`agree.${method}`, each, limits);
    if (agree !== undefined) settled.set(method, agree);
  }
  return settled;
}

/** Why a call cannot be agreed on. */
export const notRead = (name: string, method: string): string =>
  `${name} of ${method}: it is not known as a read, and what may change something is not asked of several endpoints`;
