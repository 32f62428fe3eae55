/** How fast connections may be opened, as clients and pools take it: figures of their own, or a limiter they share. */

import { resolve } from 'node:path';
import { type Clock, systemClock } from '../../core/clock.ts';
import { checkOptions, checkParts, isOptions, refused } from '../../core/refusal.ts';
import { CONNECTION_RATE_DEFAULTS, ConnectionRate, type ConnectionRateOptions } from '../../pool/connection-rate.ts';
import { StartFile } from '../../pool/start-file.ts';
import type { ConnectionLimiter } from '../../pool/start-gate.ts';
import { check, invalid, type Rule, show, unknownOption } from '../options.ts';
import { warnOfUnknownStarts } from './starts-unknown.ts';

export interface GrpcConnectionRate extends Partial<Omit<ConnectionRateOptions, 'name'>> {
  /** A file that remembers starts, so that a process started again goes on counting; its folder must exist. */
  readonly path?: string | undefined;
}

export interface ConnectionRateInput extends GrpcConnectionRate {
  /** What messages and statistics call it: the provider. Put no secrets in it. */
  readonly name: string;
  readonly clock?: Clock | undefined;
}

/** Figures that were checked, or a limiter that somebody else has made and will close. */
export type SettledRate =
  | { readonly options: ConnectionRateOptions; readonly path: string | undefined; readonly warns: boolean }
  | { readonly shared: ConnectionLimiter };

const ms = (min: number): Rule => ({ kind: 'number', default: min, min, max: Number.MAX_SAFE_INTEGER });
const count = (min: number): Rule => ({ kind: 'number', default: min, min, max: 1_000_000, whole: true });

const RULES: Readonly<Record<keyof typeof CONNECTION_RATE_DEFAULTS, Rule>> = {
  limit: count(1),
  windowMs: ms(1),
  reserve: count(0),
  lateMs: ms(0),
  attemptMs: ms(1),
  waitersMax: count(0),
  penaltyMs: ms(0),
  penaltyMsMax: ms(0),
  resetMs: ms(0),
  assumed: { kind: 'choice', default: 'full', values: ['full', 'empty'] },
};

/** Files that a limiter of this process writes: two would each count their own starts only. */
const writing = new Set<string>();

/**
 * A limit on opening connections, to be given to every client and pool that goes to the same provider. It is yours to
 * close, after them.
 *
 * @throws NetError `INVALID` naming the option
 */
export function createConnectionRate(options: ConnectionRateInput): ConnectionRate {
  checkOptions('what createConnectionRate was given', options);
  checkParts(options);
  const { name, clock = systemClock, ...given } = options;
  return made(settled(given, named(name)), clock);
}

/** @throws NetError `INVALID` naming the option */
export function settleRate(given: GrpcConnectionRate | ConnectionLimiter, name: string): SettledRate {
  if (!isOptions(given)) {
    throw invalid(`option connectionRate is ${show(given)}; allowed: figures, or a limiter`);
  }
  return 'start' in given ? { shared: given } : settled(given, name);
}

/** @throws NetError `INVALID` for a file that another limiter of this process writes */
export function makeRate(rate: SettledRate, clock: Clock): ConnectionLimiter {
  return 'shared' in rate ? borrowed(rate.shared) : made(rate, clock);
}

type Figures = Exclude<SettledRate, { readonly shared: ConnectionLimiter }>;

function settled({ path, ...given }: GrpcConnectionRate, name: string): Figures {
  if (path !== undefined && (typeof path !== 'string' || path === '')) {
    throw refused('connectionRate.path', path, 'the path of a file');
  }
  const options = figures('connectionRate', given, name, CONNECTION_RATE_DEFAULTS, ['path']);
  // Whoever says what is to be assumed knows what comes of it.
  return { options, path, warns: given.assumed === undefined };
}

/** @throws NetError `INVALID` naming the option */
export function figures(
  group: string,
  given: Partial<ConnectionRateOptions>,
  name: string,
  defaults: Omit<ConnectionRateOptions, 'name'>,
  others: readonly string[] = [],
): ConnectionRateOptions {
  const values = Object.entries(given).filter(([, value]) => value !== undefined);
  for (const [key, value] of values) {
    const rule = Object.hasOwn(RULES, key) ? RULES[key as keyof typeof RULES] : undefined;
    if (rule === undefined) throw unknownOption(`${group}.${key}`, key, [...Object.keys(RULES), ...others]);
    check(`option ${group}.${key}`, value, rule);
  }
  const limit = given.limit ?? defaults.limit;
  // The same share as of the default limit.
  const reserve = given.reserve ?? Math.floor((limit * defaults.reserve) / defaults.limit);
  const options = { ...defaults, ...Object.fromEntries(values), limit, reserve, name };
  for (const each of ['limit', 'reserve', 'waitersMax'] as const) whole(`${group}.${each}`, options[each], 0);
  if (reserve < limit) return options;
  throw invalid(`option ${group}.reserve is ${reserve}; allowed: less than ${group}.limit ${limit}`);
}

/** @throws NetError `INVALID` naming the option */
export function whole(name: string, value: unknown, min: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= min) return;
  throw invalid(`option ${name} is ${show(value)}; allowed: a whole number from ${min}`);
}

/** @throws NetError `INVALID` */
export function named(name: unknown): string {
  if (typeof name === 'string' && name !== '') return name;
  throw invalid(`option name is ${show(name)}; allowed: a text that names the provider`);
}

function made({ options, path, warns }: Figures, clock: Clock): ConnectionRate {
  const unknown = warns ? (leftMs: number) => warnOfUnknownStarts(options.name, leftMs) : undefined;
  if (path === undefined) return new ConnectionRate(options, { clock, unknown });
  const file = resolve(path);
  if (writing.has(file)) {
    const what = `option connectionRate.path is ${path}, which another limiter of this process writes`;
    throw invalid(`${what}; make one with createConnectionRate and give it to both`);
  }
  const keepMs = options.windowMs + options.lateMs + options.attemptMs;
  const store = new StartFile({ path, keepMs });
  const rate = new ConnectionRate(options, { clock, store, closed: () => writing.delete(file) });
  writing.add(file);
  return rate;
}

/** One client's view of a shared limiter: closing the client closes the limiter for nobody. */
export function borrowed(limiter: ConnectionLimiter): ConnectionLimiter {
  return {
    start: (kind, signal) => limiter.start(kind, signal),
    admits: (kind) => limiter.admits(kind),
    penalise: (askedMs) => limiter.penalise(askedMs),
    snapshot: () => limiter.snapshot(),
    close: () => undefined,
  };
}
