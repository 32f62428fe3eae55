/** Paradex's binary messages: what a writer that knows nothing of the reader writes, and what the exchange has sent. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { paradexFrame } from '../../src/adapters/paradex/sbe.ts';
import { type ParadexEvent, paradexSbe, type SbeGrowth, unknownSbe } from '../../src/testing/paradex/sbe-writer.ts';

const MAX = 2n ** 63n - 1n;
const SAFE = 2n ** 53n - 1n;

/** By the digits alone. */
const written = (mantissa: bigint, places = 8): string => {
  const digits = String(mantissa)
    .replace('-', '')
    .padStart(places + 1, '0');
  const rest = digits.slice(-places).replace(/0+$/, '');
  return `${mantissa < 0n ? '-' : ''}${digits.slice(0, -places)}${rest && `.${rest}`}`;
};
const maybe = (mantissa: bigint | null, places?: number) => (mantissa === null ? null : written(mantissa, places));
const ms = (us: bigint): number => Number((us - (((us % 1_000n) + 1_000n) % 1_000n)) / 1_000n);

const amount = fc.oneof(
  fc.bigInt({ min: -MAX, max: MAX }),
  fc.constantFrom(0n, 1n, -1n, MAX, -MAX, 4_200_050_000_000n),
);
const none = fc.option(amount);
const stamp = fc.bigInt({ min: -SAFE, max: SAFE });
const market = fc.constantFrom('BTC-USD-PERP', 'BTC-USD-25DEC26-100000-C', 'XRP-USD-1.5-P', 'Ü-USD', '');
const common = { market, ts: stamp, seq: stamp };
const level = fc.tuple(amount, amount);
const best = fc.tuple(none, none);

type Case = readonly [event: ParadexEvent, told: object];

const trade = fc
  .record({
    ...common,
    id: fc.bigInt({ min: 0n, max: 10n ** 28n }).map(String),
    ...{ side: fc.nat(255), price: amount, size: amount, createdAt: stamp, type: fc.nat(255) },
  })
  .map((event): Case => {
    const types = [null, 'FILL', 'LIQUIDATION', 'UNWIND_TRANSFER', 'SETTLE_MARKET', 'RPI', 'BLOCK_TRADE'];
    const told = {
      ...{ market: event.market, id: event.id, id_low64: String(BigInt.asIntN(64, BigInt(event.id))) },
      ...{ side: [null, 'BUY', 'SELL'][event.side] ?? null, price: written(event.price), size: written(event.size) },
      ...{ trade_type: types[event.type] ?? null, created_at: ms(event.createdAt), seq_no: Number(event.seq) },
    };
    return [
      { kind: 'trades', ...event },
      { ...told, ts: Number(event.ts) },
    ];
  });

const bbo = fc.record({ ...common, bid: best, ask: best }).map(({ bid, ask, ...event }): Case => {
  const told = { bid: maybe(bid[0]), bid_size: maybe(bid[1]), ask: maybe(ask[0]), ask_size: maybe(ask[1]) };
  const when = { last_updated_at: ms(event.ts), seq_no: Number(event.seq), ts: Number(event.ts) };
  return [
    { kind: 'bbo', bid, ask, ...event },
    { market: event.market, ...told, ...when },
  ];
});

const levels = fc.array(level, { maxLength: 20 });
const book = fc
  .record({ ...common, type: fc.nat(255), bids: levels, asks: levels, best: fc.tuple(best, best, none, best, best) })
  .map((event): Case => {
    const texts = (side: readonly (readonly [bigint, bigint])[]) => side.map((each) => each.map((one) => written(one)));
    const pair = ([price, size]: readonly [bigint | null, bigint | null]) =>
      price === null ? null : [written(price), maybe(size)];
    const [bid, ask, spread, apiBid, apiAsk] = event.best;
    const told = {
      ...{ market: event.market, update_type: ['s', 'd'][event.type] ?? null },
      ...{ bids: texts(event.bids), asks: texts(event.asks), relative_spread: maybe(spread) },
      ...{ best_bid_interactive: pair(bid), best_ask_interactive: pair(ask) },
      ...{ best_bid_api: pair(apiBid), best_ask_api: pair(apiAsk) },
      ...{ last_updated_at: ms(event.ts), seq_no: Number(event.seq), ts: Number(event.ts) },
    };
    return [{ kind: 'order_book', ...event }, told];
  });

