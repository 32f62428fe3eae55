/** The first order after a silence, a few times: all of them on connections that were there. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { firstOrders } from '../src/first-order.ts';

it('rides a warm connection after a silence in which the exchange would have closed it', async () => {
  const { trials, cold, lost, undici } = await firstOrders({ lanes: 10, trials: 1, scale: 15 });
  assert.deepEqual({ trials, cold, lost }, { trials: 10, cold: 0, lost: 0 });
  assert.equal(undici.cold, 10, 'a client that lets connections expire opens one for each order');
});
