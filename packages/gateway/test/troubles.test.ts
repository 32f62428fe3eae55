/** What is wrong with an upstream is told in words, with its reason and since when; and nothing while all is well. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { NetError } from 'keepwarm';
import type { Snapshot } from '../src/admin/snapshot.ts';
import { troublesOf } from '../src/admin/trouble.ts';
import { Ills, illsTogether, isIll, wordOf } from '../src/figures/ills.ts';
import { Unreachable, unreachableTogether } from '../src/figures/unreachable.ts';
import { ask, httpServer, Opened, ownPort, startGateway, until } from './fixtures.ts';

const failed = (code: string) => new Error(code, { cause: undefined });

describe('what went wrong', () => {
  it('is counted by its word for a minute, most first, with how long it has been going on', () => {
    const ills = new Ills();
    for (let ms = 0; ms < 90_000; ms += 1_000) ills.add('OPEN', ms);
    ills.add('status 503', 89_000);
    const [first, second] = ills.told(90_000);
    assert.equal(first?.what, 'OPEN');
    assert.ok(first.count >= 55 && first.count <= 61, `${first.count}`);
    assert.equal(first.forMs, 90_000);
    assert.deepEqual(second, { what: 'status 503', count: 1, forMs: 1_000 });
    assert.deepEqual(ills.told(300_000), []);
    ills.add('OPEN', 300_000);
    assert.deepEqual(ills.told(300_500), [{ what: 'OPEN', count: 1, forMs: 500 }], 'after a pause it begins anew');
  });

  it('keeps a bounded number of words apart', () => {
    const ills = new Ills();
    for (let i = 0; i < 1_000; i++) ills.add(`status ${i}`, i);
    const told = ills.told(1_000);
    assert.ok(told.length <= 21, `${told.length}`);
    assert.equal(
      told.reduce((sum, { count }) => sum + count, 0),
      1_000,
    );
    ills.add('RESET', 200_000);
    assert.equal(ills.told(200_000)[0]?.what, 'RESET', 'words of long ago leave their place');
  });

  it('says the code, and what says more', () => {
    const cause = Object.assign(failed('refused'), { code: 'ECONNREFUSED' });
    assert.equal(wordOf(new NetError('CONNECT', 'no', { reach: 'unsent', cause })), 'CONNECT ECONNREFUSED');
    const limited = new NetError('SATURATED', 'no', { reach: 'unsent', limit: 'rateLimit.waitMs', value: 1 });
    assert.equal(wordOf(limited), 'SATURATED rateLimit.waitMs');
    assert.deepEqual([200, 404, 429, 500, 503].filter(isIll), [429, 500, 503]);
  });

  it('is put together of several processes', () => {
    const one = [{ what: 'OPEN', count: 2, forMs: 10 }];
    const other = [
      { what: 'RESET', count: 4, forMs: 5 },
      { what: 'OPEN', count: 3, forMs: 20 },
    ];
    assert.deepEqual(illsTogether([...one, ...other]), [
      { what: 'OPEN', count: 5, forMs: 20 },
      { what: 'RESET', count: 4, forMs: 5 },
    ]);
  });
});

describe('an origin that cannot be reached', () => {
  it('is told from the first failure in a row until a connection is opened, or nobody tries any more', () => {
    const unreachable = new Unreachable();
    unreachable.failed('http://a', 'ECONNREFUSED', 1_000);
    unreachable.failed('http://a', 'ETIMEDOUT', 31_000);
    assert.deepEqual(unreachable.told(32_000), [{ origin: 'http://a', why: 'ETIMEDOUT', forMs: 31_000 }]);
    assert.deepEqual(unreachable.told(100_000), []);
    unreachable.failed('http://a', 'ECONNREFUSED', 200_000);
    unreachable.opened('http://a');
    assert.deepEqual(unreachable.told(200_000), []);
  });

  it('is one of a hundred at most', () => {
    const unreachable = new Unreachable();
    for (let i = 0; i < 1_000; i++) unreachable.failed(`http://${i}`, 'ENOTFOUND', i);
    assert.equal(unreachable.told(1_000).length, 100);
    assert.equal(unreachableTogether([...unreachable.told(1_000), ...unreachable.told(1_000)]).length, 100);
  });
});

describe('failures', () => {
  const pool = { opening: 0, inFlight: 0, idle: 1, waiting: 0, socketsMax: 50, saturation: 0 };
  const told = { stopped: [], unreachable: [], pool };

  it('are told from one in a hundred calls on, with since when they have been going on', () => {
    const ills = [{ what: 'status 503', count: 3, forMs: 150_000 }];
    assert.deepEqual(troublesOf({ ...told, ills, callsPerSecond: 16 }), []);
    assert.deepEqual(troublesOf({ ...told, ills, callsPerSecond: 4 }), [
      { grave: false, words: '3 calls went wrong in the last minute: 3 × status 503; began 2 min ago' },
    ]);
  });
});

describe('a breaker that is not closed', () => {
  const key = 'http://a';
  const breaker = { key, consecutive: 5, failures: 5, samples: 5, troubledMs: 9_000, opened: 1, refused: 2 } as const;
  const told = { unreachable: [], ills: [], callsPerSecond: 0 };
  const pool = { opening: 0, inFlight: 0, idle: 1, waiting: 0, socketsMax: 50, saturation: 0 };
  const wordsOf = (state: 'open' | 'half-open', probeMs: number) =>
    troublesOf({ ...told, pool, stopped: [{ ...breaker, state, probeMs }] })[0]
      ?.words.split('; ')
      .at(-1);

  it('is said to be tried only while somebody tries', () => {
    assert.equal(wordsOf('open', 3_000), 'tried again in 3 s');
    assert.equal(wordsOf('open', 0), 'the next call tries again');
    assert.equal(wordsOf('half-open', 0), 'being tried now');
  });
});

describe('an operator', () => {
  const opened = new Opened();
  afterEach(() => opened.closeAll());

  it('reads what happens to calls, why, and when it is tried again; and nothing of what is well', async () => {
    const well = opened.add(await httpServer((_, response) => response.end('well')));
    const busy = opened.add(await httpServer((_, response) => response.writeHead(429).end('slow down')));
    const gone = `http://127.0.0.1:${await ownPort()}`;
    const breaker = { consecutiveMax: 2, failingMs: 0, openMs: 600_000, openMsMax: 600_000 };
    const { url, adminPort } = opened.add(
      await startGateway({
        ...{ well: { origin: well.origin }, busy: { origin: busy.origin }, gone: { origin: gone, breaker } },
        several: { endpoints: [{ url: well.origin }, { name: 'gone', url: gone }], retry: true },
      }),
    );
    const words = async () => {
      const { body } = await ask(`http://127.0.0.1:${adminPort}/api/stats`);
      const { upstreams } = JSON.parse(String(body)) as Snapshot;
      return Object.fromEntries(upstreams.map((each) => [each.name, troublesOf(each).map((trouble) => trouble.words)]));
    };
    for (const name of ['well', 'busy', 'gone', 'gone', 'gone']) await ask(`${url}/${name}/`);
    const answer = JSON.parse(String((await ask(`${url}/gone/`)).body));
    assert.match(
      answer.detail,
      /its breaker has been open for \d+ ms \(ECONNREFUSED\); the next probe may pass in \d+ ms/,
    );
    await until(async () => {
      await ask(`${url}/several/`);
      return (await words())['several']!.length > 0;
    });
    const told = await words();
    assert.deepEqual(told['well'], []);
    assert.match(String(told['busy']), /^1 call went wrong in the last \d+ s: 1 × status 429$/);
    assert.match(
      told['gone']![0]!,
      /^no calls to http:\/\/127\.0\.0\.1:\d+ for \d+ s \(ECONNREFUSED\); 2 refused at once; tried again in \d+ min$/,
    );
    assert.match(told['gone']!.at(-1)!, /^4 calls went wrong in the last \d+ s: 2 × (?:CONNECT|OPEN).*, 2 × /);
    assert.match(String(told['several']), /ECONNREFUSED|ejected/);
  });
});
