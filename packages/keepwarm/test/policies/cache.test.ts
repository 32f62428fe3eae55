/** What a caller gets from a cache, what the peer sees, and what is never kept, mixed up or outgrown. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { collect } from '../../src/core/body.ts';
import type { NetError } from '../../src/core/error.ts';
import { originOf } from '../../src/core/origin.ts';
import { Tee } from '../../src/policies/tee.ts';
import { failure, type Line, later } from '../../src/testing/scripted-engine.ts';
import { aCache, asked } from './a-cache.ts';
import { HandSource } from './a-source.ts';

const MINUTE = { 'cache-control': 'max-age=60' };
const TAGGED = { ...MINUTE, etag: '"1"' };

describe('what is kept', () => {
  it("is answered with its age, and with bytes that are the caller's own", async () => {
    const { get, clock, engine, uses } = aCache(() => ({ headers: { ...MINUTE, age: '5' }, body: 'body' }));
    (await (await get()).bytes()).fill(0);
    clock.advance(10_500);
    const reply = await get();
    assert.deepEqual([reply.headers.get('age'), reply.ended, engine.calls.length, uses], ['15', true, 1, ['fresh']]);
    (await reply.bytes()).fill(0);
    assert.equal(await (await get()).text(), 'body');
  });

  it('is apart for each section, origin and path', async () => {
    const { get, engine } = aCache(() => ({ headers: MINUTE }));
    const origin = originOf(new URL('https://other.example.com'));
    for (const about of [{}, { section: 'a' }, { origin }, { path: '/b' }, { path: '/?b' }]) {
      await get({}, about);
      await get({}, about);
    }
    assert.equal(engine.calls.length, 5);
  });

  it('has lost the fields that were about the connection', async () => {
    const headers = { ...MINUTE, connection: 'x-hop', 'x-hop': '1', 'keep-alive': '1', 'x-end': '2' };
    const { get } = aCache(() => ({ headers }));
    await get();
    assert.deepEqual(Object.keys((await get()).headers.toObject()), ['cache-control', 'x-end', 'age']);
  });

  it('is not more than the bounds say, the longest unused going first', async () => {
    const { get, engine, policy } = aCache(
      ({ path }) => ({ headers: MINUTE, body: 'x'.repeat(path === '/large' ? 101 : 1) }),
      {
        entriesMax: 3,
        bodyBytesMax: 100,
      },
    );
    for (const path of ['/a', '/b', '/c', '/a', '/d', '/large']) await get({}, { path });
    assert.equal(policy.snapshot().entries, 3);
    const before = engine.calls.length;
    for (const path of ['/a', '/c', '/d']) await get({}, { path });
    assert.equal(engine.calls.length, before);
    for (const path of ['/b', '/large']) await get({}, { path });
    assert.equal(engine.calls.length, before + 2);
    policy.clear();
    assert.deepEqual([policy.snapshot().entries, policy.snapshot().bytes], [0, 0]);
  });

  it('is what only() lets through; everything else is sent as ever', async () => {
    const { get, engine } = aCache(() => ({ headers: MINUTE }), { only: ({ path }) => path === '/a' });
    for (const path of ['/a', '/a', '/b', '/b']) await get({}, { path });
    assert.equal(engine.calls.length, 3);
  });

  it('is not used for a caller whose limit it exceeds', async () => {
    const { get, engine } = aCache(() => ({ headers: MINUTE, body: 'large' }));
    await get();
    await get({}, { limits: { queueMs: 1, firstByteMs: 1, betweenBytesMs: 1, bodyBytesMax: 4 } });
    assert.equal(engine.calls.length, 2);
  });
});

describe('a body that arrives', () => {
  const arriving = (bytesExpected?: number) => {
    const sources: HandSource[] = [];
    const made = aCache(
      () => {
        sources.push(new HandSource(bytesExpected));
        return { headers: MINUTE, body: sources.at(-1) };
      },
      { bodyBytesMax: 10 },
    );
    return { ...made, sources };
  };

  it('is kept once its reader has read all of it', async () => {
    const { get, sources, engine } = arriving();
    const text = (await get()).text();
    sources[0]!.push('123');
    sources[0]!.push('45');
    sources[0]!.end();
    assert.equal(await text, '12345');
    assert.equal(await (await get()).text(), '12345');
    assert.equal(engine.calls.length, 1);
  });

  it('is not kept when it is too large, fails, or is given up', async () => {
    const ends: ((source: HandSource) => void)[] = [
      (source) => {
        source.push('12345678901');
        source.end();
      },
      (source) => source.fail(failure('RESET', 'answered')),
      () => {},
    ];
    for (const [index, end] of ends.entries()) {
      const { get, sources, policy } = arriving();
      const reply = await get();
      if (index === 2) {
        reply.discard();
        assert.notEqual(sources[0]!.cancelled, undefined, 'nor is it read on');
      } else {
        const text = reply.text().catch(({ code }: NetError) => code);
        sources[0]!.push('1');
        end(sources[0]!);
        await text;
      }
      assert.equal(policy.snapshot().entries, 0, `${index}`);
    }
  });
});

it('a tee holds no more than it may, and gives over nothing that is too large', async () => {
  const source = new HandSource();
  const tee = new Tee(source, 10, () => assert.fail('it was too large'));
  const text = collect(tee);
  source.push('123456');
  source.push('7890a');
  source.end();
  assert.equal(Buffer.from(await text).toString(), '1234567890a');
});

it('a tee goes on when its reader does', () => {
  const source = new HandSource();
  const tee = new Tee(source, 10, () => undefined);
  const read: string[] = [];
  tee.start({ data: (chunk) => read.push(chunk.toString()) > 1, end: () => read.push('end'), fail: assert.fail });
  for (const text of ['1', '2']) source.push(text);
  source.end();
  assert.deepEqual(read, ['1'], 'its reader has said stop');
  tee.resume();
  assert.deepEqual(read, ['1', '2', 'end']);
});

describe('validation', () => {
  const versioned = () => {
    let version = 1;
    const made = aCache((call) => {
      const etag = `"${version}"`;
      const headers = { ...MINUTE, etag, 'x-seen': `${made.engine.calls.length}`, 'content-type': 'a/b' };
      return call.headers.get('if-none-match') === etag
        ? { status: 304, headers: { ...headers, 'content-length': '0', 'content-type': 'c/d' } }
        : { headers, body: `version ${version}` };
    });
    return { ...made, change: () => void version++ };
  };

  it('of what has not changed brings its fields up to date, and makes it fresh again', async () => {
    const { get, clock, engine, uses } = versioned();
    await get();
    clock.advance(60_000);
    const reply = await get();
    assert.deepEqual([reply.status, await reply.text(), reply.headers.get('x-seen')], [200, 'version 1', '2']);
    assert.equal(reply.headers.get('content-type'), 'a/b', 'the body is the one that was kept');
    assert.equal(reply.headers.get('content-length'), undefined);
    clock.advance(59_000);
    await get();
    assert.deepEqual([engine.calls.length, uses], [2, ['validated', 'fresh']]);
  });

  it('of what has changed replaces it', async () => {
    const { texts, clock, change, engine } = versioned();
    await texts(1);
    change();
    clock.advance(60_000);
    assert.deepEqual(await texts(2), ['version 2', 'version 2']);
    assert.equal(engine.calls.length, 2);
  });

  it('of what may not be kept any more forgets what was kept', async () => {
    const lines: Line[] = [
      { headers: TAGGED, body: 'a' },
      { headers: { 'cache-control': 'no-store' }, body: 'b' },
    ];
    const { texts, clock, engine, policy } = aCache((_, index) => lines[index] ?? { body: 'c' });
    await texts(1);
    clock.advance(60_000);
    assert.deepEqual(await texts(2), ['b', 'c']);
    assert.deepEqual([asked(engine.calls[2]!), policy.snapshot().entries], [undefined, 0]);
  });

  it('asks with both validators', async () => {
    const { get, engine, date } = aCache(() => ({ headers: { etag: 'W/"1"', 'last-modified': modified } }));
    const modified = date(-60);
    await get();
    await get({ accept: 'a' });
    await get();
    const { headers } = engine.calls[2]!;
    assert.deepEqual([headers.get('if-none-match'), headers.get('if-modified-since')], ['W/"1"', modified]);
  });

  it('does not believe a 304 that speaks of something else', async () => {
    const lines: Line[] = [
      { headers: TAGGED, body: 'a' },
      { status: 304, headers: { etag: '"2"' } },
    ];
    const { texts, clock, engine } = aCache((_, index) => lines[index] ?? { headers: TAGGED, body: 'b' });
    await texts(1);
    clock.advance(60_000);
    assert.deepEqual(await texts(1), ['b']);
    assert.equal(asked(engine.calls[2]!), undefined);
  });

  it('that is answered with 429 or 401 hands that over, and forgets nothing', async () => {
    const lines: Line[] = [{ headers: TAGGED, body: 'a' }, 429, 401];
    const { get, texts, clock } = aCache((_, index) => lines[index] ?? { status: 304 });
    await get();
    clock.advance(60_000);
    assert.deepEqual([(await get()).status, (await get()).status, await texts(1)], [429, 401, ['a']]);
  });
});

describe('stale answers', () => {
  const failing = (control: string, second: Line) =>
    aCache((_, index) => (index === 0 ? { headers: { 'cache-control': control }, body: 'old' } : second));

  it('are given while they are validated, once at a time, for as long as their sender says', async () => {
    const answer = later(10, { headers: MINUTE, body: 'new' });
    const { get, texts, clock, engine, uses, policy } = failing('max-age=60, stale-while-revalidate=30', answer);
    await get();
    clock.advance(89_999);
    const caller = new AbortController();
    const times = { startedAt: clock.now() - 1_000, deadlineAt: clock.now() + 4_000 };
    assert.equal(await (await get({}, { signal: caller.signal, ...times })).text(), 'old');
    assert.deepEqual(await texts(3), ['old', 'old', 'old']);
    assert.equal(engine.calls.length, 2);
    assert.equal(engine.calls[1]!.deadlineAt - clock.now(), 5_000, 'it has all the time that its caller had');
    caller.abort(); // it has its answer: what happens beside is not its call
    await clock.run(10);
    assert.deepEqual([await texts(1), uses.length, policy.snapshot().stale], [['new'], 5, 4]);
    clock.advance(90_000);
    assert.equal(engine.calls.length, 2);
  });

  it('are not given while they are validated once that time is over', async () => {
    const { get, texts, clock } = failing('max-age=60, stale-while-revalidate=30', { body: 'new' });
    await get();
    clock.advance(90_000);
    assert.deepEqual(await texts(1), ['new']);
  });

  it('are tried again when validating them failed meanwhile', async () => {
    const { get, clock, engine, policy } = failing(
      'max-age=60, stale-while-revalidate=30',
      failure('RESET', 'unknown'),
    );
    await get();
    clock.advance(60_000);
    for (let i = 0; i < 3; i++) {
      await get();
      await clock.settle();
    }
    assert.deepEqual([engine.calls.length, policy.snapshot().revalidationsFailed], [4, 3]);
  });

  it('are given when the peer fails, for as long as their sender, or their caller, allows', async () => {
    for (const second of [500, 502, 503, 504, failure('CONNECT', 'unsent'), failure('TIMEOUT', 'unknown')]) {
      const { get, texts, clock } = failing('max-age=60, stale-if-error=30', second);
      await get();
      clock.advance(90_000);
      assert.deepEqual(await texts(1), ['old']);
      clock.advance(1);
      const code = (error: NetError) => error.code;
      const outcome = await get().then(({ status }) => status, code);
      assert.equal(outcome, typeof second === 'number' ? second : second.code);
      assert.deepEqual(await texts(1, { 'cache-control': 'stale-if-error=60' }), ['old']);
    }
  });

  it('are given only once what the peer said instead is being read: its connection serves again', async () => {
    const body = new HandSource();
    const { get, clock } = failing('max-age=60, stale-if-error=30', { status: 503, body });
    await get();
    clock.advance(60_000);
    assert.equal(await (await get()).text(), 'old');
    assert.deepEqual([body.started, body.cancelled], [true, undefined]);
  });

  it('are not given against must-revalidate, for 4xx, or to one who aborted', async () => {
    const strict = failing('max-age=60, must-revalidate, stale-if-error=30, stale-while-revalidate=30', 503);
    await strict.get();
    strict.clock.advance(60_000);
    assert.equal((await strict.get()).status, 503);
    const fresh = failing('max-age=60, stale-if-error=30', 503);
    await fresh.get();
    fresh.clock.advance(60_000);
    assert.equal((await fresh.get({ 'cache-control': 'no-cache' })).status, 503, 'nor to one who wants the latest');
    const missing = failing('max-age=60, stale-if-error=30', 404);
    await missing.get();
    missing.clock.advance(60_000);
    assert.equal((await missing.get()).status, 404);
    const slow = failing('max-age=60, stale-if-error=30', later(50, 200));
    await slow.get();
    slow.clock.advance(60_000);
    const caller = new AbortController();
    const reply = slow.get({}, { signal: caller.signal });
    await slow.clock.settle();
    caller.abort();
    await assert.rejects(reply, { code: 'ABORTED' });
  });
});

describe('a change', () => {
  const post = { method: 'POST' };

  it('has what was kept for its address forgotten, and for what its answer points at on the same origin', async () => {
    const location = { location: 'https://api.example.com/b?c', 'content-location': '/d' };
    const { get, engine } = aCache(({ method }) => (method === 'POST' ? { headers: location } : { headers: MINUTE }));
    const paths = ['/', '/b?c', '/d', '/e'];
    for (const path of paths) await get({}, { path });
    await get({}, post);
    for (const path of paths) await get({}, { path });
    assert.deepEqual(engine.calls.slice(5).map(({ path }) => path), ['/', '/b?c', '/d']); // biome-ignore format: short
  });

  it('cannot have answers of other origins forgotten', async () => {
    const origin = originOf(new URL('https://other.example.com'));
    const elsewhere = { location: 'https://other.example.com/' };
    const { get, engine } = aCache(({ method }) => ({ headers: method === 'POST' ? elsewhere : MINUTE }));
    await get({}, { origin });
    await get({}, post);
    await get({}, { origin });
    assert.equal(engine.calls.length, 2);
  });

  it('that was refused changes nothing; one without an answer may have', async () => {
    const lines: Line[] = [{ headers: MINUTE }, 409, failure('TIMEOUT', 'unknown')];
    const { get, engine } = aCache((_, index) => lines[index] ?? { headers: MINUTE });
    await get();
    await get({}, post);
    await get();
    assert.equal(engine.calls.length, 2);
    await assert.rejects(get({}, post));
    await get();
    assert.equal(engine.calls.length, 4);
  });

  it('that failed behind a gateway may have taken place: nothing from before it is used', async () => {
    for (const status of [500, 502, 504]) {
      const { get, engine } = aCache(({ method }) => (method === 'POST' ? status : { headers: MINUTE }));
      await get();
      await get({}, post);
      await get();
      assert.equal(engine.calls.length, 3, `${status}`);
    }
  });

  it('keeps answers to what was asked before it ended from being kept', async () => {
    const { get, clock, engine } = aCache(({ method }) =>
      method === 'POST' ? later(20, 200) : later(100, { headers: MINUTE }),
    );
    const all = [get(), get({}, post)];
    await clock.run(10);
    all.push(get());
    await clock.run(100);
    await Promise.all(all);
    const reply = get();
    await clock.run(100);
    await reply;
    assert.equal(engine.calls.length, 4, 'both were asked before the change had ended');
    await get();
    assert.equal(engine.calls.length, 4);
  });

  it('is remembered for many addresses, and beyond them for all', async () => {
    const { get, clock, engine } = aCache(({ method }) => (method === 'GET' ? later(5, { headers: MINUTE }) : 200));
    const reply = get();
    for (let i = 0; i < 1_001; i++) await get({}, { ...post, path: `/${i}` });
    await clock.run(5);
    await reply;
    void get();
    assert.equal(engine.calls.length, 1_003, 'it may be that its address was among those forgotten');
  });
});

it("walks: nobody is answered with what was older than allowed, or was another's", async () => {
  const step = fc.record({
    kind: fc.constantFrom('get', 'get', 'get', 'get', 'post', 'wait', 'edit'),
    path: fc.constantFrom('/a', '/b', '/c'),
    who: fc.constantFrom('x', 'y'),
    ms: fc.constantFrom(1, 500, 5_000, 20_000),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (path) => {
      /** The truth: what each path holds, and when that was changed behind the cache's back. */
      const versions = new Map<string, number>();
      const versionOf = (at: string) => versions.get(at) ?? 0;
      const history = new Map<string, number[]>();
      const made = aCache(
        ({ method, path: at, headers }) => {
          if (method === 'POST') versions.set(at, versionOf(at) + 1);
          const etag = `"${versionOf(at)}"`;
          const told = { 'cache-control': 'max-age=10, stale-while-revalidate=5', etag };
          if (headers.get('if-none-match') === etag) return { status: 304, headers: told };
          return { headers: told, body: `${at} ${headers.get('authorization')} ${versionOf(at)}` };
        },
        { entriesMax: 4 },
      );
      for (const { kind, path: at, who, ms } of path) {
        if (kind === 'wait') await made.clock.run(ms);
        else if (kind === 'edit') {
          history.set(at, [...(history.get(at) ?? []), made.clock.now()]);
          versions.set(at, versionOf(at) + 1);
        } else if (kind === 'post') {
          await made.get({ authorization: who }, { method: 'POST', path: at });
          history.set(at, []);
        } else {
          const [name, owner, seen] = (await (await made.get({ authorization: who }, { path: at })).text()).split(' ');
          assert.deepEqual([name, owner], [at, who]);
          const unseen = versionOf(at) - Number(seen);
          const allowed = (history.get(at) ?? []).filter((when) => made.clock.now() - when < 15_000).length;
          assert(unseen >= 0 && unseen <= allowed, `${unseen} changes behind, ${allowed} within what is allowed`);
        }
        await made.clock.settle();
        const { entries, bytes } = made.policy.snapshot();
        assert(entries <= 4 && bytes >= 0);
      }
      made.policy.clear();
      assert.equal(made.policy.snapshot().bytes, 0);
    }),
    { numRuns: 300 },
  );
});
