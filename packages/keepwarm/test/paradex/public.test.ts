/** Paradex's public channels over binary messages: what is asked for, what is told, and what a bad message harms. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { NetError } from '../../src/core/error.ts';
import type { Message, StreamUnread } from '../../src/core/subscribe.ts';
import type { ParadexBook, ParadexMarketSummary, ParadexOptions, ParadexTrade } from '../../src/paradex.ts';
import type { ParadexServerOptions } from '../../src/testing/paradex/rules.ts';
import { type ParadexEvent, paradexSbe, unknownSbe } from '../../src/testing/paradex/sbe-writer.ts';
import { until } from '../exchange/until.ts';
import { aParadex } from './a-paradex.ts';

const BTC = 'BTC-USD-PERP';
const DELTAS = `order_book.${BTC}.deltas`;
const ID = '1790243311180201709220570002';

const aTrade = (market = BTC, id = ID): ParadexEvent => ({
  ...{ kind: 'trades', market, id, side: 2, price: '84209.4', size: '0.00001', createdAt: 1_000n, type: 5, seq: 3n },
});

/** Ends are heard at once, and tried again without a rest. */
async function aFeed(t: TestContext, options: ParadexOptions = {}, serving: Partial<ParadexServerOptions> = {}) {
  let opened = 0;
  const observer = { ...options.observer, streamOpened: () => opened++ };
  const { server, paradex } = await aParadex(t, { random: () => 0, ...options, observer, accounts: [] }, serving);
  const listen = <T>(channel: string) => {
    const heard: Message<T>[] = [];
    const leaving = new AbortController();
    const ended = (async () => {
      for await (const message of paradex.subscribe<T>(channel, { signal: leaving.signal })) heard.push(message);
    })().catch((thrown: NetError) => thrown);
    const values = (): T[] => heard.flatMap((message) => (message.kind === 'data' ? [message.value] : []));
    const gaps = (): string[] => heard.flatMap((message) => (message.kind === 'gap' ? [message.reason] : []));
    return { heard, values, gaps, ended, leave: () => leaving.abort(new Error('enough')) };
  };
  /** So many subscriptions have been agreed to. */
  const agreed = (count: number) =>
    until(
      () => opened === count,
      () => `${opened} of ${count} subscriptions`,
    );
  return { server, paradex, listen, agreed };
}

/** The book that follows from what was told, price and size. */
function bookOf(messages: readonly Message<ParadexBook>[]) {
  const sides = { bids: new Map<string, string>(), asks: new Map<string, string>() };
  let at = Number.NaN;
  for (const message of messages) {
    if (message.kind === 'gap') continue;
    const { update_type: type, seq_no: seq } = message.value;
    if (type === 's') for (const side of Object.values(sides)) side.clear();
    else assert.equal(seq, at + 1, 'a change is told only to who has been told what it changes');
    at = seq;
    for (const side of ['bids', 'asks'] as const) {
      for (const [price, size] of message.value[side]) {
        if (size === '0') sides[side].delete(price);
        else sides[side].set(price, size);
      }
    }
  }
  return { at, ...sides };
}

const asServed = ({ seq, bids, asks }: { seq: bigint; bids: ReadonlyMap<string, string>; asks: object }) => ({
  ...{ at: Number(seq), bids: new Map(bids), asks: new Map(asks as ReadonlyMap<string, string>) },
});

