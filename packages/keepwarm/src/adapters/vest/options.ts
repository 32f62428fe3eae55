/** What a Vest client is made with, with the defaults and where they come from. */
import { invalid, show } from '../../clients/options.ts';
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
import type { OrderSigner, PrimarySigner } from './signatures.ts';

/** `version`, the server and the listen key are added to the query of `wsUrl`. */
export interface VestNetwork extends ExchangeNetwork {
  /** What the signer's proof is bound to. */
  readonly contract: string;
}

/** Source: the newest addresses in public code and the contracts of Vest's API page. All of it can be given instead. */
export const VEST_NETWORKS = {
  production: {
    restUrl: 'https://server-prod.hz.vestmarkets.com/v2',
    wsUrl: 'wss://ws-prod.hz.vestmarkets.com/ws-api',
    contract: '0x919386306C47b2Fe1036e3B4F7C40D22D2461a23',
  },
  development: {
    restUrl: 'https://server-dev.hz.vestmarkets.com/v2',
    wsUrl: 'wss://ws-dev.hz.vestmarkets.com/ws-api',
    contract: '0x8E4D87AEf4AC4D5415C35A12319013e34223825B',
  },
} as const satisfies Record<string, VestNetwork>;

export interface VestAccountOptions extends ExchangeAccount {
  /** Proves once that `signer` may sign for the account. */
  readonly primary: PrimarySigner;
  readonly signer: OrderSigner;
}

export interface VestFigures extends OrderFigures {
  /** How long a signer's proof is good for, in ms. Default 7 days. */
  readonly proofMs: number;
  /** Between renewals of a listen key, in ms. Default 30 min, as it lives for about 60. */
  readonly listenKeyMs: number;
  /** Orders of one account that may wait their turn. Default 1,000. */
  readonly waitersMax: number;
  /** Silence after which a WebSocket connection is spoken to, in ms. Default 30,000, as Vest asks. */
  readonly pingMs: number;
}

export const VEST_DEFAULTS: VestFigures = {
  ...ORDER_DEFAULTS,
  proofMs: 7 * 24 * 3_600_000,
  listenKeyMs: 30 * 60_000,
  waitersMax: 1_000,
  pingMs: 30_000,
};

/**
 * Ours, as Vest publishes none: 20 calls a second and 600 a minute for each account, 50 and 1,500 for all from here.
 * The narrowest stand first: see `stacked`.
 */
export const VEST_LIMITS = {
  perAccount: [
    { limit: 20, windowMs: 1_000 },
    { limit: 600, windowMs: 60_000 },
  ],
  perIp: [
    { limit: 50, windowMs: 1_000 },
    { limit: 1_500, windowMs: 60_000 },
  ],
} as const satisfies Record<string, readonly Window[]>;

/** For all calls from here, and for those of each account. */
export type VestLimits = ExchangeLimits<keyof typeof VEST_LIMITS>;

export interface VestOptions
  extends ExchangeOptions<keyof typeof VEST_NETWORKS, VestNetwork, VestFigures, VestAccountOptions, VestLimits> {}

export type VestSettings = ExchangeSettings<VestNetwork, VestFigures, VestAccountOptions, VestLimits>;

const ADDRESS = /^0x[\da-f]{40}$/i;

/** @throws NetError `INVALID` naming the option, its value and what is allowed */
export function settleVest(options: VestOptions): VestSettings {
  const facts = { networks: VEST_NETWORKS, figures: VEST_DEFAULTS };
  const settings = settleExchange<keyof typeof VEST_NETWORKS, VestNetwork, VestFigures, VestAccountOptions, VestLimits>(
    options,
    facts,
  );
  for (const { name, primary, signer } of settings.accounts) {
    checkSigner(`primary of account ${show(name)}`, primary, 'signTypedData');
    checkSigner(`signer of account ${show(name)}`, signer, 'signMessage');
    for (const [what, { address }] of Object.entries({ primary, signer })) {
      if (typeof address === 'string' && ADDRESS.test(address)) continue;
      throw invalid(`${what}.address of account ${show(name)} is ${show(address)}; allowed: 0x and 40 hex digits`);
    }
  }
  return settings;
}
