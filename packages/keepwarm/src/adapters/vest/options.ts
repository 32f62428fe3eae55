/** What a Vest client is made with, with the defaults and where they come from. */
import type { ClientOptions } from '../../clients/client-options.ts';
import { invalid, show } from '../../clients/options.ts';
import type { RateLimitOptions } from '../../policies/rate-options.ts';
import type { Window } from '../exchange/gate.ts';
import type { Log } from '../exchange/warm.ts';
import type { OrderSigner, PrimarySigner } from './signatures.ts';

export interface VestNetwork {
  readonly restUrl: string;
  /** `version`, the server and the listen key are added to its query. */
  readonly wsUrl: string;
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

export interface VestAccountOptions {
  /** Tells it from the others. Default `main`. */
  readonly name?: string | undefined;
  /** Proves once that `signer` may sign for the account. */
  readonly primary: PrimarySigner;
  readonly signer: OrderSigner;
}

export interface VestFigures {
  /** How long an order may take to arrive, in ms; it is refused after. Default 5,000, as Vest's. */
  readonly recvWindowMs: number;
  /** How long a signer's proof is good for, in ms. Default 7 days. */
  readonly proofMs: number;
  /** Between renewals of a listen key, in ms. Default 30 min, as it lives for about 60. */
  readonly listenKeyMs: number;
  /** Orders of one account that may wait their turn. Default 1,000. */
  readonly waitersMax: number;
  /** Between questions about an order whose fate is not known, in ms, doubled up to eight times it. Default 100. */
  readonly askMs: number;
  /** How long after its window has closed an order may still appear, in ms. Default 1,000. */
  readonly settleMs: number;
  /** How long the fate of an order is asked for, in ms. Default 30,000. */
  readonly reconcileMs: number;
  /** Silence after which a WebSocket connection is spoken to, in ms. Default 30,000, as Vest asks. */
  readonly pingMs: number;
}

export const VEST_DEFAULTS: VestFigures = {
  recvWindowMs: 5_000,
  proofMs: 7 * 24 * 3_600_000,
  listenKeyMs: 30 * 60_000,
  waitersMax: 1_000,
  askMs: 100,
  settleMs: 1_000,
  reconcileMs: 30_000,
  pingMs: 30_000,
};

export interface VestLimits extends Omit<RateLimitOptions, 'limits'> {
  /** For all calls from here. Default 50 a second and 1,500 a minute: ours, as Vest publishes none. */
  readonly perIp?: readonly Window[] | undefined;
  /** For the calls of each account. Default 20 a second and 600 a minute: ours. */
  readonly perAccount?: readonly Window[] | undefined;
}

export const VEST_LIMITS = {
  perIp: [
    { limit: 50, windowMs: 1_000 },
    { limit: 1_500, windowMs: 60_000 },
  ],
  perAccount: [
    { limit: 20, windowMs: 1_000 },
    { limit: 600, windowMs: 60_000 },
  ],
} as const;

type Inner = Omit<ClientOptions, 'origin' | 'sign' | 'rateLimit' | 'endpoints' | 'balance' | 'healthCheck'>;

export interface VestOptions extends Inner, Partial<VestFigures> {
  /** Default `production`. */
  readonly network?: keyof typeof VEST_NETWORKS | undefined;
  /** Over the network's own. */
  readonly restUrl?: string | undefined;
  readonly wsUrl?: string | undefined;
  readonly contract?: string | undefined;
  /** None for public reads alone. */
  readonly accounts?: readonly VestAccountOptions[] | undefined;
  readonly rateLimits?: VestLimits | undefined;
  /** Takes the lines of the start. Default: nobody does. */
  readonly log?: Log | undefined;
}

export interface VestSettings {
  readonly network: VestNetwork;
  readonly accounts: readonly (VestAccountOptions & { readonly name: string })[];
  readonly figures: VestFigures;
  readonly rateLimits: VestLimits;
  readonly log: Log;
  readonly client: Inner;
}

/** @throws NetError `INVALID` naming the option, its value and what is allowed */
export function settleVest(options: VestOptions): VestSettings {
  const { network = 'production', restUrl, wsUrl, contract, accounts = [], rateLimits = {}, log, ...rest } = options;
  if (!Object.hasOwn(VEST_NETWORKS, network)) {
    throw invalid(`option network is ${show(network)}; allowed: ${Object.keys(VEST_NETWORKS).join(', ')}`);
  }
  const known = VEST_NETWORKS[network];
  const figures: Record<string, number> = { ...VEST_DEFAULTS };
  const client: Record<string, unknown> = { ...rest };
  for (const name of Object.keys(VEST_DEFAULTS)) {
    delete client[name];
    const value = rest[name as keyof VestFigures];
    if (value === undefined) continue;
    if (!(typeof value === 'number' && value >= 0 && Number.isFinite(value))) {
      throw invalid(`option ${name} is ${show(value)}; allowed: a number from 0`);
    }
    figures[name] = value;
  }
  const named = accounts.map((account) => ({ ...account, name: account.name ?? 'main' }));
  const twice = named.find(({ name }, index) => named.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw invalid(`two accounts are called ${show(twice.name)}; give each a name of its own`);
  if (named.some(({ name }) => name === '')) throw invalid('an account is called ""; give it a name');
  return {
    network: {
      restUrl: restUrl ?? known.restUrl,
      wsUrl: wsUrl ?? known.wsUrl,
      contract: contract ?? known.contract,
    },
    accounts: named,
    figures: figures as unknown as VestFigures,
    rateLimits,
    log: log ?? (() => undefined),
    client: client as Inner,
  };
}
