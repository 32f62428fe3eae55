/** keepwarm/vest: the exchange Vest on warm connections, with orders that are never sent twice. */
export type { ReadOptions } from './adapters/exchange/exchange.ts';
export type { Window } from './adapters/exchange/settle.ts';
export type { Log, Warmth } from './adapters/exchange/warm.ts';
export type { CancelFate, OrdersQuery, VestAccount } from './adapters/vest/account.ts';
export { createVest, VestClient } from './adapters/vest/client.ts';
export type { OrderOptions } from './adapters/vest/desk.ts';
export { VEST_CODES, type VestMeaning, type VestProblem, vestProblemOf } from './adapters/vest/errors.ts';
export type { Fate, NotPlaced, Placed, UnknownFate, VestOrder } from './adapters/vest/fate.ts';
export {
  VEST_DEFAULTS,
  VEST_LIMITS,
  VEST_NETWORKS,
  type VestAccountOptions,
  type VestFigures,
  type VestLimits,
  type VestNetwork,
  type VestOptions,
} from './adapters/vest/options.ts';
export type { NewLpOrder, NewOrder, Withdrawal } from './adapters/vest/orders.ts';
export {
  type Hex,
  type OrderSigner,
  type PrimarySigner,
  type SignerProof,
  signedHash,
  signerProof,
} from './adapters/vest/signatures.ts';
