/** The page on these policies has every option and its default, and nothing else. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { BREAKER_DEFAULTS } from '../../src/policies/breaker.ts';
import { CACHE_DEFAULTS } from '../../src/policies/cache.ts';
import { COALESCE_DEFAULTS } from '../../src/policies/coalesce.ts';
import { COMPRESS_DEFAULTS } from '../../src/policies/compress.ts';
import { CONCURRENCY_DEFAULTS } from '../../src/policies/concurrency.ts';

const page = readFileSync(new URL('../../../../docs/reference/policies.md', import.meta.url), 'utf8');

const TABLES: Readonly<Record<string, readonly [defaults: object, alsoTakes: readonly string[]]>> = {
  Breaker: [BREAKER_DEFAULTS, ['key']],
  Concurrency: [CONCURRENCY_DEFAULTS, ['key']],
  Coalesce: [COALESCE_DEFAULTS, ['key']],
  Compress: [COMPRESS_DEFAULTS, []],
  Cache: [CACHE_DEFAULTS, ['only']],
};

const written = (value: unknown): string => {
  if (Array.isArray(value) && value.length === 0) return 'none';
  return typeof value === 'number' ? value.toLocaleString('en').replaceAll(',', '_') : String(value);
};

for (const [heading, [defaults, also]] of Object.entries(TABLES)) {
  it(`the page on policies has every option of ${heading.toLowerCase()}, and its default`, () => {
    const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
    const cells = section.matchAll(/^\| `(\w+)` \| `?([^|`]+)`? \|/gm);
    const rows = Array.from(cells, ([, name, value = '']) => `${name} ${value.trim()}`);
    const real = Object.entries(defaults).map(([name, value]) => `${name} ${written(value)}`);
    assert.deepEqual(rows.toSorted(), [...real, ...also.map((name) => `${name} none`)].toSorted());
  });
}
