/**
 * Sets that stand in the code and again on a page, and must be equal: nothing undocumented, nothing made up.
 *
 * To keep another page honest, add one entry: `code` lists the names as the program has them, `page` and `heading` say
 * which table repeats them, one row each, the name first and in backticks. `scripts/test/docs.test.ts` does the rest.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CODES } from '../../packages/keepwarm/src/core/error.ts';
import { root } from '../check.ts';
import { FLOORS } from '../tidy/floors.ts';
import { namesUnder } from './markdown.ts';

export interface Pair {
  readonly what: string;
  code(): Iterable<string>;
  readonly page: string;
  /** The heading as it is written, with its `#`. */
  readonly heading: string;
}

export const PAIRS: readonly Pair[] = [
  { what: 'error codes', code: () => Object.keys(CODES), page: 'docs/reference/errors.md', heading: '## Codes' },
  {
    what: 'floors of the library',
    code: () => FLOORS.flat().map((folder) => `${folder}/`),
    page: 'ARCHITECTURE.md',
    heading: '## Floors of the library',
  },
  {
    what: 'npm scripts',
    code: () => Object.keys(JSON.parse(read('package.json')).scripts).map(asTyped),
    page: 'CONTRIBUTING.md',
    heading: '## Commands',
  },
];

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const asTyped = (script: string): string => (/^(?:start|test)$/.test(script) ? `npm ${script}` : `npm run ${script}`);

/** What one of the two has and the other has not. */
export function differences({ code, page, heading }: Pair): string[] {
  const real = [...code()];
  const written = namesUnder(read(page), heading);
  return [
    ...real.filter((name) => !written.includes(name)).map((name) => `${name} is missing from ${page}, ${heading}`),
    ...written.filter((name) => !real.includes(name)).map((name) => `${name} of ${page}, ${heading}, does not exist`),
    ...written.filter((name, index) => written.indexOf(name) !== index).map((name) => `${name} is twice in ${page}`),
  ];
}
