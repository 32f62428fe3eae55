/**
 * The JSON-RPC client: what a method means decides what may be done with a call, and everything else is done by the
 * policies of the HTTP client it stands on. Endpoints, retries, limits and breakers see the outcomes of JSON-RPC, not
 * those of HTTP alone.
 */
import type { Message } from '../../core/subscribe.ts';
import { type Turnstile, turnstileOf } from '../../core/turnstile.ts';
import type { WarmUpResult } from '../../engines/http1/origin-pool.ts';
import type { TlsIdentity } from '../../net/tls.ts';
import { notificationText, paramsText } from '../../wire/jsonrpc/request.ts';
import type { FetchInit, FetchInput } from '../fetch.ts';
import { checkedTag } from '../make-call.ts';
import { invalid } from '../options.ts';
import type { ResilienceStats } from '../resilience.ts';
import type { ClientHistograms } from '../stats.ts';
import { type Agree, type AgreeOptions, notRead, settleAgree } from './agree-options.ts';
import { assemble, type RpcAssembly } from './assembly.ts';
import type { EndpointShare } from './endpoint-limits.ts';
import { fetchRpc, type RpcDoor } from './fetch.ts';
import { checkRpcCall, type RpcCallOptions, type RpcOptions, type RpcRequest } from './options.ts';
import { acceptedIn, thrownOf } from './outcome.ts';
import type { Plan } from './plan.ts';
import type { Question } from './sender.ts';
import { endpointStats, type RpcEndpointStats, type RpcStats, rpcStats } from './stats.ts';
import type { SubscribeOptions, Subscriptions } from './subscribe.ts';
import { subscriptionsOf } from './subscribe-rpc.ts';

const NONE: RpcCallOptions = {};
/** Requests of one `batch`; more are better asked for in several. */
const BATCH_MAX = 10_000;

export class RpcClient {
  readonly #parts: RpcAssembly;
  readonly #turnstile: Turnstile;
  #options: RpcOptions;
  #subscriptions: Subscriptions | undefined;
  #closed = false;
  readonly #unwatch: (() => void) | undefined;

  /** @throws NetError `INVALID` naming the option that is not acceptable */
  constructor(options: RpcOptions) {
    this.#parts = assemble(options);
    this.#options = options;
    this.#turnstile = turnstileOf(this.#parts.sender.clock);
    this.#unwatch = options.telemetry?.watch(this);
  }

  /**
   * The result of a method.
   *
   * @throws RpcError for the node's own error; NetError for everything else
   */
  call<T = unknown>(method: string, params?: unknown, options: RpcCallOptions = NONE): Promise<T> {
    try {
      return this.#ask(this.#question(method, params, options, this.#parts.exact), options) as Promise<T>;
    } catch (error) {
      return this.#turnstile.refuse(error);
    }
  }

  /**
   * What became of each of these, in their order. Reads go together in as few messages as endpoints allow; what may
   * change something goes by itself, at the same time.
   *
   * @throws NetError `INVALID` when one of them cannot be sent; then none is
   */
  batch(requests: readonly RpcRequest[], options: RpcCallOptions = NONE): Promise<PromiseSettledResult<unknown>[]> {
    return this.#together(requests, options, this.#parts.exact);
  }

