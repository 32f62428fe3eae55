/**
 * Subscriptions to JSON-RPC nodes over WebSocket: one upstream subscription for all who want the same, moved to another
 * endpoint when its own is lost, with what was missed filled in or told.
 *
 *   subscriber ──▶ share ──▶ resume ──▶ opening ──▶ endpoint ──▶ connection ──▶ subscription
 *    a queue each   one per    gaps and    which,      how it      topics on      by its id
 *                   topic      repeats     and when    does        one socket
 */
import { type Clock, systemClock, systemRandom } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import { Fields } from '../../core/fields.ts';
import { originOf } from '../../core/origin.ts';
import type { Message, Subscribe, Topic } from '../../core/subscribe.ts';
import { WebSocketEngine } from '../../engines/websocket/engine.ts';
import type { DnsCache } from '../../net/dns.ts';
import type { SocketLife } from '../../net/sockets.ts';
import type { TlsIdentity, TlsSetup } from '../../net/tls.ts';
import { resume } from '../../policies/resume.ts';
import { type FeedSnapshot, type Share, share } from '../../policies/share.ts';
import { parseExact } from '../../wire/jsonrpc/numbers.ts';
import { paramsText } from '../../wire/jsonrpc/request.ts';
import { guarded } from '../facts.ts';
import { networkOf } from '../network.ts';
import { invalid, show } from '../options.ts';
import { type SubscriptionEndpointSnapshot, SubscriptionSource } from './subscribe-endpoint.ts';
import { opening } from './subscribe-opening.ts';
import {
  type SettledOptions,
  type SubscriptionEndpoint,
  type SubscriptionsOptions,
  settledOptions,
} from './subscribe-options.ts';
import type { SubscriptionTable } from './subscription-traits.ts';

export interface SubscribeOptions {
  /** Ends the subscription with `ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Told once, when a node has agreed: from then on messages are told, or their loss is. */
  readonly onStanding?: (() => void) | undefined;
}

export interface SubscriptionsStats {
  readonly endpoints: readonly SubscriptionEndpointSnapshot[];
  /** One for each upstream subscription, wherever it is. */
  readonly topics: readonly FeedSnapshot[];
  /** Messages that came more than once, and were told once. */
  readonly repeats: number;
  readonly sockets: { readonly live: readonly SocketLife[]; readonly closed: readonly SocketLife[] };
}

export class Subscriptions {
  readonly #table: SubscriptionTable;
  readonly #sources: readonly SubscriptionSource[];
  readonly #engine: WebSocketEngine;
  readonly #dns: DnsCache;
  readonly #tls: TlsSetup;
  readonly #share: Share;
  readonly #subscribe: Subscribe;
  #repeats = 0;

