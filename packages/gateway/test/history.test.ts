import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { BUCKETS } from '../src/figures/rolling.ts';
import { pointsOf } from '../src/history/points.ts';
import { RANGES } from '../src/history/ranges.ts';
import { merged, packed, unpackInto } from '../src/history/row.ts';
import { Store } from '../src/history/store.ts';
import { Thread } from '../src/history/thread.ts';
import { aRow, latency } from './history-rows.ts';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const MIB = 1024 * 1024;

const folder = mkdtempSync(join(tmpdir(), 'keepwarm-history-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const keeping = (path: string, more: object = {}) => ({
  path,
  minutesHours: 48,
  hoursDays: 90,
  bytesMax: 64 * MIB,
  ...more,
});
const opened = (path: string, more: object = {}) => new Store((file) => new DatabaseSync(file), keeping(path, more));

describe('rows of history', () => {
  it('keep every count through packing, and add up when they are merged', () => {
    const counts = fc.uint32Array({ minLength: BUCKETS, maxLength: BUCKETS, max: 2 ** 30 });
    fc.assert(
      fc.property(counts, counts, (a, b) => {
        const sums = new Uint32Array(BUCKETS);
        unpackInto(sums, packed(a));
        assert.deepEqual(sums, a);
        const both = merged(aRow(0, 'x', { latency: packed(a) }), aRow(0, 'x', { latency: packed(b) }));
        const added = new Uint32Array(BUCKETS);
        unpackInto(added, both.latency);
        assert.deepEqual(
          added,
          a.map((count, i) => count + b[i]!),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('survive whatever bytes a file holds', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => unpackInto(new Uint32Array(BUCKETS), bytes)));
  });
});

describe('points of history', () => {
  it('are one per step, with percentiles of all calls in it and nothing where nothing is known', () => {
    const now = 100 * HOUR;
    const rows = [
      aRow(now - HOUR + 5 * MINUTE, 'api', { latency: latency({ 40: 99 }) }),
      aRow(now - 2 * MINUTE, 'api', { seconds: 30, calls: 60, errors: 0, fresh: 0, reused: 0, latency: latency({}) }),
    ];
    const { at, upstreams } = pointsOf(rows, RANGES['1h'], now);
    const [api] = upstreams;
    assert.equal(at.length, 60);
    assert.equal(at.at(-1), now);
    assert.deepEqual([api?.rate[4], api?.errors[4], api?.reuse[4], api?.saturation[4]], [1, 0.1, 59 / 60, 0.5]);
    assert.ok(Math.abs(api!.p99Ms[4]! - api!.p50Ms[4]!) < 1e-9);
    assert.deepEqual([api?.rate[57], api?.p50Ms[57], api?.reuse[57]], [2, null, null]);
    assert.equal(api?.rate.filter((rate) => rate !== null).length, 2);
  });

  it('of several minutes are not means: one slow minute of many calls is seen', () => {
    const now = 100 * HOUR;
    const rows = [0, 1, 2, 3, 4].map((i) =>
      aRow(now - 5 * MINUTE + i * MINUTE, 'api', { latency: latency(i === 0 ? { 100: 900 } : { 10: 10 }) }),
    );
    const { upstreams } = pointsOf(rows, RANGES['24h'], now);
    const known = upstreams[0]!.p50Ms.filter((ms) => ms !== null);
    assert.ok(known.some((ms) => ms > 100));
  });
});

describe('the database of history', () => {
  it('has each minute once in either table, also one that is written in two parts', () => {
    const store = opened(join(folder, 'parts.sqlite'));
    store.write([aRow(0), aRow(0, 'other')], 0);
    store.write([aRow(0), aRow(MINUTE)], MINUTE);
    assert.deepEqual(
      store.read('minutes', 0, 'api').map(({ at, calls, seconds }) => [at, calls, seconds]),
      [
        [0, 120, 120],
        [MINUTE, 60, 60],
      ],
    );
    assert.deepEqual(
      store.read('hours', 0, undefined).map(({ upstream, calls }) => [upstream, calls]),
      [
        ['api', 180],
        ['other', 60],
      ],
    );
    store.close();
    store.close();
  });

  it('forgets minutes after hours and hours after days', () => {
    const store = opened(join(folder, 'retention.sqlite'), { minutesHours: 2, hoursDays: 1 });
    for (let hour = 0; hour < 30; hour++) store.write([aRow(hour * HOUR)], hour * HOUR);
    assert.deepEqual(
      store.read('minutes', 0, undefined).map(({ at }) => at / HOUR),
      [27, 28, 29],
    );
    assert.equal(store.read('hours', 0, undefined)[0]?.at, 5 * HOUR);
    store.close();
  });

  it('does not grow beyond its limit: the oldest go first', () => {
    const path = join(folder, 'capped.sqlite');
    const store = opened(path, { minutesHours: 1e6, hoursDays: 1e6, bytesMax: MIB });
    const noisy = latency(Object.fromEntries(Array.from({ length: BUCKETS }, (_, i) => [i, i + 1_000])));
    for (let minute = 0; minute < 600; minute++) {
      const rows = ['a', 'b', 'c', 'd'].map((name) => aRow(minute * MINUTE, name, { latency: noisy }));
      store.write(rows, minute * MINUTE);
    }
    const kept = store.read('minutes', 0, 'a');
    assert.equal(kept.at(-1)?.at, 599 * MINUTE, 'the latest is there');
    assert.ok(kept.length < 600 && kept.length > 100, `${kept.length} are kept`);
    assert.ok(statSync(path).size + statSync(`${path}-wal`).size <= MIB);
    store.close();
  });

  it('is whole whenever its process is killed, and has all that was said to be written', async () => {
    const path = join(folder, 'killed.sqlite');
    const writer = new URL('./history-writer.ts', import.meta.url).pathname;
    let written = -1;
    for (let round = 0; round < 8; round++) {
      const child = spawn(process.execPath, [writer, path, String(written + 1)]);
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
      await once(child.stdout, 'data');
      await new Promise((resolve) => setTimeout(resolve, (round * 7) % 25));
      child.kill('SIGKILL');
      await once(child, 'close');
      written = Number(said.trimEnd().split('\n').at(-1));
      const database = new DatabaseSync(path);
      assert.deepEqual({ ...database.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' });
      const sums = (table: string) =>
        database.prepare(`SELECT sum(calls) AS calls, count(*) AS rows FROM ${table}`).get();
      assert.equal(sums('minutes')?.['calls'], sums('hours')?.['calls'], 'a minute is in both or in neither');
      assert.ok(Number(sums('minutes')?.['rows']) >= (written + 1) * 2, 'what was acknowledged is there');
      written = Number(sums('minutes')?.['rows']) / 2 - 1;
      database.close();
    }
    assert.ok(written >= 7, 'each of the eight had something written');
  });
});

describe('a disk that cannot be written', () => {
  for (const [what, path, reason] of [
    ['a file that is no database', 'text.sqlite', /not a database/],
    ['a folder that cannot be had', 'text.sqlite/history.sqlite', /ENOTDIR|EEXIST/],
    ['a folder in its place', 'folder.sqlite', /unable to open/],
  ] as const) {
    it(`is an answer and no exception: ${what}`, async () => {
      const file = join(folder, path);
      if (path === 'text.sqlite')
        writeFileSync(
          file,
          'this has been something else before, and is long enough to be read as a head of a file '.repeat(20),
        );
      if (path === 'folder.sqlite') mkdirSync(file);
      const thread = new Thread(keeping(file));
      const reply = await thread.ask({ ask: 'open' });
      assert.ok(!reply.ok && reason.test(reply.reason), JSON.stringify(reply));
      await thread.close();
    });
  }

  it('serves again once it can be written: what failed is forgotten, nothing piles up', async () => {
    const file = join(folder, 'back.sqlite');
    mkdirSync(file);
    const thread = new Thread(keeping(file));
    assert.equal((await thread.ask({ ask: 'write', rows: [aRow(0)], now: 0 })).ok, false);
    rmSync(file, { recursive: true });
    assert.equal((await thread.ask({ ask: 'write', rows: [aRow(MINUTE)], now: MINUTE })).ok, true);
    const reply = await thread.ask({ ask: 'read', range: '1h', upstream: undefined, now: 2 * MINUTE });
    assert.equal(reply.ok && reply.points?.upstreams.length, 1);
    await thread.close();
    await thread.close();
  });

  it('that is full refuses the whole minute, and keeps what it has', () => {
    const path = join(folder, 'full.sqlite');
    const store = new Store((file) => {
      const database = new DatabaseSync(file);
      return database;
    }, keeping(path));
    store.write([aRow(0)], 0);
    store.close();
    const database = new DatabaseSync(path);
    const tight = new Store(() => database, keeping(path));
    database.exec('PRAGMA max_page_count = 8'); // as SQLite sees a disk without room: SQLITE_FULL
    const many = Array.from({ length: 2_000 }, (_, i) => aRow(MINUTE, `upstream-${i}`));
    assert.throws(() => tight.write(many, MINUTE), /full/);
    assert.deepEqual(
      tight.read('minutes', 0, undefined).map(({ at }) => at),
      [0],
    );
    assert.equal(tight.read('hours', 0, undefined).length, 1);
    tight.close();
    chmodSync(path, 0o600);
  });
});
