/** Keys of a rate limit: which may be forgotten for another, and what asking about a call tells. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { rateLimit } from '../../src/policies/rate-limit.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, failure, later, scripted } from '../../src/testing/scripted-engine.ts';
import { isHeard } from '../core/heard.ts';

it('a crowd of keys that the peer wants left alone keeps no other key out for long', async () => {
  const clock = new FakeClock();
  const slow = { status: 429, headers: { 'retry-after': '60' } };
  const engine = scripted(({ path }) => (path.startsWith('/slow') ? slow : 200), clock);
  const limits = [{ limit: 10, windowMs: 10, key: ({ path }: { readonly path: string }) => path }];
  const send = rateLimit({ limits, keysMax: 200 }, { clock, observer: {} })(engine);
  for (let i = 0; i < 100; i++) await send(aCall({ path: `/slow/${i}` }));
  for (let i = 0; i < 100; i++) await send(aCall({ path: `/well/${i}` }));
  await clock.run(1_000);
  const outcomes: string[] = [];
  for (let i = 0; i < 50; i++) {
    await send(aCall({ path: `/new/${i}` })).then(
      () => outcomes.push('ok'),
      ({ code }) => outcomes.push(code),
    );
  }
  assert.deepEqual(new Set(outcomes.slice(1)), new Set(['ok']), outcomes.join());
});

it('a call that weighs nothing may start, whoever waits', async () => {
  const clock = new FakeClock();
  const engine = scripted(() => 200, clock);
  const weight = ({ path }: { readonly path: string }) => (path === '/free' ? 0 : 1);
  const policy = rateLimit({ limits: [{ limit: 1, windowMs: 100, weight }] }, { clock, observer: {} });
  const send = policy(engine);
  const calls = [send(aCall({ path: '/' })), send(aCall({ path: '/' }))];
  await clock.settle();
  assert.equal(policy.mayStart(aCall({ path: '/' })), false);
  assert.equal(policy.mayStart(aCall({ path: '/free' })), true);
  assert.equal((await send(aCall({ path: '/free' }))).status, 200);
  await clock.run(200);
  await Promise.all(calls);
});

it('a key makes room for another once its call is over, however that ended', async () => {
  const ends = {
    '/ok': 200,
    '/unsent': failure('CONNECT', 'unsent'),
    '/lost': failure('RESET', 'unknown'),
  } as const;
  const clock = new FakeClock();
  const engine = scripted(({ path }) => ends[path as keyof typeof ends], clock);
  const limits = [{ limit: 1, windowMs: 100, key: ({ path }: { readonly path: string }) => path }];
  const send = rateLimit({ limits, keysMax: 1, lateMs: 50 }, { clock, observer: {} })(engine);
  for (const path of Object.keys(ends)) {
    await send(aCall({ path })).catch(() => undefined);
    await clock.run(1_000);
  }
  await assert.rejects(send(aCall({ path: '/lost' })), { code: 'RESET' });
  await clock.run(1_000);
  assert.equal((await send(aCall({ path: '/ok' }))).status, 200);
});

it('nothing is left on the signal of a call that waited, whether it was started or refused', async () => {
  const clock = new FakeClock();
  const engine = scripted(() => later(10, 200), clock);
  const send = rateLimit({ limits: [{ limit: 1, windowMs: 100 }] }, { clock, observer: {} })(engine);
  const [served, late] = [new AbortController().signal, new AbortController().signal];
  const calls = [send(aCall()), send(aCall({ signal: served })), send(aCall({ signal: late, deadlineAt: 105 }))];
  const ends = Promise.allSettled(calls);
  assert.deepEqual([isHeard(served), isHeard(late)], [true, true]);
  await clock.run(1_000);
  assert.deepEqual(
    (await ends).map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  );
  assert.deepEqual([isHeard(served), isHeard(late), clock.sleeping], [false, false, 0]);
});
