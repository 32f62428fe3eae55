/** What subscriptions may do, with defaults. */

import type { Clock, Random } from '../../core/clock.ts';
import type { FieldsInput } from '../../core/fields.ts';
import type { Observer } from '../../core/observer.ts';
import { checkFunction, checkKnown, checkOptions, checkParts, checkText, refused } from '../../core/refusal.ts';
import { WEBSOCKET_DEFAULTS, type WebSocketLimits } from '../../engines/websocket/options.ts';
import { SHARE_DEFAULTS, type ShareOptions } from '../../policies/share.ts';
import { checkObserver, FACTS } from '../facts.ts';
import type { NetworkOptions } from '../network.ts';
import { invalid, show, unknownOption } from '../options.ts';
import type { ErrorClass, RpcErrorObject } from './adapter.ts';
import type { SubscriptionTable } from './subscription-traits.ts';

export interface SubscriptionEndpoint {
  /** Where it speaks WebSocket. Default: `url`, with `ws` for `http`. */
  readonly wsUrl?: string | URL | undefined;
  readonly url?: string | URL | undefined;
  /** What facts, stats and errors call it. Default: its host, with a number where several have the same. */
  readonly name?: string | undefined;
  /** Sent with the handshake. */
  readonly headers?: FieldsInput | undefined;
  /** Endpoints of the lowest number are used as long as one of them can be. Default 0. */
  readonly priority?: number | undefined;
  /** Its share of the topics among those of its priority. Default 1. */
  readonly weight?: number | undefined;
}

export interface SubscriptionLimits {
  /** Subscriptions on one connection; with more, another is opened. Default 100. */
  readonly topicsPerConnectionMax: number;
  /** Connections to one endpoint; when all are full, others are used. Default 5. */
  readonly connectionsMax: number;
  /** For a peer's answer to `subscribe`, or to a question for what was missed, in ms. Default 10 s. */
  readonly answerMs: number;
  /** Until a new subscription must stand, wherever; after that, the last error is thrown, in ms. Default 30 s. */
  readonly openMs: number;
  /** Until a lost one must stand again, in ms. Default: for ever. */
  readonly resumeMs: number;
  /** How long a connection without subscriptions is kept, in ms. Default 30 s. */
  readonly idleMs: number;
  /** The longest rest of an endpoint after its first failure in a row, in ms; doubled with each. Default 1 s. */
  readonly backoffBaseMs: number;
  /** The longest rest of all, in ms. Default 30 s. */
  readonly backoffCapMs: number;
  /** A connection that lasted so long, in ms, was a good one: its end is the first failure again. Default 10 s. */
  readonly stableMs: number;
  /** Messages that may wait while what was missed is asked for. Default 10,000. */
  readonly bufferMax: number;
  /** Message ids remembered per topic, to tell none twice. Default 8,192. */
  readonly idsMax: number;
}

export const SUBSCRIPTION_DEFAULTS: SubscriptionLimits = {
  topicsPerConnectionMax: 100,
  connectionsMax: 5,
  answerMs: 10_000,
  openMs: 30_000,
  resumeMs: Number.POSITIVE_INFINITY,
  idleMs: 30_000,
  backoffBaseMs: 1_000,
  backoffCapMs: 30_000,
  stableMs: 10_000,
  bufferMax: 10_000,
  idsMax: 8_192,
};