const FIGURES = [
  ...['mark_price', 'underlying_price', 'last_traded_price', 'volume_24h', 'open_interest', 'funding_rate'],
  ...['bid', 'ask', 'total_volume', 'price_change_rate_24h', 'mark_iv', 'bid_iv', 'ask_iv', 'last_iv'],
  ...['delta', 'gamma', 'vega', 'theta', 'rho', 'volga', 'vanna'],
  ...['future_funding_rate', 'external_fair_price', 'bid_size', 'ask_size'],
];
const summary = fc
  .record({
    ...common,
    figures: fc.array(none, { minLength: 25, maxLength: 25 }),
    later: fc.array(none, { minLength: 3, maxLength: 3 }),
  })
  .map((event): Case => {
    const told = Object.fromEntries(FIGURES.map((name, index) => [name, maybe(event.figures[index] ?? null)]));
    const { delta, gamma, vega, theta, rho, volga, vanna, ...rest } = told;
    const [forward = null, riskFree = null, precise = null] = event.later;
    return [
      { kind: 'markets_summary', ...event },
      {
        ...{ symbol: event.market, ...rest, greeks: { delta, gamma, vega, theta, rho, volga, vanna } },
        ...{ forward_rate: maybe(forward), risk_free_rate: maybe(riskFree) },
        ...{ funding_rate: maybe(precise, 12) ?? told['funding_rate'] },
        ...{ created_at: ms(event.ts), ts: Number(event.ts) },
      },
    ];
  });

const funding = fc
  .record({
    ...common,
    figures: fc.tuple(none, none, none, none),
    ...{ createdAt: stamp, hours: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }), impact: none },
  })
  .map((event): Case => {
    const [rate, index, premium, rate8h] = event.figures.map((each) => maybe(each));
    return [
      { kind: 'funding_data', ...event },
      {
        ...{ market: event.market, funding_rate: rate, funding_index: index, funding_premium: premium },
        ...{ funding_rate_8h: rate8h, funding_period_hours: event.hours, impact_premium_rate: maybe(event.impact) },
        ...{ created_at: ms(event.createdAt), seq_no: Number(event.seq), ts: Number(event.ts) },
      },
    ];
  });

const comparison = fc
  .record({ market, ts: stamp, updatedAt: stamp, rate: none, assetKind: fc.nat(255), source: fc.nat(255) })
  .map((event): Case => {
    const kinds = ['UNSPECIFIED', 'PERPETUAL_FUTURE', 'OPTION', 'SPOT'];
    const sources = 'UNSPECIFIED PARADEX BINANCE BYBIT OKX DERIBIT DERIVE HYPERLIQUID LIGHTER'.split(' ');
    const all = [...sources, 'DATABENTO', 'PUBLISHER', 'PYTH', 'STORK'];
    return [
      { kind: 'funding_rate_comparison', ...event },
      {
        ...{ symbol: event.market, asset_kind: `ASSET_KIND_${kinds[event.assetKind] ?? 'UNSPECIFIED'}` },
        ...{ source: `SOURCE_${all[event.source] ?? 'UNSPECIFIED'}`, hourly_funding_rate: maybe(event.rate, 12) },
        ...{ last_updated_at: ms(event.updatedAt), ts: Number(event.ts) },
      },
    ];
  });

const cases = fc.oneof(trade, bbo, book, summary, funding, comparison);
const growth = fc.record({
  ...{
    blockBytes: fc.nat(40),
    entryBytes: fc.nat(20),
    texts: fc.array(fc.string({ maxLength: 20 }), { maxLength: 3 }),
  },
});
const told = (event: ParadexEvent, version: number, grown?: SbeGrowth): object => {
  const frame = paradexFrame(paradexSbe(event, version, grown));
  assert(typeof frame === 'object');
  assert.deepEqual([frame.kind, frame.market], [event.kind, event.market]);
  return frame.value;
};