describe('public channels of Paradex', { concurrency: true }, () => {
  it('tell what happens under the names of JSON, in the newest version that is served', async (t) => {
    for (const [served, id] of [
      [2, ID],
      [1, undefined],
      [0, undefined],
    ] as const) {
      const { server, listen, agreed } = await aFeed(t, {}, { sbeVersionMax: served });
      const trades = [listen<ParadexTrade>(`trades.${BTC}`), listen<ParadexTrade>('trades.ALL')];
      const other = listen('trades.ETH-USD-PERP');
      await agreed(3);
      assert.equal(server.streams, 2, 'one connection for all markets, one for each of them');
      server.publish(aTrade());
      await until(() => trades.every(({ heard }) => heard.length === 1));
      assert.deepEqual(trades[0]!.values(), trades[1]!.values());
      assert.deepEqual(trades[0]!.values(), [
        {
          ...{ market: BTC, id, id_low64: String(BigInt.asIntN(64, BigInt(ID))), side: 'SELL', price: '84209.4' },
          ...{ size: '0.00001', trade_type: 'RPI', created_at: 1, seq_no: 3, ts: 0 },
        },
      ]);
      assert.deepEqual(other.heard, []);
      const summaries = [`markets_summary.${BTC}`, 'markets_summary.ALL'].map((channel) =>
        listen<ParadexMarketSummary>(channel),
      );
      const figures = Array.from({ length: 25 }, () => '0.5');
      await until(() => {
        server.publish({ kind: 'markets_summary', market: BTC, figures, later: [null, null, '0.000012345678'] });
        return summaries.every(({ heard }) => heard.length > 0);
      });
      const rates = summaries.map(({ values }) => values()[0]!.funding_rate);
      const rate = served === 0 ? '0.5' : '0.000012345678';
      assert.deepEqual(rates, [rate, rate], 'a version that is served is asked for on every connection');
    }
  });

  it('end with the reason when no version that may be asked for is served', async (t) => {
    const { listen, server } = await aFeed(t, { sbeVersion: 1 }, { sbeVersionMax: -1 });
    const error = (await listen('bbo.M').ended) as NetError;
    assert.deepEqual([error.code, error.status], ['RPC', 400]);
    assert.equal(server.streams, 0);
  });

  it('are refused without binary messages, under names there are not, and with parameters there are not', async (t) => {
    const { listen } = await aFeed(t);
    for (const [channel, words] of [
      ['weather.BTC', /unknown channel 'weather\.BTC'/],
      [`${DELTAS}@15@50ms`, /no parameters expected for deltas topic/],
    ] as const) {
      const error = (await listen(channel).ended) as NetError;
      assert.equal(error.code, 'RPC');
      assert.match(error.message, words);
    }
    const socket = new WebSocket((await aFeed(t)).server.wsUrl);
    await new Promise((resolve) => socket.addEventListener('open', resolve));
    const answer = new Promise<string>((resolve) =>
      socket.addEventListener('message', ({ data }) => resolve(String(data))),
    );
    socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscribe', params: { channel: 'bbo.M' } }));
    assert.match(await answer, /requires SBE/);
    socket.close();
  });

  it('that no message could be told apart on share no connection, and those of other markets do', async (t) => {
    const { server, listen, agreed } = await aFeed(t);
    const channels = [DELTAS, `order_book.${BTC}.interactive_deltas`, `order_book.${BTC}.snapshot@15@100ms`];
    const books = [...channels, 'order_book.ETH-USD-PERP.deltas', 'bbo.M', 'bbo.M.interactive'].map((channel) =>
      listen<ParadexBook>(channel),
    );
    await agreed(6);
    assert.equal(server.streams, 3);
    server.changeBook(BTC, { bids: [['1', '2']] });
    await until(() => books.slice(0, 3).every(({ values }) => values().at(-1)?.bids.length === 1));
    assert.deepEqual(
      books.slice(0, 3).map(({ values }) => values().at(-1)?.update_type),
      ['d', 'd', 's'],
    );
    assert.deepEqual(
      books[3]!.values().map(({ market }) => market),
      ['ETH-USD-PERP'],
    );
  });

  it('go on when one of a kind is left for another: nothing of the one is taken for the other', async (t) => {
    const { server, listen } = await aFeed(t);
    const first = listen<ParadexBook>(DELTAS);
    await until(() => first.heard.length === 1);
    first.leave();
    await first.ended;
    const second = listen<ParadexBook>(`order_book.${BTC}.interactive_deltas`);
    await until(() => second.heard.length === 1);
    server.changeBook(BTC, { asks: [['5', '1']] });
    await until(() => second.heard.length === 2);
    assert.deepEqual(bookOf(second.heard), asServed(server.book(BTC)));
  });
});

