/** What an action is given, read one by one: each refusal names the thing, the value and what is allowed. */
import { nearest } from '../config/names.ts';
import type { AnyUpstream } from '../data/routes.ts';
import { list, show } from './query.ts';
import { Refused } from './route.ts';
import { endpointsOf } from './upstream-parts.ts';
import type { AdminView } from './view.ts';

type Inputs = Readonly<Record<string, unknown>>;

export function onlyInputs(inputs: Inputs, known: readonly string[]): void {
  for (const name of Object.keys(inputs)) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    const hint = near === undefined ? `known: ${known.join(', ') || 'none'}` : `did you mean ${near}?`;
    throw bad(`${show(name)} is no input of this; ${hint}`);
  }
}

/** Nothing when it is left out. */
export function wordIn(inputs: Inputs, name: string): string | undefined {
  const value = inputs[name];
  if (value === undefined || typeof value === 'string') return value;
  throw bad(`${name} is ${show(value)}; allowed: text`);
}

export function wholeIn(inputs: Inputs, name: string, min: number, max: number, otherwise: number): number {
  const value = inputs[name] ?? otherwise;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw bad(`${name} is ${show(value)}; allowed: a whole number from ${min} to ${max}`);
}

/** One of those there are now. It may be left out where there is only one. */
export function upstreamIn({ upstreams }: AdminView, inputs: Inputs): AnyUpstream {
  const all = upstreams();
  const name = wordIn(inputs, 'upstream') ?? (all.length === 1 ? all[0]!.name : undefined);
  const names = list(all.map((upstream) => upstream.name));
  if (name === undefined) throw bad(`upstream is left out; there are: ${names}`);
  const found = all.find((upstream) => upstream.name === name);
  if (found === undefined) throw new Refused(404, 'NAME', `there is no upstream ${show(name)}; there are: ${names}`);
  return found;
}

export function endpointIn(upstream: AnyUpstream, inputs: Inputs): string {
  const names = endpointsOf(upstream).map(({ name }) => name);
  if (names.length === 0) {
    throw new Refused(409, 'NAME', `upstream ${upstream.name} is one origin: it has no endpoints to choose between`);
  }
  const name = wordIn(inputs, 'endpoint');
  if (name === undefined) throw bad(`endpoint is left out; there are: ${list(names)}`);
  if (!names.includes(name)) {
    throw new Refused(404, 'NAME', `there is no endpoint ${show(name)}; there are: ${list(names)}`);
  }
  return name;
}

const bad = (message: string): Refused => new Refused(400, 'INPUT', message);