describe('a binary message of Paradex', () => {
  it('tells what was written: null, negative and the largest there is, and names that are not known', () => {
    fc.assert(
      fc.property(cases, ([event, expected]) => {
        assert.deepEqual(told(event, 2), expected);
      }),
      { numRuns: 3_000 },
    );
  });

  it('tells the same when a later schema has made everything longer', () => {
    fc.assert(
      fc.property(cases, growth, fc.integer({ min: 2, max: 0xffff }), ([event, expected], grown, version) => {
        assert.deepEqual(told(event, version, grown), expected);
      }),
      { numRuns: 1_000 },
    );
  });

  it('of an earlier version lacks what it had not, and nothing else', () => {
    fc.assert(
      fc.property(cases, fc.constantFrom(0, 1), ([event, expected], version) => {
        const lacking: Record<string, object> = {
          trades: { id: undefined },
          funding_data: version === 0 ? { impact_premium_rate: null } : {},
          ...(version === 0 && event.kind === 'markets_summary'
            ? {
                markets_summary: {
                  ...{ forward_rate: null, risk_free_rate: null },
                  funding_rate: maybe((event.figures[5] ?? null) as bigint | null),
                },
              }
            : {}),
        };
        assert.deepEqual(told(event, version), { ...expected, ...lacking[event.kind] });
      }),
      { numRuns: 1_000 },
    );
  });

  it('that lacks a byte is refused, or lacks a text that may be missing: never is it another message', () => {
    fc.assert(
      fc.property(cases, fc.nat(), ([event, expected], from) => {
        const bytes = paradexSbe(event, 2);
        const cut = bytes.subarray(0, from % bytes.length);
        let frame: ReturnType<typeof paradexFrame>;
        try {
          frame = paradexFrame(cut);
        } catch (thrown) {
          return assert.equal((thrown as { code: string }).code, 'DECODE');
        }
        assert(event.kind === 'trades' && typeof frame === 'object', `${cut.length} of ${bytes.length} bytes`);
        assert.deepEqual(frame.value, { ...expected, id: undefined });
        return undefined;
      }),
      { numRuns: 3_000 },
    );
  });

  it('that says it lives, or is of a kind there was not, is none that tells', () => {
    const heartbeat = Buffer.from(`1000${'2800'}01000200${'00'.repeat(16)}`, 'hex');
    assert.equal(paradexFrame(heartbeat), undefined);
    assert.equal(paradexFrame(unknownSbe(7)), 7);
    assert.throws(() => paradexFrame(Buffer.from('1000280002000200', 'hex')), /a frame of schema 2; known: 1/);
  });

  it('may have more levels than any book', () => {
    const side = Array.from({ length: 60_000 }, (_, n): [string, string] => [`${n}.5`, '0.001']);
    const event: ParadexEvent = { kind: 'order_book', market: 'M', type: 0, bids: side, asks: side };
    assert.deepEqual((told(event, 2) as { asks: object }).asks, side);
  });
});

/**
 * What has been sent: the first by Paradex's own encoder (`tests/api/test_sbe_codec.py` of tradeparadex/paradex-py),
 * the other by the exchange in autumn 2026, as a user of it has kept it (public market data of schema 1:1).
 */
describe('a message Paradex has sent', () => {
  const read = (hex: string): object => {
    const frame = paradexFrame(Buffer.from(hex, 'hex'));
    assert(typeof frame === 'object');
    return frame.value;
  };

  it('tells funding rates of many venues', () => {
    const hex = '1a0006000100010000401e18240a060000401e18240a060000e1f5050000000001010c4254432d5553442d50455250';
    assert.deepEqual(read(hex), {
      ...{ symbol: 'BTC-USD-PERP', asset_kind: 'ASSET_KIND_PERPETUAL_FUTURE', source: 'SOURCE_PARADEX' },
      ...{ hourly_funding_rate: '0.0001', last_updated_at: 1_700_000_000_000, ts: 1_700_000_000_000_000 },
    });
  });

  it('tells the summary of an option nobody offers', () => {
    const none = '0000000000000080';
    const zero = '0000000000000000';
    const hex =
      `f000040001000100686ed8ac055c0600${zero}d5c69bb61400000039facffe21000000${zero.repeat(4)}${none.repeat(2)}` +
      `${zero}6067b6ffffffffff` +
      `fbdae40b00000000${none.repeat(3)}a1ceb90500000000b82600000000000008f5a40200000000f54b0ff8ffffffff` +
      `b1cf6bfaffffffffc21e060000000000ed3e000000000000f026000000000000${none.repeat(3)}c043470000000000` +
      `${zero}${none}` +
      '155a45432d5553442d33304f435432362d3630302d43';
    assert.deepEqual(read(hex), {
      ...{ symbol: 'ZEC-USD-30OCT26-600-C', mark_price: '889.63008213', underlying_price: '1460.08963641' },
      ...{ last_traded_price: '0', volume_24h: '0', total_volume: '0', open_interest: '0', funding_rate: '0' },
      ...{ future_funding_rate: '0.00009968', price_change_rate_24h: '-0.048232', external_fair_price: null },
      ...{ bid: null, bid_size: null, ask: null, ask_size: null, forward_rate: '0.046704', risk_free_rate: '0' },
      ...{ mark_iv: '1.99547643', bid_iv: null, ask_iv: null, last_iv: null },
      greeks: {
        ...{ delta: '0.96063137', gamma: '0.00009912', vega: '0.44365064', theta: '-1.33215243' },
        ...{ rho: '-0.93597775', volga: '0.0040109', vanna: '0.00016109' },
      },
      ...{ created_at: 1_790_029_304_721, ts: 1_790_029_304_721_000 },
    });
  });
});