/** Names, TLS and the way to the endpoints are those of every client. */
export interface SubscriptionsOptions extends NetworkOptions {
  readonly adapter: {
    readonly name: string;
    readonly subscriptions?: SubscriptionTable;
    classify?(error: RpcErrorObject, method: string): ErrorClass;
  };
  readonly endpoints: readonly SubscriptionEndpoint[];
  /** Asks for what was missed where subscriptions have a port of their own. Without it, such gaps are not filled. */
  readonly call?:
    | ((method: string, params: unknown, options: { readonly signal: AbortSignal }) => Promise<unknown>)
    | undefined;
  readonly limits?: Partial<SubscriptionLimits> | undefined;
  /** Subscribers and their queues. */
  readonly share?: Partial<ShareOptions> | undefined;
  /** Connections. */
  readonly websocket?: Partial<WebSocketLimits> | undefined;
  /** `exact` gives whole numbers beyond 2⁵³ as bigints; otherwise they are rounded, as JSON.parse does. */
  readonly bigints?: 'exact' | 'rounded' | undefined;
  readonly observer?: Observer | undefined;
  /** For tests. */
  readonly clock?: Clock | undefined;
  /** For tests. */
  readonly random?: Random | undefined;
}

export interface SettledOptions {
  readonly limits: SubscriptionLimits;
  readonly share: ShareOptions;
  readonly websocket: WebSocketLimits;
}

/** @throws NetError `INVALID` naming the option, its value and what is allowed */
export function settledOptions(options: SubscriptionsOptions): SettledOptions {
  checkOptions('what createSubscriptions was given', options);
  checkKnown(options, Object.keys(OWN));
  checkParts(options);
  checkObserver('observer', options.observer, FACTS);
  checkFunction('call', options.call);
  const { bigints, endpoints } = options;
  if (bigints !== undefined && bigints !== 'exact' && bigints !== 'rounded') {
    throw refused('bigints', bigints, '"exact", "rounded"');
  }
  for (const endpoint of Array.isArray(endpoints) ? endpoints : []) {
    checkOptions('an endpoint of createSubscriptions', endpoint);
    checkKnown(endpoint, Object.keys(ENDPOINT), '', ' of an endpoint');
    checkText('name of an endpoint', endpoint.name);
  }
  return {
    limits: over('limits', SUBSCRIPTION_DEFAULTS, options.limits),
    share: over('share', SHARE_DEFAULTS, options.share),
    websocket: over('websocket', WEBSOCKET_DEFAULTS, options.websocket),
  };
}

const OWN: Readonly<Record<keyof SubscriptionsOptions, true>> = {
  ...{ adapter: true, endpoints: true, call: true, limits: true, share: true, websocket: true, bigints: true },
  ...{ observer: true, clock: true, random: true, connect: true, tls: true, dns: true },
  ...{ proxy: true, socketPath: true, connector: true },
};
const ENDPOINT: Readonly<Record<keyof SubscriptionEndpoint | 'rateLimit' | 'batch', true>> = {
  ...{ wsUrl: true, url: true, name: true, headers: true, priority: true, weight: true },
  // Of the calls there: a list of endpoints may be written once for both.
  ...{ rateLimit: true, batch: true },
};

/** @throws NetError `INVALID` naming the option, its value and what is allowed */
function over<T extends object>(group: string, defaults: T, given: Partial<T> = {}): T {
  checkOptions(`option ${group}`, given);
  const settled = { ...defaults };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const path = `${group}.${name}`;
    if (!Object.hasOwn(defaults, name)) throw unknownOption(path, name, Object.keys(defaults));
    const checked = name === 'overflow' ? choiceOf(path, value) : amountOf(path, name, value);
    Object.assign(settled, { [name]: checked });
  }
  return settled;
}

function choiceOf(path: string, value: unknown): unknown {
  if (value === 'drop' || value === 'fail') return value;
  throw invalid(`option ${path} is ${show(value)}; allowed: "drop", "fail"`);
}

/** Lengths may be 0, or `Infinity`; of things there is one at least, and of bounded memory no infinity. */
function amountOf(path: string, name: string, value: unknown): number {
  const counts = name.endsWith('Max');
  if (typeof value === 'number' && (counts ? Number.isInteger(value) && value >= 1 : value >= 0)) return value;
  const allowed = counts ? 'a whole number from 1' : 'a number from 0, or Infinity';
  throw invalid(`option ${path} is ${show(value)}; allowed: ${allowed}`);
}
