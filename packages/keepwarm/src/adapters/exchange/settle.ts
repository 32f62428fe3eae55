/** What a client for an exchange is made with: the options of a client, and beside them those all exchanges have. */

import type { ClientOptions } from '../../clients/client-options.ts';
import { invalid, show } from '../../clients/options.ts';
import { checkFunction, checkOptions, checkText, refused } from '../../core/refusal.ts';
import type { RateLimitOptions } from '../../policies/rate-options.ts';
import type { Log } from './warm.ts';

/** Where it is, and whatever else differs between its networks. */
export interface ExchangeNetwork {
  readonly restUrl: string;
  readonly wsUrl: string;
}

export interface ExchangeAccount {
  /** Tells it from the others. Default `main`. */
  readonly name?: string | undefined;
}

export type Named<Account> = Account & { readonly name: string };

/** What every exchange needs to know of an order in doubt. */
export interface OrderFigures {
  /** How long an order may take to arrive, in ms; it is refused after. Default 5,000. */
  readonly recvWindowMs: number;
  /** Between questions about an order whose fate is not known, in ms, doubled up to eight times it. Default 100. */
  readonly askMs: number;
  /** How long after its window has closed an order may still appear, in ms. Default 1,000. */
  readonly settleMs: number;
  /** How long the fate of an order is asked for, in ms. Default 30,000. */
  readonly reconcileMs: number;
}

/** Ours, but for the window: Vest's own default. */
export const ORDER_DEFAULTS: OrderFigures = { recvWindowMs: 5_000, askMs: 100, settleMs: 1_000, reconcileMs: 30_000 };

/** What the client beneath takes; the rest of its options are the adapter's to set. */
export type Beneath = Omit<ClientOptions, 'origin' | 'sign' | 'rateLimit' | 'endpoints' | 'balance' | 'healthCheck'>;

type Some<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** One window. Several stand for all of them together. */
export interface Window {
  /** Calls in any window; a whole number ≥ 1. */
  readonly limit: number;
  /** In ms. */
  readonly windowMs: number;
}

/** Windows of each kind over those of the exchange, and what any rate limit takes. */
export type ExchangeLimits<Kind extends string> = Omit<RateLimitOptions, 'limits'> & {
  readonly [K in Kind]?: readonly Window[] | undefined;
};

interface Own<Name, Account, Limits> {
  /** Default `production`. */
  readonly network?: Name | undefined;
  /** None for public reads alone. */
  readonly accounts?: readonly Account[] | undefined;
  readonly rateLimits?: Limits | undefined;
  /** Takes the lines of the start. Default: nobody does. */
  readonly log?: Log | undefined;
}

/** What no client has, and every exchange. */
export const EXCHANGE_OPTIONS: readonly (keyof Own<never, never, never>)[] = [
  'network',
  'accounts',
  'rateLimits',
  'log',
];

/** Figures and what a network has can be given one by one. */
export type ExchangeOptions<Name, Network, Figures, Account, Limits> = Beneath &
  Some<Figures> &
  Some<Network> &
  Own<Name, Account, Limits>;

export interface ExchangeSettings<Network, Figures, Account, Limits> {
  readonly network: Network;
  readonly accounts: readonly Named<Account>[];
  readonly figures: Figures;
  readonly rateLimits: Limits;
  readonly log: Log;
  readonly client: Beneath;
}

/** What the exchange is known for. */
export interface ExchangeFacts<Name extends string, Network, Figures> {
  readonly networks: Readonly<Record<Name, Network>>;
  readonly figures: Figures;
}

/** @throws NetError `INVALID` naming the option, its value and what is allowed */
export function settleExchange<
  Name extends string,
  Network extends ExchangeNetwork,
  Figures extends object,
  Account extends ExchangeAccount,
  Limits extends object,
>(
  options: ExchangeOptions<Name, Network, Figures, Account, Limits>,
  facts: ExchangeFacts<Name, Network, Figures>,
): ExchangeSettings<Network, Figures, Account, Limits> {
  checkOptions('what an exchange was given', options);
  const { network = 'production' as Name, accounts = [], rateLimits, log, ...others } = options;
  if (typeof network !== 'string' || !Object.hasOwn(facts.networks, network)) {
    throw refused('network', network, Object.keys(facts.networks).map(show).join(', '));
  }
  if (!Array.isArray(accounts)) throw refused('accounts', accounts, 'a list');
  if (rateLimits !== undefined) checkOptions('option rateLimits', rateLimits);
  checkFunction('log', log);
  const known = facts.networks[network];
  const [place, rest] = parted(others, known);
  const [figures, client] = parted(rest, facts.figures);
  for (const [name, value] of Object.entries(figures)) {
    if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) continue;
    throw invalid(`option ${name} is ${show(value)}; allowed: a number from 0`);
  }
  for (const [name, value] of Object.entries(place)) checkText(name, value);
  const settled = { ...known, ...place };
  checkUrl('restUrl', settled.restUrl, ['http:', 'https:']);
  checkUrl('wsUrl', settled.wsUrl, ['ws:', 'wss:']);
  return {
    network: settled,
    accounts: named(accounts),
    figures: { ...facts.figures, ...figures },
    rateLimits: rateLimits ?? ({} as Limits),
    log: log ?? (() => undefined),
    client: client as Beneath,
  };
}

/** What it is stays unsaid: it may hold a password. */
function checkUrl(name: string, value: unknown, schemes: readonly string[]): void {
  const url = typeof value === 'string' ? URL.parse(value) : null;
  if (url === null || !schemes.includes(url.protocol)) {
    throw invalid(`option ${name} is no URL that begins with ${schemes.join('// or ')}//`);
  }
}

/** What signs is code of the caller's: only its shape can be looked at. @param method what it must be able to do */
export function checkSigner(what: string, signer: unknown, method: string): void {
  const has = typeof signer === 'object' && signer !== null && method in signer;
  if (has && typeof signer[method as keyof typeof signer] === 'function') return;
  throw invalid(`${what} has no function ${method}; allowed: whatever has one`);
}

/** What has a name among those of `like` and is given, and what has not. */
function parted<T extends object>(options: object, like: T): [Partial<T>, object] {
  const entries = Object.entries(options);
  const ours = entries.filter(([name, value]) => Object.hasOwn(like, name) && value !== undefined);
  const rest = entries.filter(([name]) => !Object.hasOwn(like, name));
  return [Object.fromEntries(ours) as Partial<T>, Object.fromEntries(rest)];
}

function named<Account extends ExchangeAccount>(accounts: readonly Account[]): Named<Account>[] {
  for (const account of accounts) {
    checkOptions('an account', account);
    checkText('name of an account', account.name);
  }
  const all = accounts.map((account) => ({ ...account, name: account.name ?? 'main' }));
  const twice = all.find(({ name }, index) => all.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw invalid(`two accounts are called ${show(twice.name)}; give each a name of its own`);
  if (all.some(({ name }) => name === '')) throw invalid('an account is called ""; give it a name');
  return all;
}
