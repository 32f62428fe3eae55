/** RFC 9111 as the table in docs/reference/cache-cases.md has it, row by row, each on a cache of its own. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { CacheControl } from '../../src/policies/cache-control.ts';
import { aCache, asked } from './a-cache.ts';

const PAGE = readFileSync(new URL('../../../../docs/reference/cache-cases.md', import.meta.url), 'utf8');

interface Row {
  readonly title: string;
  readonly status: number;
  readonly reply: Fields;
  readonly first: Fields;
  readonly afterMs: number;
  readonly second: Fields;
  readonly becomes: string;
}

type Fields = Readonly<Record<string, string>>;

/** Fields as a cell has them: `name: value`, each in backticks. */
function fieldsOf(cell: string): Fields {
  return Object.fromEntries(
    [...cell.matchAll(/`([\w-]+): ([^`]*)`/g)].map(([, name = '', value = '']) => [name, value]),
  );
}

function rowsOf(page: string): Row[] {
  return [...page.matchAll(/^\| (?!section)([^|]+)\|(.*)\|$/gm)].map(([, section = '', rest = '']) => {
    const [what = '', reply = '', first = '', after = '', second = '', becomes = ''] = rest.split('|');
    return {
      title: `${section.trim()}: ${what.trim()}`,
      status: Number(/`(\d{3})`/.exec(reply)?.[1] ?? 200),
      reply: fieldsOf(reply),
      first: fieldsOf(first),
      afterMs: Number(after) * 1_000,
      second: fieldsOf(second),
      becomes: becomes.trim().slice(1, -1),
    };
  });
}

/** What becomes of the second call of a row, and its answer. */
async function played({ status, reply, first, afterMs, second }: Row) {
  const validates = 'if-none-match' in second; // by itself: the cache has nothing to do with it
  const { get, clock, engine, date } = aCache((call, index) => {
    const question = index > 0 && !validates && asked(call) !== undefined;
    return question ? { status: 304, headers: { date: date() } } : { status, headers, body: `body ${index}` };
  });
  const dated = (value: string) => {
    const [, seconds] = /^date([+-]\d+)$/.exec(value) ?? [];
    return seconds === undefined ? value : date(Number(seconds));
  };
  const headers = Object.fromEntries(Object.entries(reply).map(([name, value]) => [name, dated(value)]));
  await get(first);
  clock.advance(afterMs);
  const answer = await get(second);
  const [, call] = engine.calls;
  if (call === undefined) return { answer, became: answer.status === 504 ? '504' : 'hit' };
  return { answer, became: asked(call) === undefined || validates ? 'miss' : 'ask' };
}

describe('RFC 9111', () => {
  const rows = rowsOf(PAGE);
  assert(rows.length > 60, 'the table is found');
  for (const row of rows) {
    it(`§ ${row.title}: ${row.becomes}`, async () => {
      const { answer, became } = await played(row);
      assert.equal(became, row.becomes);
      if (became === 'hit' || became === 'ask') {
        assert.deepEqual([answer.status, await answer.text()], [row.status, 'body 0']);
      }
    });
  }
});

it('the directives of a field are read as they are written, and nothing makes them loop or throw', () => {
  const control = new CacheControl('a, B = "x, y\\"" , c=1, c=0, d="5" , ,e=f g, max-stale');
  for (const name of ['a', 'b', 'c', 'd', 'e']) assert(control.has(name), name);
  for (const name of ['x', 'y', 'f', 'g']) assert(!control.has(name), name);
  assert.deepEqual([control.ms('c'), control.ms('d'), control.ms('a'), control.ms('z')], [0, 5_000, 0, undefined]);
  assert.equal(control.msOrAny('max-stale'), Number.POSITIVE_INFINITY);
  for (const odd of ['"'.repeat(50_000), '='.repeat(50_000), ','.repeat(50_000), 'a="\\'.repeat(10_000)]) {
    const before = performance.now();
    new CacheControl(odd);
    assert(performance.now() - before < 2_000, 'a bound that only catches what grows out of hand');
  }
});
