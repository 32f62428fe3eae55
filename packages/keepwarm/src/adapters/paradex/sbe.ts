/**
 * Paradex's binary messages: schema 1 in versions 0 to 2, of which what the public channels tell is read, and what they
 * are told as.
 *
 * Source: `paradex_1_0.xml` of the repository tradeparadex/paradex-py, September 2026, and the page "Binary Encoding
 * (SBE)". Version 2 gained a text after it was first served: such frames may end before it.
 */
import { decodeSbe, type SbeRecord, templateIdOf } from '../../wire/sbe/decode.ts';
import {
  count,
  decimal,
  int16,
  integer,
  micros,
  millis,
  name8,
  optional,
  type SbeField,
  type SbeSchema,
  type SbeTemplate,
  type SbeType,
} from '../../wire/sbe/template.ts';

/** The newest version that is read. */
export const PARADEX_SBE_VERSION = 2;
export const PARADEX_SBE_SCHEMA = 1;

/** Prices, sizes and amounts in USD. */
const amount = decimal(8);
const maybe = optional(amount);
const maybeRate = optional(decimal(12));

const SIDES = { 1: 'BUY', 2: 'SELL' };
const TRADE_TYPES = {
  ...{ 1: 'FILL', 2: 'LIQUIDATION', 3: 'UNWIND_TRANSFER', 4: 'SETTLE_MARKET', 5: 'RPI', 6: 'BLOCK_TRADE' },
};
/** As JSON has them. */
const UPDATES = { 0: 's', 1: 'd' };
/** JSON has the names of the protocol between Paradex's own parts, with what they name before them. */
const named = (kind: string, names: readonly string[]): SbeType<string> =>
  name8(Object.fromEntries(names.map((name, value) => [value, `${kind}_${name}`])), `${kind}_${names[0]}`);
const ASSET_KIND = named('ASSET_KIND', ['UNSPECIFIED', 'PERPETUAL_FUTURE', 'OPTION', 'SPOT']);
const SOURCE = named('SOURCE', [
  ...['UNSPECIFIED', 'PARADEX', 'BINANCE', 'BYBIT', 'OKX', 'DERIBIT', 'DERIVE', 'HYPERLIQUID', 'LIGHTER', 'DATABENTO'],
  ...['PUBLISHER', 'PYTH', 'STORK'],
]);

const field = (name: string, type: SbeType, appended = false): SbeField =>
  appended ? { name, type, appended } : { name, type };
const all = (type: SbeType, names: string): SbeField[] => names.split(' ').map((name) => field(name, type));

interface Told extends SbeTemplate {
  /** The first part of the names of its channels. */
  readonly kind: string;
  readonly shape: (record: SbeRecord) => object;
}

const same = (record: SbeRecord): object => record;
const seen = [field('ts', micros), field('seq_no', count)];
const TEXTS = [{ name: 'market' }];
const LEVEL = [amount, amount];

const TRADE: Told = {
  ...{ id: 1, name: 'TradeEvent', kind: 'trades' },
  fields: [
    ...[...seen, field('id_low64', integer), field('side', name8(SIDES, null)), ...all(amount, 'price size')],
    ...[field('created_at', millis), field('trade_type', name8(TRADE_TYPES, null))],
  ],
  texts: [...TEXTS, { name: 'id', since: 2 }],
  shape: ({ id, ...rest }) => ({ ...rest, id }),
};

const BBO: Told = {
  ...{ id: 2, name: 'BboEvent', kind: 'bbo' },
  fields: [...seen, ...all(maybe, 'bid bid_size ask ask_size')],
  texts: TEXTS,
  shape: (record) => ({ ...record, last_updated_at: msOf(record) }),
};

const BOOK: Told = {
  ...{ id: 3, name: 'BookEvent', kind: 'order_book' },
  fields: [
    ...[...seen, field('update_type', name8(UPDATES, null))],
    ...all(maybe, 'bid bidSize ask askSize relative_spread apiBid apiBidSize apiAsk apiAskSize'),
  ],
  groups: [
    { name: 'bids', types: LEVEL },
    { name: 'asks', types: LEVEL },
  ],
  texts: TEXTS,
  shape: (record) => ({
    ...{ market: record['market'], update_type: record['update_type'], bids: record['bids'], asks: record['asks'] },
    best_bid_interactive: level(record['bid'], record['bidSize']),
    best_ask_interactive: level(record['ask'], record['askSize']),
    best_bid_api: level(record['apiBid'], record['apiBidSize']),
    best_ask_api: level(record['apiAsk'], record['apiAskSize']),
    ...{ relative_spread: record['relative_spread'], last_updated_at: msOf(record) },
    ...{ seq_no: record['seq_no'], ts: record['ts'] },
  }),
};

