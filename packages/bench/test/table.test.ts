import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { callTable } from '../src/calls.ts';
import { figure, render } from '../src/table.ts';
import { aRow } from './rows.ts';

describe('tables', () => {
  it('line up as Markdown', () => {
    const lines = render({
      head: ['client', 'x'],
      rows: [
        ['a', '1'],
        ['longer one', '12,345'],
      ],
    }).split('\n');
    assert.deepEqual(lines, [
      '| client     |      x |',
      '| ---------- | -----: |',
      '| a          |      1 |',
      '| longer one | 12,345 |',
    ]);
  });

  it('show three significant digits, and no more than hundreds above 10,000', () => {
    assert.equal(figure(72_649), '72,600');
    assert.equal(figure(9_949.4), '9,949');
    assert.equal(figure(4.1249), '4.12');
    assert.equal(figure(0.041249), '0.0412');
    assert.equal(figure(0), '0');
    assert.equal(figure(Number.NaN), '–');
  });

  it('show every ratio there is, mark those within the noise, and never hide errors or failures', () => {
    const table = callTable([
      aRow({ client: 'keepwarm', errors: 3, ratios: { 'undici.request': { median: 3.1, min: 2.9, max: 3.3 } } }),
      aRow({ client: 'undici.request', ratios: { 'undici.request': { median: 1, min: 1, max: 1 } } }),
      aRow({ client: 'node:http', ratios: { 'undici.request': { median: 0.98, min: 0.9, max: 1.1 } } }),
      aRow({ client: 'got', slices: 0, ratios: {}, failure: 'could not be opened' }),
    ]);
    const ratio = table.head.indexOf('× undici.request');
    const errors = table.head.indexOf('errors');
    assert.deepEqual(
      table.rows.map((row) => row[ratio]),
      ['3.10', '1', '~0.98', '–'],
    );
    assert.equal(table.rows[0][errors], '3');
    assert.equal(table.rows[3][1], 'failed');
    assert.ok(!table.head.includes('× wrk'), 'no column for a reference that did not take part');
  });
});
