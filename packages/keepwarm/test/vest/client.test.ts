/** Connecting to Vest: keys, warm connections, limits, streams. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createVest, VEST_DEFAULTS, vestProblemOf } from '../../src/vest.ts';
import { until } from '../exchange/until.ts';
import { anAccount, aVest, CONTRACT, keyOf, ORDER } from './a-vest.ts';

describe('a client for Vest', { concurrency: true }, () => {
  it('registers, gets a listen key, warms up, and says so in the two lines people look for', async (t) => {
    const lines: string[] = [];
    const accounts = [anAccount(0), anAccount(1)];
    const waits: number[] = [];
    const observer = { leased: ({ waitMs }: { readonly waitMs: number }) => waits.push(waitMs) };
    const { vest, server } = await aVest(t, { accounts, log: (line) => lines.push(line), observer });
    const { open, error } = await vest.connect();
    assert(open >= 4, 'two for each account at least');
    assert.deepEqual([error, server.registrations], [undefined, 2]);
    assert.equal(
      lines[0],
      '[INIT] Vest HTTP client configured: pool_max_idle=2, pool_idle_timeout=60s, tcp_keepalive=30s',
    );
    assert.match(lines[1]!, /^\[INIT\] Vest HTTP connection pool warmed up \(latency=\d+ms\)$/);
    waits.length = 0;
    await Promise.all(accounts.map(({ name }) => vest.account(name).placeOrder(ORDER)));
    assert.deepEqual(
      waits,
      [0, 0],
      'the first order of each rides a connection that was there, and is all that is sent',
    );
  });

  it('says that nobody was reached, and fails nothing, when it warms up in vain', async () => {
    const lines: string[] = [];
    const vest = createVest({ restUrl: 'http://127.0.0.1:1/v2', log: (line) => lines.push(line) });
    const { error, open } = await vest.warmUpHttp();
    assert.deepEqual([error?.code, open], ['CONNECT', 0]);
    assert.equal(lines[1], '[INIT] Vest HTTP connection pool not warmed up: CONNECT');
    await assert.rejects(vest.exchangeInfo(), { code: 'CONNECT' });
    await vest.close();
    await vest.close();
  });

  it('reads what is public without a key, and what is private with one', async (t) => {
    const { vest, server } = await aVest(t);
    const all = [
      vest.exchangeInfo(['BTC-PERP']),
      vest.tickers(),
      vest.tickers24h(),
      vest.depth('BTC-PERP', 5),
      vest.trades({ symbol: 'BTC-PERP' }),
      vest.klines({ symbol: 'BTC-PERP', interval: '1m' }),
      vest.fundingHistory({ symbol: 'BTC-PERP' }),
    ];
    await Promise.all(all);
    assert.equal(server.registrations, 0);
    const account = await vest.account().account<{ address: string }>();
    assert.equal(account.address, keyOf(1).address.toLowerCase());
    await Promise.all([vest.account().lpOrders(), vest.account().transfers()]);
    assert.deepEqual(server.refused, []);
  });

  it('registers once for many who need it at once, and anew when a key is no longer taken', async (t) => {
    const { vest, server } = await aVest(t);
    await Promise.all(Array.from({ length: 8 }, () => vest.account().orders()));
    assert.equal(server.registrations, 1);
    server.expireKeys();
    await Promise.all(Array.from({ length: 8 }, () => vest.account().orders()));
    assert.equal(server.registrations, 2);
  });

  it('gives what Vest says against a proof as its problem, and no key in any text', async (t) => {
    const wrong = { ...anAccount(0), primary: { ...keyOf(1), signTypedData: keyOf(9).signTypedData } };
    const { vest } = await aVest(t, { accounts: [wrong] });
    const error = await vest.connect().catch((thrown: unknown) => thrown);
    assert.deepEqual([vestProblemOf(error)?.name, vestProblemOf(error)?.meaning], ['INVALID_SIGNATURE', 'refused']);
    assert.equal(vestProblemOf(new Error('none of theirs')), undefined);
  });

  it('never asks more of the exchange than each of its stacked limits allows', async (t) => {
    const perAccount = [
      { limit: 10, windowMs: 300 },
      { limit: 18, windowMs: 900 },
    ];
    const { vest, server } = await aVest(t, { rateLimits: { perAccount, perIp: [{ limit: 25, windowMs: 300 }] } });
    await vest.connect();
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 30 }, () => vest.account().orders()));
    assert(performance.now() - startedAt > 850, 'the second window held the rest back');
    assert.deepEqual(server.refused, []);
  });

  it('names the option that is not acceptable', () => {
    const bad: readonly [object, RegExp][] = [
      [{ network: 'moon' }, /network is "moon"/],
      [{ recvWindowMs: -1 }, /recvWindowMs is -1/],
      [{ accounts: [anAccount(0, 'a'), anAccount(1, 'a')] }, /two accounts are called "a"/],
      [{ accounts: [anAccount(0, '')] }, /account is called ""/],
      [{ nonsense: 1 }, /nonsense/],
      [{ restUrl: 'moon' }, /restUrl is no URL that begins with http:\/\/ or https:\/\//],
      [{ wsUrl: 'https://user:hunter2@a.example' }, /^(?!.*hunter2).*wsUrl is no URL that begins with ws/],
      [
        { accounts: [{ ...anAccount(0), primary: undefined }] },
        /primary of account "account 0" has no function signTy/,
      ],
      [
        { accounts: [{ ...anAccount(0), signer: { address: '0x1', signMessage: () => '' } }] },
        /signer.address .* "0x1"/,
      ],
      [{ rateLimits: { perIp: [{ limit: 0, windowMs: 1 }] } }, /limit/],
    ];
    for (const [options, message] of bad) assert.throws(() => createVest(options), message);
    const vest = createVest();
    assert.throws(() => vest.account('x'), /there is no account "x"; known: none/);
    assert.equal(VEST_DEFAULTS.recvWindowMs, 5_000);
    assert.equal(CONTRACT.length, 42);
    return vest.close();
  });
});

describe('streams of Vest', { concurrency: true }, () => {
  it('tell an account its orders, ask for those it missed, and tell none twice', async (t) => {
    const { vest, server } = await aVest(t);
    await vest.connect();
    const account = vest.account();
    const seen: string[] = [];
    const leaving = new AbortController();
    let [sizes, gaps]: [number, number] = [0, 0];
    const reading = (async () => {
      for await (const message of account.events<{ args: { id: string; status: string } }>(leaving.signal)) {
        if (message.kind === 'gap') gaps += message.filled ? 1 : 100;
        else sizes = seen.push(`${message.value.args.id} ${message.value.args.status}`);
      }
    })();
    await until(() => server.streams === 1);
    await account.placeOrder(ORDER);
    await until(() => sizes === 1);
    server.dropStreams();
    await account.placeOrder(ORDER); // told by the list, the stream, or both
    await until(() => sizes === 2);
    await until(() => server.streams === 1);
    await account.cancelOrder('order-2');
    await until(() => sizes === 3);
    leaving.abort();
    await assert.rejects(reading, { code: 'ABORTED' });
    assert.deepEqual(seen, ['order-1 NEW', 'order-2 NEW', 'order-2 CANCELLED']);
    assert.equal(gaps, 1);
  });

  it('share one connection and one subscription, ping it, and ask for the book after a loss', async (t) => {
    const { vest, server } = await aVest(t, { pingMs: 20 });
    const told: unknown[][] = [[], []];
    const leaving = new AbortController();
    const readings = told.map(async (list) => {
      for await (const message of vest.subscribe('BTC-PERP@depth', leaving.signal)) {
        list.push(message.kind === 'gap' ? `gap ${message.filled}` : message.value);
      }
    });
    await until(() => server.streams === 1);
    server.publish('BTC-PERP@depth', { bids: [], asks: [] });
    await until(() => told.every((list) => list.length === 1) && server.pings > 2);
    server.dropStreams();
    await until(() => told.every((list) => list.length === 3));
    assert.equal(told[0]![1], 'gap true');
    assert.deepEqual((told[0]![2] as { bids: unknown }).bids, [['99999.00', '1.0000']]);
    assert.deepEqual(told[0], told[1]);
    await vest.close();
    await Promise.all(readings.map((reading) => assert.rejects(reading, { code: 'CLOSED' })));
  });

  it('get a new listen key when the exchange has forgotten the old one', async (t) => {
    const { vest, server } = await aVest(t);
    await vest.connect();
    server.expireListenKeys();
    const leaving = new AbortController();
    const first = vest.account().events(leaving.signal)[Symbol.asyncIterator]().next();
    await until(() => server.streams === 1);
    await vest.account().placeOrder(ORDER);
    assert.equal((await first).done, false);
    leaving.abort();
  });
});
