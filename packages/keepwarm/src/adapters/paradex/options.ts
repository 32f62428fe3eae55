/** What a Paradex client is made with, with the defaults and where they come from. */
import { invalid, show } from '../../clients/options.ts';
import type { Call } from '../../core/call.ts';
import type { Counts } from '../exchange/gate.ts';
import {
  checkSigner,
  type ExchangeAccount,
  type ExchangeLimits,
  type ExchangeNetwork,
  type ExchangeOptions,
  type ExchangeSettings,
  ORDER_DEFAULTS,
  type OrderFigures,
  settleExchange,
  type Window,
} from '../exchange/settle.ts';
import { PARADEX_SBE_VERSION } from './sbe.ts';
import type { StarkSigner } from './typed-data.ts';

export interface ParadexNetwork extends ExchangeNetwork {
  /** What signatures are bound to: `starknet_chain_id` of `GET /system/config`. */
  readonly chainId: string;
}

/** Source: Paradex's API pages. All of it can be given instead. */
export const PARADEX_NETWORKS = {
  production: {
    restUrl: 'https://api.prod.paradex.trade/v1',
    wsUrl: 'wss://ws.api.prod.paradex.trade/v1',
    chainId: 'PRIVATE_SN_PARACLEAR_MAINNET',
  },
  testnet: {
    restUrl: 'https://api.testnet.paradex.trade/v1',
    wsUrl: 'wss://ws.api.testnet.paradex.trade/v1',
    chainId: 'PRIVATE_SN_POTC_SEPOLIA',
  },
} as const satisfies Record<string, ParadexNetwork>;

export interface ParadexAccountOptions extends ExchangeAccount {
  /** The StarkNet account, as 0x and hex. */
  readonly account: string;
  readonly signer: StarkSigner;
  /** Both are needed to onboard an account that Paradex does not know yet. */
  readonly ethereumAccount?: string | undefined;
  readonly publicKey?: string | undefined;
}

export interface ParadexFigures extends OrderFigures {
  /** Age at which a token is renewed in the background, in ms. Default 3 min; it lives for 5. */
  readonly renewMs: number;
  /** Age from which a token is not used, in ms. Default 290,000. */
  readonly tokenMs: number;
  /**
   * The newest version of the binary schema (1:0 to 1:2) that is asked for on public channels; where Paradex does not
   * serve it, the one below. From 0 to 2, default 2: from there on a trade tells its whole id.
   */
  readonly sbeVersion: number;
}

export const PARADEX_DEFAULTS: ParadexFigures = {
  ...ORDER_DEFAULTS,
  renewMs: 180_000,
  tokenMs: 290_000,
  sbeVersion: PARADEX_SBE_VERSION,
};

/** Source: Paradex's API pages, "Rate limits", August 2026. The narrowest stand first: see `stacked`. */
export const PARADEX_LIMITS = {
  ordersPerAccount: [
    { limit: 800, windowMs: 1_000 },
    { limit: 17_250, windowMs: 60_000 },
  ],
  readsPerAccount: [
    { limit: 120, windowMs: 1_000 },
    { limit: 600, windowMs: 60_000 },
  ],
  authPerIp: [{ limit: 600, windowMs: 60_000 }],
  publicPerIp: [{ limit: 1_500, windowMs: 60_000 }],
  perIp: [{ limit: 1_500, windowMs: 60_000 }],
} as const satisfies Record<string, readonly Window[]>;

export type ParadexLimits = ExchangeLimits<keyof typeof PARADEX_LIMITS>;

const isAuth = ({ path }: Call, base: string): boolean =>
  path.startsWith(`${base}/auth`) || path === `${base}/onboarding`;

/** What counts in which: what changes an account's orders, what it reads, who it is, what is for everybody, all. */
export const PARADEX_COUNTS: Counts<keyof typeof PARADEX_LIMITS> = {
  ordersPerAccount: (call, base) => call.section !== '' && call.method !== 'GET' && !isAuth(call, base),
  readsPerAccount: (call) => call.section !== '' && call.method === 'GET',
  authPerIp: isAuth,
  publicPerIp: (call) => call.section === '',
  perIp: () => true,
};

export interface ParadexOptions
  extends ExchangeOptions<
    keyof typeof PARADEX_NETWORKS,
    ParadexNetwork,
    ParadexFigures,
    ParadexAccountOptions,
    ParadexLimits
  > {}

export type ParadexSettings = ExchangeSettings<ParadexNetwork, ParadexFigures, ParadexAccountOptions, ParadexLimits>;

/** Source: Paradex's page on orders. */
const RECV_WINDOW_MS_MIN = 10;

/** A felt: below 2²⁵², as 0x and hex. */
const FELT = /^0x[\da-f]{1,63}$/i;

/** @throws NetError `INVALID` naming the option, its value and what is allowed */
export function settleParadex(options: ParadexOptions): ParadexSettings {
  const facts = { networks: PARADEX_NETWORKS, figures: PARADEX_DEFAULTS };
  const settings = settleExchange<
    keyof typeof PARADEX_NETWORKS,
    ParadexNetwork,
    ParadexFigures,
    ParadexAccountOptions,
    ParadexLimits
  >(options, facts);
  const { sbeVersion, recvWindowMs } = settings.figures;
  if (recvWindowMs < RECV_WINDOW_MS_MIN) {
    throw invalid(`option recvWindowMs is ${show(recvWindowMs)}; allowed: a number from ${RECV_WINDOW_MS_MIN}`);
  }
  if (!Number.isInteger(sbeVersion) || sbeVersion > PARADEX_SBE_VERSION) {
    throw invalid(`option sbeVersion is ${show(sbeVersion)}; allowed: a whole number from 0 to ${PARADEX_SBE_VERSION}`);
  }
  for (const { name, account, signer } of settings.accounts) {
    checkSigner(`signer of account ${show(name)}`, signer, 'signMessage');
    if (typeof account === 'string' && FELT.test(account)) continue;
    throw invalid(`account of account ${show(name)} is ${show(account)}; allowed: 0x and up to 63 hex digits`);
  }
  return settings;
}