describe('a book that is told in changes', { concurrency: true }, () => {
  it('is what the exchange has, through changes that are lost or cut and connections that break (walk)', async (t) => {
    const price = fc.integer({ min: 1, max: 9 }).map(String);
    const level = fc.tuple(price, fc.integer({ min: 0, max: 3 }).map(String));
    const change = fc.record({ bids: fc.array(level, { maxLength: 3 }), asks: fc.array(level, { maxLength: 3 }) });
    const fates = ['told', 'told', 'told', 'told', 'lost', 'cut', 'junk', 'unknown', 'drop', 'join'] as const;
    const step = fc.tuple(change, fc.constantFrom(...fates));
    const run = async (story: (typeof stories)[number]): Promise<void> => {
      const { server, listen, paradex } = await aFeed(t);
      const readers = [listen<ParadexBook>(DELTAS)];
      await until(() => readers[0]!.heard.length === 1);
      for (const [what, fate] of story) {
        if (fate === 'join') readers.push(listen<ParadexBook>(DELTAS));
        if (fate === 'junk') server.publishBytes(DELTAS, Buffer.from('no message'));
        if (fate === 'unknown') server.publishBytes(DELTAS, unknownSbe(99));
        if (fate === 'drop') server.dropStreams();
        server.changeBook(BTC, what, fate === 'lost' || fate === 'cut' ? fate : undefined);
        if (what.bids.length % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      const caughtUp = (): boolean => readers.every(({ heard }) => bookOf(heard).at === Number(server.book(BTC).seq));
      await until(() => {
        // A change that was lost is noticed by the next.
        if (!caughtUp() && server.streams > 0) server.changeBook(BTC, {});
        return caughtUp();
      });
      for (const { heard } of readers)
        assert.deepEqual(bookOf(heard), asServed(server.book(BTC)), JSON.stringify(story));
      await paradex.close();
    };
    const stories = fc.sample(fc.array(step, { minLength: 5, maxLength: 25 }), { numRuns: 12 });
    await Promise.all(stories.map(run));
  });

  it('is subscribed to anew when a change is missing, after a gap, and says why', async (t) => {
    const lost: string[] = [];
    const { server, listen, paradex } = await aFeed(t, {
      observer: { streamLost: ({ error }) => lost.push(error.message) },
    });
    const book = listen<ParadexBook>(DELTAS);
    await until(() => book.heard.length === 1);
    server.changeBook(BTC, { bids: [['7', '1']] }, 'lost');
    server.changeBook(BTC, { bids: [['8', '1']] });
    await until(() => book.heard.length === 3);
    assert.deepEqual(book.gaps(), ['lost']);
    const [first, again] = book.values();
    assert.deepEqual(
      [first!.bids, again!.update_type, again!.bids],
      [
        [],
        's',
        [
          ['8', '1'],
          ['7', '1'],
        ],
      ],
    );
    assert.match(lost[0]!, /deltas: change 7000000002 came where 7000000001 was due; it is subscribed anew/);
    assert.deepEqual(paradex.frames(), { read: 3, unknown: 0, malformed: 0 });
  });

  it('is told whole to who comes later, and to who could not keep up', async (t) => {
    const { server, listen, paradex } = await aFeed(t);
    const first = listen<ParadexBook>(DELTAS);
    await until(() => first.heard.length === 1);
    server.changeBook(BTC, {
      bids: [
        ['10', '1'],
        ['9.5', '2'],
      ],
      asks: [
        ['100', '1'],
        ['11', '3'],
      ],
    });
    await until(() => first.heard.length === 2);
    const later = listen<ParadexBook>(DELTAS);
    await until(() => later.heard.length === 1);
    const [whole] = later.values();
    assert.deepEqual(
      [whole!.update_type, whole!.bids, whole!.asks],
      [
        's',
        [
          ['10', '1'],
          ['9.5', '2'],
        ],
        [
          ['11', '3'],
          ['100', '1'],
        ],
      ],
    );
    const slow = paradex.subscribe<ParadexBook>(DELTAS)[Symbol.asyncIterator]();
    for (let n = 0; n < 10_050; n++) server.changeBook(BTC, { bids: [['10', String(n + 1)]] });
    await until(() => first.values().at(-1)?.seq_no === Number(server.book(BTC).seq));
    const told: Message<ParadexBook>[] = [];
    while (bookOf(told).at !== Number(server.book(BTC).seq))
      told.push((await slow.next()).value as Message<ParadexBook>);
    assert(told.some((message) => message.kind === 'gap' && message.reason === 'slow'));
    assert.deepEqual(bookOf(told), asServed(server.book(BTC)));
    await slow.return?.();
  });
});

describe('a message that cannot be read', { concurrency: true }, () => {
  it('is an event, and a gap for those it may have been for; other channels and the connection go on', async (t) => {
    const unread: StreamUnread[] = [];
    const observer = { streamUnread: (fact: StreamUnread) => unread.push(fact) };
    const { server, listen, paradex, agreed } = await aFeed(t, { observer });
    const [trades, bbo] = [listen(`trades.${BTC}`), listen('bbo.M')];
    await agreed(2);
    const { connections } = server;
    const good = paradexSbe(aTrade(), 2);
    server.publishBytes(`trades.${BTC}`, good.subarray(0, 40));
    await until(() => trades.gaps().length === 1);
    server.publish(aTrade(BTC, '7'));
    await until(() => (trades.values().at(-1) as ParadexTrade | undefined)?.id === '7');
    assert.deepEqual([trades.gaps(), bbo.heard], [['skipped'], []]);
    assert.match(unread[0]!.error.message, /^TradeEvent \(template 1, 40 bytes\): block needs 50 bytes at offset 8/);
    assert.deepEqual([unread[0]!.endpoint, unread[0]!.reason, unread[0]!.bytes], ['paradex', 'malformed', 40]);
    server.publishBytes(`trades.${BTC}`, Buffer.from([1, 2, 3]));
    await until(
      () => bbo.gaps().length === 1,
      () => 'it may have been for anyone',
    );
    assert.equal(paradex.frames().malformed, 2);
    assert.equal(server.connections, connections);
  });

  it('as its kind is not known, is left out, counted, and told of once', async (t) => {
    const unread: string[] = [];
    const observer = { streamUnread: ({ error }: StreamUnread) => unread.push(error.message) };
    const { server, listen, paradex } = await aFeed(t, { observer });
    const book = listen<ParadexBook>(DELTAS);
    await until(() => book.heard.length === 1);
    for (let n = 0; n < 500; n++) server.publishBytes(DELTAS, unknownSbe(n % 2 === 0 ? 60 : 61));
    server.changeBook(BTC, {});
    await until(() => book.heard.length === 2);
    assert.deepEqual(paradex.frames(), { read: 2, unknown: 500, malformed: 0 });
    assert.deepEqual(unread, [
      'template 60 of schema 1 is not known here, and is left out',
      'template 61 of schema 1 is not known here, and is left out',
    ]);
    assert.deepEqual(book.gaps(), []);
  });
});
