/** The page shows the matrix as it is: no row that was changed since, none left out, none that missed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ROWS } from '../chaos/matrix.ts';
import { promised } from '../chaos/report.ts';
import { root } from '../check.ts';

const page = readFileSync(join(root, 'docs/reference/chaos.md'), 'utf8');
const table = page.slice(page.indexOf('<!-- rows of'), page.indexOf('<!-- end of rows -->'));
const lines = table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| row |'));

describe('docs/reference/chaos.md', () => {
  it('promises what the rows expect; after a change of theirs, npm run chaos -- --page', () => {
    assert.deepEqual(
      lines.map((line) => line.slice(2).split(' | ').slice(0, 4).join(' | ')),
      ROWS.map(promised),
    );
  });

  it('shows a run in which every row came out as expected', () => {
    assert.deepEqual(
      lines.filter((line) => !line.includes(' | as expected | ')),
      [],
    );
  });
});
