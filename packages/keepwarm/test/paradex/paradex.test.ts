/** Paradex: orders under faults, tokens, limits, streams. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createParadex, paradexProblemOf, type StarkSigner } from '../../src/paradex.ts';
import type { ParadexFault } from '../../src/testing/paradex/rules.ts';
import { until } from '../exchange/until.ts';
import { ACCOUNT, aParadex, ORDER, QUICK, realAccounts, verify } from './a-paradex.ts';

describe('an order at Paradex', { concurrency: true }, () => {
  const outcomes: readonly [ParadexFault | undefined, 'placed' | 'not placed', number][] = [
    [undefined, 'placed', 1],
    ['lose after', 'placed', 1],
    ['silent after', 'placed', 1],
    ['timed out after', 'placed', 1],
    ['late', 'placed', 1],
    ['copy', 'placed', 1],
    ['token', 'placed', 1],
    ['lose before', 'not placed', 0],
    ['timed out before', 'not placed', 0],
  ];
  for (const [fault, kind, count] of outcomes) {
    it(`meets "${fault ?? 'nothing'}": ${kind}, and the server has ${count} of it`, async (t) => {
      // What is never there is known only when its window has closed; what is there must not be late for it.
      const options = kind === 'placed' ? { ...QUICK, recvWindowMs: 20_000 } : QUICK;
      const { paradex, server } = await aParadex(t, options, {
        fault: (n) => (n < 2 ? fault : undefined),
        lateMs: 150,
      });
      await paradex.connect();
      const types = [ORDER, { ...ORDER, type: 'MARKET', price: undefined } as const];
      const fates = await Promise.all(types.map((order) => paradex.account().placeOrder(order)));
      assert.deepEqual(
        fates.map((fate) => fate.kind),
        [kind, kind],
        JSON.stringify(fates),
      );
      assert.equal(server.orders.length, 2 * count);
      for (const fate of fates) {
        if (fate.kind !== 'placed') continue;
        assert.equal(server.orders.find(({ id }) => id === fate.id)?.client_id, fate.clientId);
      }
    });
  }

  it('is on the server exactly when its fate says so, once (walk over generated faults)', async (t) => {
    const faults = fc.constantFrom(...outcomes.map(([fault]) => fault));
    const stories = fc.sample(fc.array(faults, { minLength: 5, maxLength: 10 }), { numRuns: 6 });
    const run = async (story: (typeof stories)[number]): Promise<void> => {
      const options = { ...QUICK, deadlineMs: 20_000 };
      const { paradex, server } = await aParadex(t, options, {
        fault: (n) => story[n],
        lateMs: 100,
      });
      const placing = story.map((_, n) => paradex.account().placeOrder({ ...ORDER, clientId: `c${n}` }));
      for (const [n, fate] of (await Promise.all(placing)).entries()) {
        const there = server.orders.filter((order) => order.client_id === `c${n}`).length;
        assert.equal(there, fate.kind === 'placed' ? 1 : 0, JSON.stringify({ story, n, fate }));
        assert.notEqual(fate.kind, 'unknown');
      }
    };
    await Promise.all(stories.map(run));
  });

  it('is cancelled once, however often that is asked; all of them at once too', async (t) => {
    const { paradex } = await aParadex(t);
    const account = paradex.account();
    const fate = await account.placeOrder(ORDER);
    assert(fate.kind === 'placed');
    assert.equal(await account.cancelOrder(fate.id), 'cancelled');
    assert.equal(await account.cancelOrder(fate.id), 'cancelled');
    await assert.rejects(account.cancelOrder('none'), (error) => paradexProblemOf(error)?.meaning === 'missing');
    await account.placeOrder(ORDER);
    await account.cancelAllOrders();
    assert.deepEqual(await account.orders(), []);
  });

  for (const fault of ['lose before', 'lose after', 'twice', 'copy', 'silent after'] as const) {
    it(`is cancelled for sure although its cancellation meets "${fault}"`, async (t) => {
      const options = { ...QUICK, recvWindowMs: 20_000 };
      const { paradex, server } = await aParadex(t, options, { cancelFault: (n) => (n === 0 ? fault : undefined) });
      const fate = await paradex.account().placeOrder(ORDER);
      assert(fate.kind === 'placed');
      assert.equal(await paradex.account().cancelOrder(fate.id), 'cancelled');
      assert.equal(server.orders[0]!.cancel_reason, 'USER_CANCELED');
    });
  }

  it('that cannot be signed is refused before anything is sent', async (t) => {
    const { paradex, server } = await aParadex(t);
    for (const bad of [{ size: 'much' }, { side: 'UP' }, { price: undefined }, { clientId: 'x'.repeat(65) }]) {
      await assert.rejects(paradex.account().placeOrder({ ...ORDER, ...bad } as typeof ORDER), { code: 'INVALID' });
    }
    assert.equal(server.orders.length, 0);
  });
});

describe('a client for Paradex', () => {
  it('onboards an account Paradex does not know, and says when its connections are warm', async (t) => {
    const lines: string[] = [];
    const { paradex, server } = await aParadex(
      t,
      { log: (line) => lines.push(line), accounts: realAccounts },
      { verify, accounts: {} },
    );
    assert.equal((await paradex.connect()).error, undefined);
    assert.deepEqual([server.onboardings, server.tokens], [1, 1]);
    assert.match(lines.join('\n'), /Paradex HTTP client configured: pool_max_idle=2.*\n.*warmed up \(latency=\d+ms\)/);
    assert.deepEqual(await paradex.account().account(), { results: [], account: ACCOUNT });
    await Promise.all([paradex.systemConfig(), paradex.markets(), paradex.marketsSummary(), paradex.orderbook('M')]);
    await Promise.all([paradex.account().positions(), paradex.account().balances()]);
  });

  it('asks for one token for all who need one, and for another when it is refused', async (t) => {
    const { paradex, server } = await aParadex(t);
    await Promise.all(Array.from({ length: 10 }, () => paradex.account().orders()));
    assert.equal(server.tokens, 1);
    server.expireTokens();
    await Promise.all(Array.from({ length: 10 }, () => paradex.account().orders()));
    assert.equal(server.tokens, 2);
  });

  it('counts a call in the published limits that are about it, and in no other', async (t) => {
    const { paradex } = await aParadex(t);
    await paradex.account().placeOrder(ORDER);
    await paradex.account().orders();
    await paradex.systemConfig();
    const { readyLimit } = paradex.client.policyStats();
    const used = (readyLimit as readonly { name: string; used: number }[]).map(({ name, used }) => `${name}: ${used}`);
    assert.deepEqual(used, [
      'ordersPerAccount 800 per 1000 ms: 1',
      'ordersPerAccount 17250 per 60000 ms: 1',
      'readsPerAccount 120 per 1000 ms: 1',
      'readsPerAccount 600 per 60000 ms: 1',
      'authPerIp 600 per 60000 ms: 1',
      'publicPerIp 1500 per 60000 ms: 1',
      'perIp 1500 per 60000 ms: 4',
    ]);
  });

  it('tells an account its orders by its stream, and asks for those it missed', async (t) => {
    const { paradex, server } = await aParadex(t);
    const seen: string[] = [];
    const reading = (async () => {
      for await (const message of paradex.subscribe<{ id: string }>('orders.ALL', { account: 'main' })) {
        seen.push(message.kind === 'gap' ? 'gap' : message.value.id);
      }
    })();
    await until(() => server.streams === 1);
    await paradex.account().placeOrder(ORDER);
    await until(() => seen.length === 1);
    server.dropStreams();
    await paradex.account().placeOrder(ORDER);
    await until(() => seen.includes('order-2') && server.streams === 1);
    await paradex.close();
    await assert.rejects(reading, { code: 'CLOSED' });
    assert.deepEqual(
      seen.filter((id) => id !== 'gap'),
      ['order-1', 'order-2'],
    );
  });

  for (const aheadMs of [3_600_000, -3_600_000]) {
    it(`has a token although its clock is ${aheadMs} ms from Paradex's`, async (t) => {
      const { paradex, server } = await aParadex(t, {}, { aheadMs });
      await paradex.account().connect();
      assert.equal(server.tokens, 1);
      assert.match(server.refused.join(), aheadMs > 0 ? /INVALID_SIGNATURE_EXPIRATION/ : /INVALID_TIMESTAMP/);
      const fate = await paradex.account().placeOrder({ ...ORDER, instruction: 'RPI', stp: 'EXPIRE_BOTH' });
      assert.equal(fate.kind, 'placed');
    });
  }

  it('names the option that is not acceptable', () => {
    assert.throws(() => createParadex({ recvWindowMs: 9 }), /recvWindowMs is 9; allowed: a number from 10/);
    assert.throws(() => createParadex({ sbeVersion: 3 }), /sbeVersion is 3; allowed: a whole number from 0 to 2/);
    assert.throws(() => createParadex({ network: 'moon' as 'testnet' }), /network is "moon"/);
    assert.throws(() => createParadex({ renewMs: Number.NaN }), /renewMs is NaN/);
    const [account] = realAccounts;
    const bare = { ...account, signer: {} as StarkSigner };
    assert.throws(() => createParadex({ accounts: [bare] }), /signer of account "main" has no function signMessage/);
    assert.throws(
      () => createParadex({ accounts: [{ ...account, account: 'me' }] }),
      /account of account "main" is "me"/,
    );
  });
});
