import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { historyLine, type Run, readmeBlock, record, withTable } from '../src/history.ts';
import { aRow } from './rows.ts';

const run: Run = {
  date: '2026-01-02T03:04:05.000Z',
  commit: '0123456789ab',
  node: 'v24.21.0',
  cpu: 'a CPU',
  server: 'nginx',
  pinned: true,
  rows: [
    aRow({ ratios: { 'undici.request': { median: 3.1, min: 2.9, max: 3.3 } } }),
    aRow({ client: 'undici.request', callsPerSecond: 23_400, errors: 2 }),
    { scenario: 'memory-http', client: 'keepwarm', connections: 1_000, heapBytes: 2_048, rssBytes: 20_480, samples: 3 },
  ],
};

describe('history', () => {
  it('keeps a run as one line of JSON, each row with what later runs are compared by', () => {
    const line = historyLine(run);
    assert.ok(!line.includes('\n'));
    const kept = JSON.parse(line);
    assert.equal(kept.commit, run.commit);
    assert.deepEqual(kept.results[0], {
      scenario: 'http-100B-50',
      client: 'keepwarm',
      callsPerSecond: 72_649,
      cpuMicros: 12.5,
      errors: 0,
      ratios: { 'undici.request': 3.1 },
    });
    assert.equal(kept.results[2].heapBytes, 2_048);
    assert.equal(kept.rows, undefined, 'nothing twice');
  });

  it('appends to the history and renews only what stands between the marks', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'keepwarm-history-'));
    try {
      const history = join(folder, 'bench', 'history.jsonl');
      const readme = join(folder, 'README.md');
      await writeFile(readme, 'before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n');
      await record(run, history, readme);
      await record(run, history, readme);
      const text = await readFile(readme, 'utf8');
      assert.match(text, /^before\n<!-- bench:begin -->\n\| calls/);
      assert.match(text, /\n<!-- bench:end -->\nafter\n$/);
      assert.doesNotMatch(text, /old/);
      assert.equal((await readFile(history, 'utf8')).trimEnd().split('\n').length, 2);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('shows in the README only what was measured, errors included', () => {
    const block = readmeBlock(run);
    assert.match(block, /\| keepwarm +\| +72,600 \(3\.10×\) \|/);
    assert.match(block, /23,400, 2 errors/);
    assert.match(block, /\| keepwarm +\| +2 \/ 20 \| +– \|/);
    assert.doesNotMatch(block, /over TLS, 50/);
  });

  it('refuses a README without marks', () => {
    assert.throws(() => withTable('no marks', 'table'), /no <!-- bench:begin -->/);
  });
});