const SUMMARY: Told = {
  ...{ id: 4, name: 'MarketSummaryEvent', kind: 'markets_summary' },
  fields: [
    ...seen,
    ...all(maybe, 'mark_price underlying_price last_traded_price volume_24h open_interest funding_rate bid ask'),
    ...all(maybe, 'total_volume price_change_rate_24h mark_iv bid_iv ask_iv last_iv'),
    ...all(maybe, 'delta gamma vega theta rho volga vanna'),
    ...all(maybe, 'future_funding_rate external_fair_price bid_size ask_size'),
    ...[field('forward_rate', maybe, true), field('risk_free_rate', maybe, true), field('precise', maybeRate, true)],
  ],
  texts: TEXTS,
  shape({ market, seq_no, precise, delta, gamma, vega, theta, rho, volga, vanna, ...rest }) {
    return {
      ...{ symbol: market, forward_rate: null, risk_free_rate: null, ...rest, created_at: msOf(rest) },
      funding_rate: precise ?? rest['funding_rate'],
      greeks: { delta, gamma, vega, theta, rho, volga, vanna },
    };
  },
};

const FUNDING: Told = {
  ...{ id: 5, name: 'FundingDataEvent', kind: 'funding_data' },
  fields: [
    ...[...seen, ...all(maybe, 'funding_rate funding_index'), field('created_at', millis)],
    ...[...all(maybe, 'funding_premium funding_rate_8h'), field('funding_period_hours', int16)],
    field('impact_premium_rate', maybe, true),
  ],
  texts: TEXTS,
  shape: (record) => ({ impact_premium_rate: null, ...record }),
};

const COMPARISON: Told = {
  ...{ id: 6, name: 'FundingRateComparisonEvent', kind: 'funding_rate_comparison' },
  fields: [
    ...[field('ts', micros), field('last_updated_at', millis), field('hourly_funding_rate', maybeRate)],
    ...[field('asset_kind', ASSET_KIND), field('source', SOURCE)],
  ],
  texts: TEXTS,
  shape: ({ market, ...rest }) => ({ symbol: market, ...rest }),
};

/** Say that the connection lives, which every frame says, and what is said as JSON too. */
const SILENT: readonly Told[] = [
  { id: 40, name: 'HeartbeatEvent', kind: '', fields: seen, texts: [], shape: same },
  { id: 41, name: 'SubscribedEvent', kind: '', fields: seen, texts: [{ name: 'channel' }], shape: same },
];

const TEMPLATES: ReadonlyMap<number, Told> = new Map(
  [TRADE, BBO, BOOK, SUMMARY, FUNDING, COMPARISON, ...SILENT].map((template) => [template.id, template]),
);
const SCHEMA: SbeSchema = { id: PARADEX_SBE_SCHEMA, frozen: 1, templates: TEMPLATES };

export interface ParadexFrame {
  /** The first part of the channel's name; the rest is not in the frame. */
  readonly kind: string;
  readonly market: string;
  readonly value: object;
}

/**
 * What a frame tells; nothing where it tells nothing; the template's number where that is not known.
 *
 * @throws NetError `DECODE` for a frame that is none
 */
export function paradexFrame(bytes: Uint8Array): ParadexFrame | number | undefined {
  const message = decodeSbe(bytes, SCHEMA);
  if (message === undefined) return templateIdOf(bytes, SCHEMA);
  const { record } = message;
  const { kind, shape } = TEMPLATES.get(message.template.id)!;
  return kind === '' ? undefined : { kind, market: String(record['market']), value: shape(record) };
}

/** The kind of channel a frame that cannot be read would have been for; nothing where not even that is known. */
export function kindOfFrame(bytes: Uint8Array): string | undefined {
  return TEMPLATES.get(templateIdOf(bytes, SCHEMA) ?? 0)?.kind;
}

const msOf = ({ ts }: SbeRecord): number => Math.floor((ts as number) / 1_000);

const level = (price: unknown, size: unknown): object | null => (price === null ? null : [price, size]);
