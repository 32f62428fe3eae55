/**
 * `limit` of an error names what its reader can raise: an option, as its table spells it. What no option can change has
 * a value and no name.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { root } from '../check.ts';

/** Where a limit is named: a field of the details, or the first word given to what makes the error. */
const NAMED = /\blimit: '([^']+)'|\b(?:limitReached|tooMuch|fullError)\('([^']+)'/g;
/** Names in the first cell of a row. */
const ROW = /^\|\s*(`[^|]+)/gm;

/** Seen by no caller: wire/hpack/error.ts, told in other words by whoever meets it. */
const INTERNAL: ReadonlySet<string> = new Set(['listBytesMax']);

const textsOf = (pattern: string): string[] =>
  globSync(pattern, { cwd: root }).map((path) => readFileSync(join(root, path), 'utf8'));

it('limits that errors name are options in a table of the documentation', () => {
  const options = new Set<string>();
  for (const page of textsOf('docs/{reference,guide}/*.md')) {
    for (const [, cell = ''] of page.matchAll(ROW)) {
      for (const [, name = ''] of cell.matchAll(/`([\w.]+)`/g)) {
        options.add(name).add(name.slice(name.lastIndexOf('.') + 1));
      }
    }
  }
  const unknown = new Set<string>();
  let seen = 0;
  for (const source of textsOf('packages/keepwarm/src/**/*.ts')) {
    for (const [, field, word] of source.matchAll(NAMED)) {
      const name = field ?? word ?? '';
      seen++;
      if (!options.has(name) && !INTERNAL.has(name)) unknown.add(name);
    }
  }
  assert(seen > 30 && options.size > 100, `${seen} limits, ${options.size} options were read`);
  assert.deepEqual([...unknown], [], 'no row of docs/reference or docs/guide names them');
});
