/** What an account at Vest does beside ordering: liquidity, withdrawals, its listen key, and how long it waits. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { VestFault } from '../../src/testing/vest/rules.ts';
import { until } from '../exchange/until.ts';
import { anAccount, aVest, keyOf, ORDER, QUICK, SLOW, WIDE } from './a-vest.ts';

const WITHDRAWAL = {
  recipient: keyOf(77).address,
  token: keyOf(78).address,
  size: 2n ** 70n,
  chainId: 42_161,
} as const;

describe('an account at Vest', { concurrency: true }, () => {
  const outcomes: readonly [VestFault | undefined, 'placed' | 'not placed'][] = [
    [undefined, 'placed'],
    ['lose after', 'placed'],
    ['late', 'placed'],
    ['copy', 'placed'],
    ['key', 'placed'],
    ['lose before', 'not placed'],
  ];
  for (const [fault, kind] of outcomes) {
    it(`gives and takes liquidity, and withdraws, once each under "${fault ?? 'no fault'}": ${kind}`, async (t) => {
      const options = { ...QUICK, ...(kind === 'placed' && WIDE) };
      const { vest, server } = await aVest(t, options, { fault: (n) => (n < 2 ? fault : undefined), lateMs: 100 });
      const account = vest.account();
      const fates = [
        await account.placeLpOrder({ orderType: 'DEPOSIT', size: '10.50' }),
        await account.withdraw(WITHDRAWAL),
      ];
      assert.deepEqual(
        fates.map((fate) => fate.kind),
        [kind, kind],
        JSON.stringify(fates.map((fate) => ('error' in fate ? fate.error.message : fate.id))),
      );
      const { orders } = await account.lpOrders<{ orders: { orderType: string; size: string }[] }>();
      const { orders: transfers } = await account.transfers<{ orders: { recipient: string; size: string }[] }>();
      const count = kind === 'placed' ? 1 : 0;
      assert.deepEqual([orders.length, transfers.length, server.orders.length], [count, count, 0]);
      if (count === 0) return;
      assert.deepEqual([orders[0]!.orderType, orders[0]!.size], ['DEPOSIT', '10.50']);
      assert.deepEqual([transfers[0]!.recipient, transfers[0]!.size], [WITHDRAWAL.recipient, String(2n ** 70n)]);
    });
  }

  it('refuses liquidity and withdrawals that cannot be signed, before anything is sent', async (t) => {
    const { vest, server } = await aVest(t);
    await assert.rejects(vest.account().placeLpOrder({ orderType: 'DEPOSIT', size: '-1' }), { code: 'INVALID' });
    await vest.connect();
    const bad = { ...WITHDRAWAL, recipient: '0x12' };
    await assert.rejects(vest.account().withdraw(bad), { code: 'INVALID', reach: 'unsent' });
    assert.deepEqual(server.refused, []);
    assert.equal((await vest.account().placeOrder(ORDER)).kind, 'placed', 'and no nonce is missing');
  });

  it('keeps its listen key alive by timer, and gets another when Vest has forgotten it', async (t) => {
    const { vest, server } = await aVest(t, { listenKeyMs: 25 });
    await vest.connect();
    await until(() => server.listenKeysKept >= 2);
    assert.equal(server.listenKeys, 1);
    server.expireListenKeys();
    await until(() => server.listenKeys === 2);
    const kept = server.listenKeysKept;
    await until(() => server.listenKeysKept > kept);
    await vest.close();
    await new Promise((resolve) => setTimeout(resolve, 60)); // what was sent before is still counted
    const [made, after] = [server.listenKeys, server.listenKeysKept];
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.deepEqual([server.listenKeys, server.listenKeysKept], [made, after], 'its timer ends with it');
  });

  it('makes one listen key for all who need one at once', async (t) => {
    const { vest, server } = await aVest(t);
    await Promise.all([1, 2, 3, 4].map(() => vest.account().session.listenKey()));
    assert.deepEqual([server.listenKeys, server.registrations], [1, 1]);
  });

  it('waits for a key no longer than its caller wants, and nothing was sent then', async (t) => {
    const { primary, ...rest } = anAccount(0);
    const held = Promise.withResolvers<`0x${string}`>(); // a hardware key that nobody touches
    const slow = { address: primary.address, signTypedData: () => held.promise };
    const { vest, server } = await aVest(t, { accounts: [{ ...rest, primary: slow }] });
    const caller = new AbortController();
    const fates = [
      vest.account().placeOrder(ORDER, { deadlineMs: 30 }),
      vest.account().placeOrder(ORDER, { signal: caller.signal }),
    ];
    const read = vest.account().orders({}, { deadlineMs: 30 });
    await assert.rejects(read, { code: 'DEADLINE', reach: 'unsent', message: /waited for a key of account/ });
    const first = await fates[0]!;
    caller.abort(new Error('gone'));
    const second = await fates[1]!;
    assert(first.kind === 'not placed' && second.kind === 'not placed');
    assert.deepEqual([first.error.code, second.error.code], ['DEADLINE', 'ABORTED']);
    assert.equal(server.connections, 0);
    held.reject(new Error('over'));
  });

  it('says of any call that too much was asked, when only the code says so, and pauses', async (t) => {
    const { vest, server } = await aVest(
      t,
      { ...QUICK, retry: { ...SLOW, attemptsMax: 1 }, rateLimits: { pauseMs: 200 } },
      { fault: (n) => (n === 0 ? 'slow down' : undefined) },
    );
    await vest.connect();
    const startedAt = performance.now();
    const fate = await vest.account().placeOrder(ORDER);
    assert(fate.kind === 'not placed' && fate.problem?.name === 'TOO_MANY_REQUESTS');
    await vest.account().orders();
    assert(performance.now() - startedAt >= 190, 'a read of the account waits as well');
    const others = performance.now();
    await vest.tickers();
    assert(server.refused.length === 0 && others > startedAt);
  });
});
