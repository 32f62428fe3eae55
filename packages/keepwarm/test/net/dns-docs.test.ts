import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { isFinal, SAID } from '../../src/net/dns-failure.ts';
import { aCache } from './dns-setup.ts';

const page = readFileSync(new URL('../../../../docs/reference/dns.md', import.meta.url), 'utf8');
const rows = (heading: string) => {
  const section = page.split(/^## /m).find((one) => one.startsWith(heading))!;
  return [...section.matchAll(/^\| `(\w+)` \|.*\| ([^|]*) \|$/gm)].map(([, name, last]) => [name, last] as const);
};

it('the page on DNS lists the codes that have a meaning, and which of them are final', () => {
  const coded = Object.keys(SAID).map((code) => [code, isFinal(code) ? 'yes' : 'no']);
  assert.deepEqual(rows('Failures').toSorted(), coded.toSorted());
});

it('the page on DNS lists every figure', () => {
  const figures = [
    ...page
      .split('## Figures')[1]!
      .split('## ')[0]!
      .matchAll(/^\| `(\w+)` \|/gm),
  ].map(([, name]) => name);
  assert.deepEqual(figures.toSorted(), Object.keys(aCache().cache.stats()).toSorted());
});
