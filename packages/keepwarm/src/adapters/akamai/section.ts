/** One section's own client: its host, its credentials, its connections, its limits. */
import { randomUUID } from 'node:crypto';
import type { BodyInput } from '../../clients/call-body.ts';
import { type CallOptions, Client, type ClientOptions, type RequestOptions } from '../../clients/client.ts';
import type { FullReply, Pending } from '../../clients/pending.ts';
import type { Query } from '../../clients/targets.ts';
import { systemClock } from '../../core/clock.ts';
import type { WarmUpResult } from '../../engines/http1/origin-pool.ts';
import { type Credentials, invalid } from './credentials.ts';
import { edgeGrid } from './edgegrid.ts';
import { type SectionHealth, sectionHealth } from './health.ts';

/** What a call to Akamai may set besides what any call may. */
export interface AccountChoice {
  /** Works on another account; `false` for none. Default: the section's. */
  readonly accountSwitchKey?: string | false | undefined;
}

export type AkamaiCallOptions = CallOptions & AccountChoice;

export interface BatchItem extends RequestOptions, AccountChoice {
  readonly path: string;
}

export type SectionOptions = Omit<ClientOptions, 'origin' | 'sign' | 'endpoints' | 'balance' | 'healthCheck'> & {
  /** For tests. Default: a random UUID each. */
  readonly nonce?: (() => string) | undefined;
};

/** Calls of a batch under way at once: as many as one HTTP/2 connection usually takes. */
const BATCH_CONCURRENCY = 100;

export class AkamaiSection {
  readonly name: string;
  /** The client beneath, for what has no name here. Its calls are signed too. */
  readonly client: Client;
  readonly #accountSwitchKey: string | undefined;

  /** @internal */
  constructor(name: string, credentials: Credentials, { nonce = randomUUID, ...options }: SectionOptions) {
    this.name = name;
    this.#accountSwitchKey = credentials.accountSwitchKey;
    const clock = options.clock ?? systemClock;
    this.client = new Client({
      ...options,
      origin: credentials.host,
      sign: (call) => ({ authorization: edgeGrid(call, credentials, { wallMs: clock.wall(), nonce: nonce() }) }),
    });
  }

  request(path: string, options: RequestOptions & AccountChoice = {}): Pending {
    const { accountSwitchKey = this.#accountSwitchKey, ...rest } = options;
    if (!accountSwitchKey) return this.client.request(path, rest);
    return this.client.request(path, { ...rest, query: switched(rest.query, accountSwitchKey) });
  }
  get(path: string, options: AkamaiCallOptions = {}): Pending {
    return this.request(path, options);
  }
  head(path: string, options: AkamaiCallOptions = {}): Pending {
    return this.request(path, { ...options, method: 'HEAD' });
  }
  delete(path: string, options: AkamaiCallOptions = {}): Pending {
    return this.request(path, { ...options, method: 'DELETE' });
  }
  post(path: string, body?: BodyInput, options: AkamaiCallOptions = {}): Pending {
    return this.request(path, { ...options, method: 'POST', body });
  }
  put(path: string, body?: BodyInput, options: AkamaiCallOptions = {}): Pending {
    return this.request(path, { ...options, method: 'PUT', body });
  }
  patch(path: string, body?: BodyInput, options: AkamaiCallOptions = {}): Pending {
    return this.request(path, { ...options, method: 'PATCH', body });
  }

  /**
   * Many calls at once, over one connection where the host speaks HTTP/2; each with its own outcome, in the order they
   * were given. What has not begun when `signal` is aborted is not sent.
   *
   * @param options.concurrency calls under way at once, a whole number from 1. Default 100
   * @throws NetError `INVALID` for another
   */
  async batch<T = unknown>(
    items: readonly BatchItem[],
    options: { readonly concurrency?: number; readonly signal?: AbortSignal } = {},
  ): Promise<PromiseSettledResult<FullReply<T>>[]> {
    const { concurrency = BATCH_CONCURRENCY } = options;
    if (!(Number.isInteger(concurrency) && concurrency >= 1)) {
      throw invalid(`concurrency is ${concurrency}; allowed: a whole number from 1`);
    }
    const outcomes: Promise<FullReply<T>>[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let i = next++; i < items.length; i = next++) {
        const { path, ...call } = items[i]!;
        outcomes[i] = this.request(path, { signal: options.signal, ...call }).full<T>();
        await outcomes[i]!.catch(settled); // told by the outcome; the others go on
      }
    };
    const workers = Math.min(concurrency, items.length);
    await Promise.all(Array.from({ length: workers }, worker));
    return Promise.allSettled(outcomes);
  }

  /** Opens connections ahead of the first call: TCP and TLS, no request. */
  warmUp(options: { readonly count?: number } = {}): Promise<WarmUpResult> {
    return this.client.warmUp(options);
  }

  /** What its network does, in one snapshot. Nothing is sent. */
  health(): SectionHealth {
    return sectionHealth(this.client);
  }
}

function switched(query: Query | undefined, accountSwitchKey: string): Query {
  if (!(query instanceof URLSearchParams)) return { ...query, accountSwitchKey };
  const copy = new URLSearchParams(query);
  copy.set('accountSwitchKey', accountSwitchKey);
  return copy;
}

const settled = (): undefined => undefined;
