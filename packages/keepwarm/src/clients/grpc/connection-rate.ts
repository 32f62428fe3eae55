/** How fast connections may be opened, as `createGrpcClient` takes it. */
import type { Clock } from '../../core/clock.ts';
import { CONNECTION_RATE_DEFAULTS, ConnectionRate, type ConnectionRateOptions } from '../../pool/connection-rate.ts';
import { StartFile } from '../../pool/start-file.ts';
import { check, invalid, type Rule, unknownOption } from '../options.ts';

export interface GrpcConnectionRate extends Partial<Omit<ConnectionRateOptions, 'name'>> {
  /** A file that remembers starts, so that a process started again goes on counting; its folder must exist. */
  readonly path?: string | undefined;
}

export interface SettledRate {
  readonly options: ConnectionRateOptions;
  readonly path: string | undefined;
}

const ms = (min: number): Rule => ({ kind: 'number', default: min, min, max: Number.MAX_SAFE_INTEGER });
const count = (min: number): Rule => ({ kind: 'number', default: min, min, max: 1_000_000 });

const RULES: Readonly<Record<keyof typeof CONNECTION_RATE_DEFAULTS, Rule>> = {
  limit: count(1),
  windowMs: ms(1),
  reserve: count(0),
  lateMs: ms(0),
  attemptMs: ms(1),
  waitersMax: count(0),
  penaltyMs: ms(0),
  assumed: { kind: 'choice', default: 'full', values: ['full', 'empty'] },
};

/** @throws NetError `INVALID` naming the option */
export function settleRate({ path, ...given }: GrpcConnectionRate, name: string): SettledRate {
  const values = Object.entries(given).filter(([, value]) => value !== undefined);
  for (const [key, value] of values) {
    const rule = Object.hasOwn(RULES, key) ? RULES[key as keyof typeof RULES] : undefined;
    if (rule === undefined) throw unknownOption(`connectionRate.${key}`, key, [...Object.keys(RULES), 'path']);
    check(`option connectionRate.${key}`, value, rule);
  }
  const limit = given.limit ?? CONNECTION_RATE_DEFAULTS.limit;
  if (!Number.isInteger(limit)) throw invalid(`option connectionRate.limit is ${limit}; allowed: a whole number`);
  // A fifth, as of the default limit.
  const options = { ...CONNECTION_RATE_DEFAULTS, reserve: Math.floor(limit / 5), ...Object.fromEntries(values), name };
  const { reserve } = options;
  if (Number.isInteger(reserve) && reserve < limit) return { options, path };
  throw invalid(`option connectionRate.reserve is ${reserve}; allowed: less than connectionRate.limit ${limit}`);
}

export function makeRate({ options, path }: SettledRate, clock: Clock): ConnectionRate {
  const keepMs = options.windowMs + options.lateMs + options.attemptMs;
  return new ConnectionRate(options, {
    clock,
    store: path === undefined ? undefined : new StartFile({ path, keepMs }),
  });
}
