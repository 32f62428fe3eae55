import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createStreamRate, NetError } from '../../src/grpc.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

describe('a limit on opening streams', () => {
  it('lets ten in a second through, begins empty, and says what it is about', async () => {
    const clock = new FakeClock();
    const rate = createStreamRate({ name: 'provider', clock, waitersMax: 1 });
    for (let i = 0; i < 10; i++) (await rate.start('growth')).settled();
    assert.equal(rate.admits('reconnect'), false);
    let renewed = false;
    const last = rate.start('growth').then((start) => {
      renewed = true;
      start.settled();
    });
    await assert.rejects(rate.start('growth'), { message: /1 streams already wait to be opened to provider/ });
    await clock.run(999);
    assert.equal(renewed, false);
    await clock.run(2);
    await last;
    assert.equal(rate.admits('growth'), true);
    rate.close();
    assert.equal(rate.admits('growth'), false);
    assert.equal(clock.sleeping, 0, 'no timer is left behind');
  });

  it('is refused by name when it cannot be', () => {
    assert.throws(
      () => createStreamRate({ name: 'p', limit: 0 }),
      (error) => error instanceof NetError && /streamRate.limit is 0/.test(error.message),
    );
  });
});
