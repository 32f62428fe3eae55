/** Keys of a rate limit: which may be forgotten for another, and what asking about a call tells. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { rateLimit } from '../../src/policies/rate-limit.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, scripted } from '../../src/testing/scripted-engine.ts';

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
