/** Queries of the admin listener read one by one: each refusal names the thing, the value and what is allowed. */
import { nearest } from '../config/names.ts';
import { Refused } from './route.ts';

type Query = URLSearchParams;

/** @throws Refused for a name that means nothing here, or is there twice */
export function onlyNames(query: Query, known: readonly string[]): void {
  for (const name of query.keys()) {
    if (!known.includes(name)) {
      const near = nearest(name, known);
      const hint = near === undefined ? `known: ${known.join(', ') || 'none'}` : `did you mean ${near}?`;
      throw bad(`the query has ${show(name)}, which means nothing here; ${hint}`);
    }
    if (query.getAll(name).length > 1) throw bad(`the query has ${name} twice; allowed: once`);
  }
}

export function choice<T extends string>(query: Query, name: string, allowed: readonly T[], otherwise: T): T {
  const value = query.get(name);
  if (value === null) return otherwise;
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw bad(`${name} is ${show(value)}; allowed: ${allowed.join(', ')}`);
  return found;
}

/** A whole number. */
export function count(query: Query, name: string, min: number, max: number, otherwise: number): number {
  const value = query.get(name);
  if (value === null) return otherwise;
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw bad(`${name} is ${show(value)}; allowed: a whole number from ${min} to ${max}`);
}

/** One of the things there are now, or a section of one; nothing when it is not asked for. */
export function named(query: Query, name: string, there: readonly string[]): string | undefined {
  const value = query.get(name);
  if (value === null || there.includes(value)) return value ?? undefined;
  // Sections come and go, and not all processes have the same: nothing is told of one that is not there.
  const slash = value.indexOf('/');
  if (slash > 0 && there.includes(value.slice(0, slash))) return value;
  throw new Refused(404, 'NAME', `there is no ${name} ${show(value)}; there are: ${list(there)}`);
}

export const show = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 80);

/** Not all of them where there are many. */
export const list = (names: readonly string[]): string =>
  names.length === 0 ? 'none' : names.slice(0, 20).join(', ') + (names.length > 20 ? ', …' : '');

const bad = (message: string): Refused => new Refused(400, 'QUERY', message);
