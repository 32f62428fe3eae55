/** The life of orders against a server that verifies and misbehaves: never one doubled, never one lost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { VestFault } from '../../src/testing/vest/rules.ts';
import type { Fate } from '../../src/vest.ts';
import { anAccount, aVest, ORDER, QUICK, WIDE } from './a-vest.ts';

const faulty = (...faults: (VestFault | undefined)[]) => ({ fault: (index: number) => faults[index] });
const sized = (n: number) => ({ ...ORDER, size: `${n}.5` });

describe('an order at Vest', { concurrency: true }, () => {
  it('is placed, listed, cancelled, and cancelling it again changes nothing', async (t) => {
    const { vest, server } = await aVest(t);
    await vest.connect();
    const account = vest.account();
    const placed = await account.placeOrder({ ...ORDER, tpPrice: '110000.00', slPrice: '90000.00' });
    assert(placed.kind === 'placed' && placed.by === 'answer');
    assert.equal((await account.orders({ symbol: 'BTC-PERP' }))[0]?.id, placed.id);
    const next = await account.placeOrder({ ...ORDER, isBuy: false, reduceOnly: true });
    assert(next.kind === 'placed' && next.nonce === placed.nonce + 3, 'its take-profit and stop-loss have nonces too');
    assert.equal((await account.cancelOrder(placed.id)).kind, 'cancelled');
    assert.equal((await account.cancelOrder(placed.id)).kind, 'cancelled');
    const never = await account.cancelOrder('no such order');
    assert.deepEqual([never.kind, never.problem?.name], ['not cancelled', 'ORDER_NOT_FOUND']);
    assert.deepEqual(await account.setLeverage('BTC-PERP', 5), { symbol: 'BTC-PERP', value: 5 });
    assert.deepEqual(await account.positions(), []);
    assert.equal(server.orders.length, 2);
  });

  it('that cannot be signed is refused before anything is sent', async (t) => {
    const { vest, server } = await aVest(t);
    for (const bad of [{ size: '1e5' }, { size: 1 }, { limitPrice: '' }, { symbol: '' }, { isBuy: 'yes' }]) {
      const order = { ...ORDER, ...bad } as typeof ORDER;
      await assert.rejects(vest.account().placeOrder(order), { code: 'INVALID' });
    }
    await assert.rejects(vest.account().placeOrder({ ...ORDER, orderType: 'MARKET', tpPrice: '1' }), /LIMIT/);
    assert.equal(server.connections, 0);
  });

  const outcomes: readonly [VestFault, Fate['kind'], number][] = [
    ['lose after', 'placed', 1],
    ['silent after', 'placed', 1],
    ['late', 'placed', 1],
    ['page', 'placed', 1],
    ['copy', 'placed', 1],
    ['twice', 'placed', 1],
    ['lose before', 'not placed', 0],
    ['page before', 'not placed', 0],
    ['slow down', 'not placed', 0],
    ['key', 'placed', 1],
    ['other', 'placed', 1],
  ];
  for (const [fault, kind, count] of outcomes) {
    it(`meets "${fault}": ${kind}, and the server has ${count} of it`, async (t) => {
      const options = { ...QUICK, ...(kind === 'placed' && WIDE) };
      const { vest, server } = await aVest(t, options, { ...faulty(fault), lateMs: 150 });
      await vest.connect();
      const fate = await vest.account().placeOrder(ORDER);
      assert.equal(fate.kind, kind, JSON.stringify(fate));
      const mine = server.orders.filter(({ symbol }) => symbol === ORDER.symbol);
      assert.equal(mine.length, count);
      if (fate.kind === 'placed') assert.equal(mine[0]!.id, fate.id);
    });
  }

  it('that is answered by an older answer is asked for, and gets its own id', async (t) => {
    const { vest, server } = await aVest(t, { ...QUICK, ...WIDE }, faulty('twice'));
    await vest.connect();
    const fates = [];
    for (let n = 0; n < 5; n++) fates.push(await vest.account().placeOrder(sized(n)));
    const ids = fates.map((fate) => fate.kind === 'placed' && fate.id);
    assert.deepEqual(
      ids,
      server.orders.map(({ id }) => id),
    );
  });

  it('is refused with the reason where the exchange gives one', async (t) => {
    const liar = { ...anAccount(0), signer: { ...anAccount(0).signer, signMessage: anAccount(1).signer.signMessage } };
    const { vest } = await aVest(t, { accounts: [liar] });
    const fate = await vest.account().placeOrder(ORDER);
    assert(fate.kind === 'not placed');
    assert.equal(fate.problem?.name, 'INVALID_SIGNATURE');
    assert.doesNotMatch(JSON.stringify(fate), /key-\d/);
  });

  it('tells of a signer that fails, and leaves no gap in the nonces', async (t) => {
    const { signer, ...rest } = anAccount(0);
    let fails = true;
    const moody = {
      address: signer.address,
      signMessage: (message: Parameters<typeof signer.signMessage>[0]) =>
        fails ? Promise.reject(new Error('locked')) : signer.signMessage(message),
    };
    const { vest, server } = await aVest(t, { accounts: [{ ...rest, signer: moody }] }, { gapless: true });
    await assert.rejects(vest.account().placeOrder(ORDER), { code: 'INVALID', reach: 'unsent' });
    fails = false;
    assert.equal((await vest.account().placeOrder(ORDER)).kind, 'placed');
    assert.deepEqual(server.refused, []);
  });

  it('given up while it was being signed leaves no gap in the nonces', async (t) => {
    const { signer, ...rest } = anAccount(0);
    const caller = new AbortController();
    const slow = {
      address: signer.address,
      async signMessage(message: Parameters<typeof signer.signMessage>[0]) {
        if (!caller.signal.aborted) caller.abort(new Error('changed my mind'));
        return signer.signMessage(message);
      },
    };
    const { vest, server } = await aVest(t, { accounts: [{ ...rest, signer: slow }] }, { gapless: true });
    const given = await vest.account().placeOrder(ORDER, { signal: caller.signal });
    assert(given.kind === 'not placed' && given.error.code === 'ABORTED' && given.error.reach === 'unsent');
    assert.equal((await vest.account().placeOrder(ORDER)).kind, 'placed');
    assert.deepEqual([server.orders.length, server.refused], [1, []]);
  });

  it('is cancelled although a cancellation was lost and left a gap in the nonces', async (t) => {
    const { vest, server } = await aVest(t, QUICK, {
      gapless: true,
      cancelFault: (index) => (index === 0 ? 'lose before' : undefined),
    });
    const fate = await vest.account().placeOrder(ORDER);
    assert(fate.kind === 'placed');
    assert.equal((await vest.account().cancelOrder(fate.id)).kind, 'cancelled');
    assert.equal(server.orders[0]!.status, 'CANCELLED');
    assert.equal(server.refused.length, 1, 'the one nonce that was too high');
  });

  it('keeps the order of asking, each nonce once, for 60 asked at once', async (t) => {
    const patient = { ...WIDE, deadlineMs: 120_000, rateLimits: { perIp: [], perAccount: FAST } };
    const { vest, server } = await aVest(t, patient, { gapless: true });
    const fates = await Promise.all(Array.from({ length: 60 }, (_, n) => vest.account().placeOrder(sized(n))));
    assert(fates.every(({ kind }) => kind === 'placed'));
    assert.deepEqual(
      server.orders.map(({ size }) => size),
      Array.from({ length: 60 }, (_, n) => `${n}.5`),
    );
    assert.deepEqual(server.refused, []);
  });

  for (const aheadMs of [-20_000, 20_000]) {
    it(`is signed by the exchange's clock when that is ${aheadMs} ms from ours`, async (t) => {
      const { vest } = await aVest(t, {}, { aheadMs });
      assert.equal((await vest.account().placeOrder(ORDER)).kind, 'placed');
      assert(Math.abs(vest.clockOffsetMs - aheadMs) < 2_000);
    });
  }

  it('waits for the limits before it is signed: its time is the time of sending', async (t) => {
    const rateLimits = { perAccount: [{ limit: 2, windowMs: 1_800 }], perIp: FAST };
    const { vest, server } = await aVest(t, { ...QUICK, deadlineMs: 12_000, rateLimits });
    const fates = await Promise.all([1, 2, 3, 4].map((n) => vest.account().placeOrder(sized(n))));
    assert(fates.every(({ kind }) => kind === 'placed'));
    assert(server.orders.at(-1)!.time - server.orders[0]!.time > QUICK.recvWindowMs, 'none of them was too old');
  });

  it('is given up at once by its caller, sent or not, and what was sent is said to be unknown', async (t) => {
    const { vest, server } = await aVest(t, {}, faulty('silent after'));
    await vest.connect();
    const callers = [new AbortController(), new AbortController()];
    const fates = callers.map(({ signal }, n) => vest.account().placeOrder(sized(n), { signal }));
    while (server.orders.length === 0) await new Promise((resolve) => setImmediate(resolve));
    for (const caller of callers) caller.abort(new Error('changed my mind'));
    assert.deepEqual(
      (await Promise.all(fates)).map(({ kind }) => kind),
      ['unknown', 'not placed'],
    );
    assert.equal(server.orders.length, 1);
  });

  it('registers again once for a burst whose key has expired, and every order of it is placed', async (t) => {
    const { vest, server } = await aVest(
      t,
      { ...WIDE, deadlineMs: 120_000, rateLimits: { perIp: FAST, perAccount: FAST } },
      {
        fault: (index) => (index === 10 ? 'key' : undefined),
      },
    );
    await vest.connect();
    const account = vest.account();
    const [fates] = await Promise.all([
      Promise.all(Array.from({ length: 30 }, (_, n) => account.placeOrder(sized(n)))),
      Promise.all(Array.from({ length: 30 }, () => account.orders())),
    ]);
    const others = fates.filter(({ kind }) => kind !== 'placed');
    assert.deepEqual(others, []);
    assert.equal(server.orders.length, 30);
    assert.equal(server.registrations, 2);
  });
});

const FAST = [{ limit: 10_000, windowMs: 1_000 }];
const FAULTS: readonly (VestFault | undefined)[] = [
  undefined,
  'lose before',
  'lose after',
  'silent after',
  'late',
  'twice',
  'copy',
  'page',
  'page before',
  'key',
  'slow down',
  'other',
];

describe('orders under generated faults', () => {
  it('are on the server exactly when their fates say so, each once (walk)', async (t) => {
    const story = fc.record({
      faults: fc.array(fc.constantFrom(...FAULTS), { minLength: 4, maxLength: 5 }),
      gapless: fc.boolean(),
      together: fc.boolean(),
    });
    const [stories] = [fc.sample(story, { numRuns: 16 })];
    const told = { placed: 0, missing: 0 };
    const run = async ({ faults, gapless, together }: (typeof stories)[number]): Promise<void> => {
      const figures = { ...QUICK, rateLimits: { perIp: FAST, perAccount: FAST, pauseMs: 1 }, deadlineMs: 30_000 };
      const { vest, server } = await aVest(t, figures, { ...faulty(...faults), gapless, lateMs: 100 });
      const account = vest.account();
      const fates: Fate[] = [];
      if (together) fates.push(...(await Promise.all(faults.map((_, n) => account.placeOrder(sized(n))))));
      else for (const n of faults.keys()) fates.push(await account.placeOrder(sized(n)));
      for (const [n, fate] of fates.entries()) {
        const there = server.orders.filter(({ symbol, size }) => symbol === ORDER.symbol && size === `${n}.5`);
        const story = JSON.stringify({ faults, gapless, together, n, fate });
        assert.notEqual(fate.kind, 'unknown', story);
        assert.equal(there.length, fate.kind === 'placed' ? 1 : 0, story);
        if (fate.kind === 'placed') assert.equal(there[0]!.id, fate.id, story);
        told[fate.kind === 'placed' ? 'placed' : 'missing']++;
      }
    };
    await Promise.all(stories.map(run));
    assert(told.placed > 15 && told.missing > 8, JSON.stringify(told));
  });
});
