/**
 * What the public channels of Paradex tell, under the names its JSON and its REST answers have. Decimals are texts,
 * exact and without zeros at their end; `null` stands for what there is none of.
 */

/** `[price, size]` */
export type ParadexLevel = readonly [price: string, size: string];

interface Published {
  /** When Paradex published it, in µs since 1970. */
  readonly ts: number;
}

/** Of `trades.{market}` and `trades.ALL`. */
export interface ParadexTrade extends Published {
  readonly market: string;
  /** The whole id, as REST has it; nothing from a schema before 1:2, which has the lower 64 bits alone. */
  readonly id: string | undefined;
  /** Those 64 bits, with their sign: no id to look anything up by. */
  readonly id_low64: string;
  /** Of whoever took; nothing where Paradex cannot say it, or says what is not known here. */
  readonly side: 'BUY' | 'SELL' | null;
  readonly price: string;
  readonly size: string;
  /** `FILL`, `LIQUIDATION`, `RPI`, `BLOCK_TRADE` and others. */
  readonly trade_type: string | null;
  /** When it was matched, in ms since 1970. */
  readonly created_at: number;
  readonly seq_no: number;
}

/** Of `bbo.{market}`, and `bbo.{market}.interactive`. */
export interface ParadexBbo extends Published {
  readonly market: string;
  readonly bid: string | null;
  readonly bid_size: string | null;
  readonly ask: string | null;
  readonly ask_size: string | null;
  /** In ms since 1970. */
  readonly last_updated_at: number;
  readonly seq_no: number;
}

/** Of all channels of `order_book.{market}`. */
export interface ParadexBook extends Published {
  readonly market: string;
  /**
   * `s` is the whole book, or the top of it; `d` what changed in it since `seq_no` − 1. Nothing where it is neither,
   * which the channels of changes never tell.
   */
  readonly update_type: 's' | 'd' | null;
  /** In a change, a level of size `0` is gone. */
  readonly bids: readonly ParadexLevel[];
  readonly asks: readonly ParadexLevel[];
  /** The best there is, orders of the user interface included, and without those. Nothing where it does not say. */
  readonly best_bid_interactive: ParadexLevel | null;
  readonly best_ask_interactive: ParadexLevel | null;
  readonly best_bid_api: ParadexLevel | null;
  readonly best_ask_api: ParadexLevel | null;
  readonly relative_spread: string | null;
  /** In ms since 1970. */
  readonly last_updated_at: number;
  readonly seq_no: number;
}

/** Of `markets_summary.{market}` and `markets_summary.ALL`. What only options have is `null` for others. */
export interface ParadexMarketSummary extends Published {
  readonly symbol: string;
  readonly mark_price: string | null;
  readonly underlying_price: string | null;
  readonly last_traded_price: string | null;
  /** Of 24 hours, in USD. */
  readonly volume_24h: string | null;
  readonly total_volume: string | null;
  readonly open_interest: string | null;
  /** To 12 places from schema 1:1 on, to 8 before. */
  readonly funding_rate: string | null;
  readonly future_funding_rate: string | null;
  readonly price_change_rate_24h: string | null;
  readonly bid: string | null;
  readonly bid_size: string | null;
  readonly ask: string | null;
  readonly ask_size: string | null;
  readonly mark_iv: string | null;
  readonly bid_iv: string | null;
  readonly ask_iv: string | null;
  readonly last_iv: string | null;
  readonly greeks: {
    readonly delta: string | null;
    readonly gamma: string | null;
    readonly vega: string | null;
    readonly theta: string | null;
    readonly rho: string | null;
    readonly volga: string | null;
    readonly vanna: string | null;
  };
  readonly external_fair_price: string | null;
  readonly forward_rate: string | null;
  readonly risk_free_rate: string | null;
  /** In ms since 1970. */
  readonly created_at: number;
}

/** Of `funding_data.{market}` and `funding_data.ALL`. */
export interface ParadexFunding extends Published {
  readonly market: string;
  readonly funding_rate: string | null;
  readonly funding_index: string | null;
  readonly funding_premium: string | null;
  readonly funding_rate_8h: string | null;
  readonly funding_period_hours: number;
  readonly impact_premium_rate: string | null;
  /** In ms since 1970. */
  readonly created_at: number;
  readonly seq_no: number;
}

/** Of `funding_rate_comparison.ALL@500ms` and `@1000ms`. */
export interface ParadexFundingComparison extends Published {
  readonly symbol: string;
  /** Such as `ASSET_KIND_PERPETUAL_FUTURE`. */
  readonly asset_kind: string;
  /** Such as `SOURCE_BINANCE`; `SOURCE_UNSPECIFIED` for what is not known here. */
  readonly source: string;
  readonly hourly_funding_rate: string | null;
  /** In ms since 1970. */
  readonly last_updated_at: number;
}
