/**
 * What all callers of a pool subscribe to, to the last digit: one subscription at a node for all who want the same.
 * Nothing is opened before the first of them asks.
 */
import type { Observer } from 'keepwarm';
import { createSubscriptions, type RpcClient, type Subscriptions, type SubscriptionsStats } from 'keepwarm/jsonrpc';
import type { RpcUpstreamConfig } from '../config/rpc-upstream.ts';

/** Counts are since the start; a reload that changes the upstream begins anew. */
export interface SharedTold {
  /** Subscriptions at nodes, and those of callers that they serve. */
  readonly topics: number;
  readonly subscribers: number;
  /** Subscriptions begun at nodes; taken up again at another or the same one after a loss; lost. */
  readonly opened: number;
  readonly resumed: number;
  readonly lost: number;
  /** Times that messages were missing and could be had after all; and those that some could not. */
  readonly gapsFilled: number;
  readonly gapsLeft: number;
  readonly endpoints: readonly SharedEndpointTold[];
}

export interface SharedEndpointTold {
  readonly name: string;
  /** `well`, `resting` after a failure, or `cordoned`. */
  readonly state: string;
  readonly connections: number;
  readonly topics: number;
  /** Of the connections it has now. */
  readonly notifications: number;
  /** In a row. */
  readonly failures: number;
}

export class SharedSubscriptions {
  readonly #config: RpcUpstreamConfig['rpc'];
  readonly #rpc: RpcClient;
  readonly #subscribersMax: number;
  readonly #observer: Observer;
  readonly #cordoned = new Set<string>();
  readonly #counts = { opened: 0, resumed: 0, lost: 0, gapsFilled: 0, gapsLeft: 0 };
  #made: Subscriptions | undefined;
  #closed = false;

  /** @param observer is told of subscriptions, and of what could not be opened for them */
  constructor(config: RpcUpstreamConfig['rpc'], rpc: RpcClient, subscribersMax: number, observer: Observer) {
    this.#config = config;
    this.#rpc = rpc;
    this.#subscribersMax = subscribersMax;
    this.#observer = observer;
  }

  subscribe(...asked: Parameters<Subscriptions['subscribe']>): ReturnType<Subscriptions['subscribe']> {
    return this.#all().subscribe(...asked);
  }

  /** From now on, and for those that are made later: a node gets nothing new. What it has stays until it is lost. */
  cordon(endpoint: string, cordoned: boolean): void {
    if (cordoned) this.#cordoned.add(endpoint);
    else this.#cordoned.delete(endpoint);
    if (this.#made !== undefined) tellCordon(this.#made, endpoint, cordoned);
  }

  told(): SharedTold {
    const { endpoints = [], topics = [] }: Partial<SubscriptionsStats> = this.#made?.stats() ?? {};
    return {
      topics: topics.length,
      subscribers: topics.reduce((all, { subscribers }) => all + subscribers, 0),
      ...this.#counts,
      endpoints: endpoints.map(({ name, state, connections, topics: held, failures }) => ({
        ...{ name, state, failures },
        connections: connections.length,
        topics: held,
        notifications: connections.reduce((all, { notifications }) => all + notifications, 0),
      })),
    };
  }

  /** Twice is harmless. */
  close(): void {
    this.#closed = true;
    this.#made?.close();
  }

  #all(): Subscriptions {
    if (this.#made !== undefined) return this.#made;
    const { adapter, endpoints, tls, connect, dns, proxy } = this.#config;
    const made = createSubscriptions({
      ...{ adapter, endpoints, tls, connect, dns, proxy },
      bigints: 'exact',
      call: (method, params, options) => this.#rpc.call(method, params, options),
      share: { subscribersMax: this.#subscribersMax },
      observer: this.#noting(),
    });
    this.#made = made;
    for (const endpoint of this.#cordoned) tellCordon(made, endpoint, true);
    if (this.#closed) made.close();
    return made;
  }

  /**
   * Sockets are left out: they have numbers of their own here, which would be taken for those of the pool's. Methods
   * are looked up when something happens, as listeners may come later.
   */
  #noting(): Observer {
    const [observer, counts] = [this.#observer, this.#counts];
    return {
      socketOpenFailed: (fact) => observer.socketOpenFailed?.(fact),
      streamOpened: (fact) => {
        counts[fact.resumed ? 'resumed' : 'opened']++;
        observer.streamOpened?.(fact);
      },
      streamLost: (fact) => {
        counts.lost++;
        observer.streamLost?.(fact);
      },
      streamGap: (fact) => {
        counts[fact.filled ? 'gapsFilled' : 'gapsLeft']++;
        observer.streamGap?.(fact);
      },
    };
  }
}

function tellCordon(subscriptions: Subscriptions, endpoint: string, cordoned: boolean): void {
  if (cordoned) subscriptions.cordon(endpoint);
  else subscriptions.uncordon(endpoint);
}
