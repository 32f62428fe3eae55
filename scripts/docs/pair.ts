/** One set that stands in the code and on a page, and what helps to write it down. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../check.ts';
import { namesUnder } from './markdown.ts';

export interface Pair {
  readonly what: string;
  code(): Iterable<string>;
  readonly page: string;
  /** The heading as it is written, with its `#`. */
  readonly heading: string;
  /** How many cells of a row are compared, when it is not just the name. */
  readonly columns?: number;
}

/** As `pool.idleMs 30_000`; options of the group `call` stand at the top level. */
export const optionsWithDefaults = (
  group: string,
  options: Readonly<Record<string, { readonly default: unknown }>>,
): string[] =>
  Object.entries(options).map(([name, option]) => {
    const { default: value } = option;
    const written = typeof value === 'number' ? value.toLocaleString('en').replaceAll(',', '_') : String(value);
    return `${group === 'call' ? '' : `${group}.`}${name} ${written.replace('∞', 'Infinity')}`;
  });

export const asOptions = (defaults: object): Record<string, { readonly default: unknown }> =>
  Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, { default: value }]));

export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

export const asTyped = (script: string): string =>
  /^(?:start|test)$/.test(script) ? `npm ${script}` : `npm run ${script}`;

/** What one of the two has and the other has not. */
export function differences({ code, page, heading, columns }: Pair): string[] {
  const real = [...code()];
  const written = namesUnder(read(page), heading, columns);
  return [
    ...real.filter((name) => !written.includes(name)).map((name) => `${name} is missing from ${page}, ${heading}`),
    ...written.filter((name) => !real.includes(name)).map((name) => `${name} of ${page}, ${heading}, does not exist`),
    ...written.filter((name, index) => written.indexOf(name) !== index).map((name) => `${name} is twice in ${page}`),
  ];
}
