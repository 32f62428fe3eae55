/** Values of the configuration read one by one: each refusal names the place, the value and what is allowed. */
import { ConfigError } from './config-error.ts';
import { nearest } from './names.ts';

export type Json = Readonly<Record<string, unknown>>;

/** JSON has no Infinity. */
export const unlimited = (value: unknown): unknown => (value === 'unlimited' ? Number.POSITIVE_INFINITY : value);

/** Options as the library takes them: of a group one by one, anything else as it is. */
export function valuesOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, unlimited(each)]));
}

export function object(value: unknown, path: string, known?: readonly string[]): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigError(path, `${path === '' ? 'the configuration ' : ''}is ${show(value)}; allowed: an object`);
  }
  for (const name of Object.keys(value)) {
    if (known === undefined || known.includes(name)) continue;
    const near = nearest(name, known);
    const hint = near === undefined ? `known: ${known.join(', ')}` : `did you mean ${near}?`;
    throw new ConfigError(path === '' ? name : `${path}.${name}`, `is not an option; ${hint}`);
  }
  return value as Json;
}

export function text(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  throw new ConfigError(path, `is ${show(value)}; allowed: text`);
}

/** @param of what the list holds, for the message */
export function texts(value: unknown, path: string, of: string): string[] {
  if (!Array.isArray(value)) throw new ConfigError(path, `is ${show(value)}; allowed: a list of ${of}`);
  return value.map((each, i) => text(each, `${path}[${i}]`));
}

export function number(value: unknown, path: string, min: number): number {
  if (typeof value === 'number' && value >= min) return value;
  throw new ConfigError(path, `is ${show(value)}; allowed: a number of at least ${min}`);
}

/**
 * The longest time that Node's timers and servers take, with what they add to it, in ms: 24 days. A longer one would
 * pass at once.
 */
const LONGEST_MS = 2 ** 31 - 1 - 60_000;

/** A length of time in whole ms; one that is longer than timers are, `unlimited` too, is the longest. */
export function milliseconds(value: unknown, path: string, min: number): number {
  return Math.min(Math.ceil(number(unlimited(value), path, min)), LONGEST_MS);
}

export function whole(value: unknown, path: string, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  const upTo = max === Number.MAX_SAFE_INTEGER ? '' : ` to ${max}`;
  throw new ConfigError(path, `is ${show(value)}; allowed: a whole number from ${min}${upTo}`);
}

export function flag(value: unknown, path: string): boolean {
  if (typeof value === 'boolean') return value;
  throw new ConfigError(path, `is ${show(value)}; allowed: true, false`);
}

export const show = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 80);