  constructor(options: SubscriptionsOptions) {
    const settled = settledOptions(options);
    const { adapter } = options;
    if (adapter?.subscriptions === undefined) {
      throw invalid('option adapter knows no subscriptions; allowed: solana, evm, or one with a table of its own');
    }
    const clock = options.clock ?? systemClock;
    const random = options.random ?? systemRandom;
    const observer = options.observer === undefined ? {} : guarded(options.observer);
    const table = adapter.subscriptions;
    this.#table = table;
    const { dns, tls, dialler } = networkOf(options, clock, observer);
    this.#dns = dns;
    this.#tls = tls;
    this.#engine = new WebSocketEngine(settled.websocket, { clock, observer, dialler });
    this.#sources = this.#sourcesOf(options, settled, clock, random);
    const { limits } = settled;
    const classify = adapter.classify?.bind(adapter);
    this.#share = share(settled.share, { clock, observer });
    const resumed = resume({
      open: opening({ sources: this.#sources, table, classify, limits, clock }),
      continuityOf: ({ name }) => table.topics[name] ?? {},
      idsMax: limits.idsMax,
      keptMax: limits.bufferMax,
      clock,
      observer,
      onRepeat: () => this.#repeats++,
    });
    this.#subscribe = this.#share.policy(resumed);
  }

  /**
   * The messages of a topic from now on, until the loop is left, the signal fires, or the topic is over. Each iterator
   * is a subscriber of its own.
   *
   * @throws NetError `INVALID` for a method that subscribes to nothing, or parameters that cannot be written. The
   *         iterator throws RpcError when the peer refuses, NetError for everything else no endpoint could help
   */
  subscribe<T = unknown>(method: string, params?: unknown, options: SubscribeOptions = {}): AsyncIterable<Message<T>> {
    if (typeof method !== 'string' || this.#table.words(method) === undefined) {
      throw invalid(`${show(method)} is no method that subscribes`);
    }
    const key = `${method} ${paramsText(inOrder(params))}`;
    const topic: Topic = { key, name: this.#table.nameOf(method, params), method, params };
    return this.#subscribe(topic, options.signal, options.onStanding) as AsyncIterable<Message<T>>;
  }

  stats(): SubscriptionsStats {
    return {
      endpoints: this.#sources.map((source) => source.snapshot()),
      topics: this.#share.snapshot(),
      repeats: this.#repeats,
      sockets: this.#engine.sockets.lives(),
    };
  }

  /** An endpoint gets no new subscriptions until `uncordon`; those it has go on. */
  cordon(endpoint: string): void {
    this.#source(endpoint).cordoned = true;
  }
  uncordon(endpoint: string): void {
    this.#source(endpoint).cordoned = false;
  }

  /** New connections show this identity; as `Client.reloadTls`. @throws NetError `INVALID` */
  reloadTls(identity: TlsIdentity): void {
    this.#tls.reload(identity);
  }

  /** Ends all subscriptions with `CLOSED` and closes all connections. Twice is harmless. */
  close(): void {
    const error = new NetError('CLOSED', 'subscriptions were closed', { reach: 'answered', phase: 'closing' });
    this.#share.close(error);
    for (const source of this.#sources) source.close(error);
    this.#engine.close();
    this.#dns.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #source(name: string): SubscriptionSource {
    const source = this.#sources.find(({ place }) => place.name === name);
    if (source !== undefined) return source;
    throw invalid(
      `there is no endpoint ${show(name)}; known: ${this.#sources.map(({ place }) => place.name).join(', ')}`,
    );
  }

  #sourcesOf(
    { endpoints, adapter, call, bigints }: SubscriptionsOptions,
    { limits }: SettledOptions,
    clock: Clock,
    random: () => number,
  ): SubscriptionSource[] {
    if (!Array.isArray(endpoints) || endpoints.length === 0) throw invalid('option endpoints names no endpoint');
    const names = new Set<string>();
    return (endpoints as readonly SubscriptionEndpoint[]).map((endpoint, index) => {
      const { origin, path } = addressOf(endpoint, index);
      const name = nameOf(endpoint, origin.host, names);
      const place = { origin, path, fields: fieldsOf(endpoint) };
      return new SubscriptionSource(
        {
          name,
          origin: origin.key.replace(/^http/, 'ws'),
          priority: numberOf(`endpoints[${index}].priority`, endpoint.priority ?? 0, 0),
          weight: numberOf(`endpoints[${index}].weight`, endpoint.weight ?? 1, Number.MIN_VALUE),
        },
        {
          clock,
          limits,
          table: adapter.subscriptions!,
          parse: bigints === 'exact' ? parseExact : JSON.parse,
          call,
          open: (handler, signal) => this.#engine.open(place, handler, signal),
        },
        random,
      );
    });
  }
}

/** Subscriptions to a set of nodes. See docs/guide/subscriptions.md. */
export function createSubscriptions(options: SubscriptionsOptions): Subscriptions {
  return new Subscriptions(options);
}

function addressOf({ wsUrl, url }: SubscriptionEndpoint, index: number) {
  const given = wsUrl ?? url;
  const parsed = given === undefined ? null : URL.parse(String(given));
  if (parsed === null) throw invalid(`endpoints[${index}] has no valid wsUrl or url`); // it may hold a key: not shown
  const { protocol, pathname, search } = parsed;
  if (!/^(?:ws|http)s?:$/.test(protocol)) {
    throw invalid(`endpoints[${index}] begins with ${show(protocol)}; allowed: wss:, ws:, https:, http:`);
  }
  const http = new URL(`${/^(?:wss|https):$/.test(protocol) ? 'https' : 'http'}:${parsed.href.slice(protocol.length)}`);
  return { origin: originOf(http), path: pathname + search };
}

/** Fields of the handshake are its own. */
function fieldsOf({ headers }: SubscriptionEndpoint): Fields {
  const fields = Fields.of(headers);
  const own = fields.list.find(([name]) => /^(?:sec-websocket-.*|connection|content-length)$/i.test(name));
  if (own === undefined) return fields;
  throw invalid(`header ${show(own[0])} cannot be set by a caller: it belongs to the WebSocket handshake`);
}

function nameOf({ name }: SubscriptionEndpoint, host: string, taken: Set<string>): string {
  let own = name ?? host;
  if (name !== undefined && taken.has(name)) throw invalid(`two endpoints are called ${show(name)}`);
  for (let count = 2; taken.has(own); count++) own = `${host} #${count}`;
  taken.add(own);
  return own;
}

function numberOf(path: string, value: number, min: number): number {
  if (typeof value === 'number' && value >= min && value < Number.POSITIVE_INFINITY) return value;
  throw invalid(`option ${path} is ${show(value)}; allowed: a number ${min === 0 ? 'from' : 'above'} 0`);
}

/** The same parameters, whatever order their fields were written in, make one topic. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, each]) => [name, inOrder(each)]));
}
