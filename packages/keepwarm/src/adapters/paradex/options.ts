/** What a Paradex client is made with, with the defaults and where they come from. */
import type { ClientOptions } from '../../clients/client-options.ts';
import { invalid, show } from '../../clients/options.ts';
import type { Call } from '../../core/call.ts';
import type { RateLimit, RateLimitOptions } from '../../policies/rate-options.ts';
import type { Window } from '../exchange/gate.ts';
import type { Log } from '../exchange/warm.ts';
import type { StarkSigner } from './typed-data.ts';

export interface ParadexNetwork {
  readonly restUrl: string;
  readonly wsUrl: string;
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

export interface ParadexAccountOptions {
  /** Tells it from the others. Default `main`. */
  readonly name?: string | undefined;
  /** The StarkNet account, as 0x and hex. */
  readonly account: string;
  readonly signer: StarkSigner;
  /** Both are needed to onboard an account that Paradex does not know yet. */
  readonly ethereumAccount?: string | undefined;
  readonly publicKey?: string | undefined;
}

export interface ParadexFigures {
  /** Age at which a token is renewed in the background, in ms. Default 3 min; it lives for 5. */
  readonly renewMs: number;
  /** Age from which a token is not used, in ms. Default 290,000. */
  readonly tokenMs: number;
  /** How long an order may take to arrive, in ms; it is refused after. Default 5,000. */
  readonly recvWindowMs: number;
  /** Between questions about an order whose fate is not known, in ms, doubled up to eight times it. Default 100. */
  readonly askMs: number;
  /** How long after its window has closed an order may still appear, in ms. Default 1,000. */
  readonly settleMs: number;
  /** How long the fate of an order is asked for, in ms. Default 30,000. */
  readonly reconcileMs: number;
}

export const PARADEX_DEFAULTS: ParadexFigures = {
  renewMs: 180_000,
  tokenMs: 290_000,
  recvWindowMs: 5_000,
  askMs: 100,
  settleMs: 1_000,
  reconcileMs: 30_000,
};

export interface ParadexLimits extends Omit<RateLimitOptions, 'limits'> {
  /** All calls from here. */
  readonly perIp?: readonly Window[] | undefined;
  /** Calls without an account. */
  readonly publicPerIp?: readonly Window[] | undefined;
  /** `/auth` and `/onboarding`. */
  readonly authPerIp?: readonly Window[] | undefined;
  /** What changes an account's orders. */
  readonly ordersPerAccount?: readonly Window[] | undefined;
  /** What an account reads. */
  readonly readsPerAccount?: readonly Window[] | undefined;
}

/** Source: Paradex's API pages, "Rate limits", August 2026. */
export const PARADEX_LIMITS = {
  perIp: [{ limit: 1_500, windowMs: 60_000 }],
  publicPerIp: [{ limit: 1_500, windowMs: 60_000 }],
  authPerIp: [{ limit: 600, windowMs: 60_000 }],
  ordersPerAccount: [
    { limit: 800, windowMs: 1_000 },
    { limit: 17_250, windowMs: 60_000 },
  ],
  readsPerAccount: [
    { limit: 120, windowMs: 1_000 },
    { limit: 600, windowMs: 60_000 },
  ],
} as const satisfies Record<string, readonly Window[]>;

type LimitName = keyof typeof PARADEX_LIMITS;

/** The limits as one stack: a call counts in those that are about it, and starts when all of them admit it. */
export function paradexLimits(given: ParadexLimits, base: string): RateLimit[] {
  const isAuth = ({ path }: Call): boolean => path.startsWith(`${base}/auth`) || path === `${base}/onboarding`;
  const counts: Readonly<Record<LimitName, (call: Call) => boolean>> = {
    perIp: () => true,
    publicPerIp: (call) => call.section === '',
    authPerIp: isAuth,
    ordersPerAccount: (call) => call.section !== '' && call.method !== 'GET' && !isAuth(call),
    readsPerAccount: (call) => call.section !== '' && call.method === 'GET',
  };
  return (Object.keys(PARADEX_LIMITS) as LimitName[]).flatMap((kind) =>
    (given[kind] ?? PARADEX_LIMITS[kind]).map((window) => ({
      ...window,
      name: `${kind} ${window.limit} per ${window.windowMs} ms`,
      weight: (call: Call) => (counts[kind](call) ? 1 : 0),
      ...(kind.endsWith('Account') && { key: (call: Call) => call.section }),
    })),
  );
}

type Inner = Omit<ClientOptions, 'origin' | 'sign' | 'rateLimit' | 'endpoints' | 'balance' | 'healthCheck'>;

export interface ParadexOptions extends Inner, Partial<ParadexFigures> {
  /** Default `production`. */
  readonly network?: keyof typeof PARADEX_NETWORKS | undefined;
  /** Over the network's own. */
  readonly restUrl?: string | undefined;
  readonly wsUrl?: string | undefined;
  readonly chainId?: string | undefined;
  /** None for public reads alone. */
  readonly accounts?: readonly ParadexAccountOptions[] | undefined;
  readonly rateLimits?: ParadexLimits | undefined;
  /** Takes the lines of the start. Default: nobody does. */
  readonly log?: Log | undefined;
}

export interface ParadexSettings {
  readonly network: ParadexNetwork;
  readonly accounts: readonly (ParadexAccountOptions & { readonly name: string })[];
  readonly figures: ParadexFigures;
  readonly rateLimits: ParadexLimits;
  readonly log: Log;
  readonly client: Inner;
}

/** @throws NetError `INVALID` naming the option, its value and what is allowed */
export function settleParadex(options: ParadexOptions): ParadexSettings {
  const { network = 'production', restUrl, wsUrl, chainId, accounts = [], rateLimits = {}, log, ...rest } = options;
  if (!Object.hasOwn(PARADEX_NETWORKS, network)) {
    throw invalid(`option network is ${show(network)}; allowed: ${Object.keys(PARADEX_NETWORKS).join(', ')}`);
  }
  const known = PARADEX_NETWORKS[network];
  const figures = { ...PARADEX_DEFAULTS };
  const client: Record<string, unknown> = { ...rest };
  for (const name of Object.keys(PARADEX_DEFAULTS) as (keyof ParadexFigures)[]) {
    delete client[name];
    const value = rest[name];
    if (value === undefined) continue;
    if (!(typeof value === 'number' && value >= 0 && Number.isFinite(value))) {
      throw invalid(`option ${name} is ${show(value)}; allowed: a number from 0`);
    }
    Object.assign(figures, { [name]: value });
  }
  const named = accounts.map((account) => ({ ...account, name: account.name ?? 'main' }));
  const twice = named.find(({ name }, index) => named.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw invalid(`two accounts are called ${show(twice.name)}; give each a name of its own`);
  if (named.some(({ name }) => name === '')) throw invalid('an account is called ""; give it a name');
  return {
    network: { restUrl: restUrl ?? known.restUrl, wsUrl: wsUrl ?? known.wsUrl, chainId: chainId ?? known.chainId },
    accounts: named,
    figures,
    rateLimits,
    log: log ?? (() => undefined),
    client: client as Inner,
  };
}