  #together(
    requests: readonly RpcRequest[],
    options: RpcCallOptions,
    exact: boolean,
  ): Promise<PromiseSettledResult<unknown>[]> {
    try {
      return Promise.allSettled(this.#each(requests, options, exact));
    } catch (error) {
      return this.#turnstile.refuse(error);
    }
  }

  /** @throws NetError `INVALID` */
  #each(requests: readonly RpcRequest[], options: RpcCallOptions, exact: boolean): Promise<unknown>[] {
    if (!Array.isArray(requests)) {
      throw invalid(`a batch is ${kindOf(requests)}; allowed: a list of { method, params }`);
    }
    if (requests.length > BATCH_MAX) {
      throw invalid(`a batch of ${requests.length} requests; allowed: at most ${BATCH_MAX}`);
    }
    const questions = requests.map((request: RpcRequest | null | undefined, i) => {
      if (typeof request !== 'object' || request === null) {
        throw invalid(`request ${i} of a batch is ${kindOf(request)}; allowed: { method, params }`);
      }
      return this.#question(request.method, request.params, options, exact);
    });
    const { reads, writes, batcher } = this.#parts;
    for (const question of questions) if (!question.plan.isRead) writes.check(question, options);
    const outcomes: Promise<unknown>[] = new Array(questions.length);
    const together = questions.filter(({ plan }) => plan.isRead);
    const asked = reads.askAll(together, options, batcher);
    let next = 0;
    for (const [i, question] of questions.entries()) {
      outcomes[i] = this.#told(question.plan.isRead ? asked[next++]! : writes.ask(question, options), options);
    }
    return outcomes;
  }

  /** Sends a notification: there is no answer to it, and it is sent once. Resolves when it was accepted. */
  async notify(method: string, params?: unknown, options: RpcCallOptions = NONE): Promise<void> {
    try {
      checkRpcCall(options);
      checkSignal(options.signal);
      const plan = this.#parts.plans.of(method);
      const sent = this.#parts.sender.tell(plan, notificationText(method, paramsText(params)), options);
      await sent.then(acceptedIn, thrownOf);
    } catch (error) {
      await this.#turnstile.refuse(error);
    }
  }

  /**
   * The messages of a topic from now on, over WebSocket to the same endpoints: until the loop is left, the signal
   * fires, or the topic is over. See docs/guide/subscriptions.md.
   *
   * @throws NetError `INVALID` for a method that subscribes to nothing
   */
  subscribe<T = unknown>(method: string, params?: unknown, options: SubscribeOptions = {}): AsyncIterable<Message<T>> {
    return this.subscriptions.subscribe<T>(method, params, options);
  }

  /** What carries the subscriptions, made on first use: its statistics, and words for an operator. */
  get subscriptions(): Subscriptions {
    this.#subscriptions ??= subscriptionsOf(this.#options, (method, params, asked) => this.call(method, params, asked));
    if (this.#closed) this.#subscriptions.close();
    return this.#subscriptions;
  }

  /**
   * A WHATWG fetch for JSON-RPC clients: a request or batch posted to any URL goes through the pool, and its answer
   * comes back with the ids it was sent with. An own property, so that it can be passed around.
   */
  readonly fetch = (input: FetchInput, init?: FetchInit): Promise<Response> => fetchRpc(this.#door, input, init);

  /** What is handed on is handed on to the last digit, whatever this client's own callers get. */
  readonly #door: RpcDoor = {
    call: (method, params, options) => this.#ask(this.#question(method, params, options, true), options),
    batch: (requests, options) => this.#together(requests, options, true),
    notify: (method, params, options) => this.notify(method, params, options),
  };

  stats(): RpcStats {
    return rpcStats(this.#parts);
  }

  /** The part of `stats()` that is about policies: what it costs does not grow with the sockets. */
  policyStats(): ResilienceStats {
    return this.#parts.client.policyStats();
  }

  /** What percentiles of `stats().http` are made from, for processes that tell theirs together: see `quantilesOf`. */
  histograms(): ClientHistograms {
    return this.#parts.client.histograms();
  }

  /** The part of `stats()` that is about endpoints: what it costs does not grow with the sockets. */
  endpointStats(): readonly RpcEndpointStats[] {
    return endpointStats(this.#parts);
  }

  /** The limits of endpoints, for processes that keep them together: each starts calls in places of its own only. */
  rateShares(): readonly EndpointShare[] {
    return this.#parts.limits.shares();
  }

  /** Whether an endpoint takes calls, and can be reached as far as is known. */
  isHealthy(): boolean {
    return this.policyStats().endpoints!.endpoints.some(({ state }) => HEALTHY.has(state));
  }

  /** Closes idle connections, never one in use. @returns how many */
  closeIdle(): number {
    return this.#parts.client.closeIdle();
  }

  /** Closes the breaker of one endpoint, by its name, or all of them: an operator knows that it is well again. */
  resetBreaker(endpoint?: string): void {
    this.#parts.client.resetBreaker(endpoint);
  }

  /**
   * Opens connections to every endpoint ahead of the first call, and asks where their heads are. Never throws for an
   * endpoint that cannot be reached.
   */
  async warmUp(options: { readonly count?: number } = {}): Promise<WarmUpResult> {
    const warm = await this.#parts.client.warmUp(options);
    await this.#parts.freshness?.ready();
    return warm;
  }

  /** Sends an endpoint nothing more until `uncordon`; what is in flight goes on. */
  cordon(endpoint: string): void {
    this.#parts.client.cordon(endpoint);
  }
  uncordon(endpoint: string): void {
    this.#parts.client.uncordon(endpoint);
  }

  /** New connections, of calls and subscriptions, show this identity: `Client.reloadTls`. @throws NetError `INVALID` */
  reloadTls(identity: TlsIdentity): void {
    this.#parts.client.reloadTls(identity);
    this.#subscriptions?.reloadTls(identity);
    this.#options = { ...this.#options, tls: { ...this.#options.tls, ...identity } };
  }

  /** Takes no more calls, lets those under way finish for `deadlineMs`, then closes everything. Twice is harmless. */
  close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#closed = true;
    this.#subscriptions?.close();
    this.#parts.batcher.close();
    this.#parts.freshness?.close();
    return this.#parts.client.close(options).finally(() => this.#unwatch?.());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #question(method: string, params: unknown, options: RpcCallOptions, exact: boolean): Question {
    checkRpcCall(options);
    const { minHeight, signal } = options;
    checkSignal(signal);
    if (minHeight !== undefined && !(Number.isSafeInteger(minHeight) && minHeight >= 0)) {
      throw invalid(`minHeight is ${String(minHeight)}; allowed: a whole number from 0 on`);
    }
    const plan = this.#parts.plans.of(method);
    const agree = options.agree === undefined ? plan.agree : this.#agreeOf(plan, options.agree);
    return { plan, params, text: paramsText(params), minHeight, exact, agree, tag: checkedTag(options.tag) };
  }

  #agreeOf(plan: Plan, given: number | AgreeOptions): Agree | undefined {
    const agree = settleAgree('agree', given, this.#parts.agreeLimits);
    if (agree !== undefined && !plan.isRead) throw invalid(notRead('agree', plan.method));
    return agree;
  }

  #ask(question: Question, options: RpcCallOptions): Promise<unknown> {
    const { reads, writes } = this.#parts;
    return this.#told(question.plan.isRead ? reads.ask(question, options) : writes.ask(question, options), options);
  }

  /** What fails before it is sent, by a signal that has fired or a queue for a height, has not passed the client's. */
  #told(asked: Promise<unknown>, { signal, minHeight }: RpcCallOptions): Promise<unknown> {
    if (minHeight === undefined && signal?.aborted !== true) return asked;
    return asked.catch((error: unknown) => this.#turnstile.refuse(error));
  }
}

/** As far as it is needed: AbortSignals of other makes will do. */
function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined || typeof signal?.addEventListener === 'function') return;
  throw invalid(`signal is ${kindOf(signal)}; allowed: an AbortSignal, or nothing`);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

const HEALTHY: ReadonlySet<string> = new Set(['healthy', 'slow-start']);

/** A pool of JSON-RPC nodes. See docs/reference/jsonrpc.md for every option and its default. */
export function createRpc(options: RpcOptions): RpcClient {
  return new RpcClient(options);
}
