/** keepwarm/paradex: the exchange Paradex on warm connections, with orders that are never sent twice. */
export type { ReadOptions } from './adapters/exchange/exchange.ts';
export type { FrameCounts } from './adapters/exchange/feed-connection.ts';
export type { Window } from './adapters/exchange/settle.ts';
export type { Log, Warmth } from './adapters/exchange/warm.ts';
export type {
  NewParadexOrder,
  ParadexAccount,
  ParadexFate,
  ParadexOrder,
} from './adapters/paradex/account.ts';
export { createParadex, ParadexClient } from './adapters/paradex/client.ts';
export { type ParadexMeaning, type ParadexProblem, paradexProblemOf } from './adapters/paradex/errors.ts';
export {
  PARADEX_DEFAULTS,
  PARADEX_LIMITS,
  PARADEX_NETWORKS,
  type ParadexAccountOptions,
  type ParadexFigures,
  type ParadexLimits,
  type ParadexNetwork,
  type ParadexOptions,
} from './adapters/paradex/options.ts';
export {
  authData,
  messageHash,
  onboardingData,
  orderData,
  type StarkHashes,
  type StarkSigner,
  type StarkTypedData,
} from './adapters/paradex/typed-data.ts';
export type {
  ParadexBbo,
  ParadexBook,
  ParadexFunding,
  ParadexFundingComparison,
  ParadexLevel,
  ParadexMarketSummary,
  ParadexTrade,
} from './adapters/paradex/updates.ts';
