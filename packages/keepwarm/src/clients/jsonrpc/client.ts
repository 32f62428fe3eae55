/**
 * The JSON-RPC client: what a method means decides what may be done with a call, and everything else is done by the
 * policies of the HTTP client it stands on. Endpoints, retries, limits and breakers see the outcomes of JSON-RPC, not
 * those of HTTP alone.
 */
import type { Call } from '../../core/call.ts';
import { type Clock, systemClock } from '../../core/clock.ts';
import type { Fields } from '../../core/fields.ts';
import { notificationText, paramsText, requestText } from '../../wire/jsonrpc/request.ts';
import { Client, protocolDoorOf } from '../client.ts';
import { guarded } from '../facts.ts';
import { IDEMPOTENT, ONCE } from '../methods.ts';
import type { ProtocolDoor } from '../protocol.ts';
import { positive } from '../step-limits.ts';
import { answers } from './answers.ts';
import { Asked, Told } from './asked.ts';
import { EndpointLimits, type RpcRateLimit } from './endpoint-limits.ts';
import { type RpcCallOptions, type RpcEndpoint, type RpcOptions, settleRpc } from './options.ts';
import { acceptedIn, resultIn, thrownOf } from './outcome.ts';
import { type PartLimits, Parts } from './parts.ts';
import { type Plan, Plans } from './plan.ts';

const NONE: RpcCallOptions = {};

export class RpcClient {
  readonly #client: Client;
  readonly #door: ProtocolDoor;
  readonly #clock: Clock;
  readonly #plans: Plans;
  readonly #fields: Fields;
  #ids = 0;

  constructor(options: RpcOptions) {
    const { adapter } = options;
    const { endpoints, client } = settleRpc(options);
    this.#clock = client.clock ?? systemClock;
    const observer = client.observer === undefined ? {} : guarded(client.observer);
    const parts = { clock: this.#clock, observer };
    const limits = new EndpointLimits(new Map(endpoints.map((each) => [each.name, limitsOf(each)])), parts);
    const sizes = new Parts(new Map(endpoints.map((each) => [each.name, partLimitsOf(each)])), this.#clock);
    const reading = { adapter, strict: options.strict ?? true, exact: options.bigints === 'exact', clock: this.#clock };
    this.#client = new Client(
      {
        ...client,
        observer,
        endpoints: endpoints.map(({ url, name, weight, priority, headers }) => ({
          url,
          name,
          weight,
          priority,
          headers,
        })),
        retry: client.retry ?? true,
        breaker: breakerOf(client.breaker),
        ...(limits.size === 0
          ? {}
          : { rateLimit: Object.assign(limits.policy, { snapshot: () => ({}), close: () => limits.close() }) }),
      },
      { policies: { parts: sizes.policy, answers: answers(reading) }, balance: { stickyKey: localKey } },
    );
    this.#door = protocolDoorOf(this.#client);
    this.#plans = new Plans(adapter);
    this.#fields = this.#door.fields(undefined, 'application/json');
  }

  /**
   * The result of a method.
   *
   * @throws RpcError for the node's own error; NetError for everything else
   */
  call<T = unknown>(method: string, params?: unknown, options: RpcCallOptions = NONE): Promise<T> {
    try {
      const plan = this.#plans.of(method);
      return this.#single(plan, params, paramsText(params), options) as Promise<T>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends a notification: there is no answer to it, and it is sent once. Resolves when it was accepted. */
  async notify(method: string, params?: unknown, options: RpcCallOptions = NONE): Promise<void> {
    const plan = this.#plans.of(method);
    const call = this.#make(plan, notificationText(method, paramsText(params)), new Told(plan), options);
    await this.#door.send(call).then(acceptedIn, thrownOf);
  }

  #single(plan: Plan, params: unknown, text: string, options: RpcCallOptions): Promise<unknown> {
    const id = ++this.#ids;
    const request = requestText(plan.prefix, id, text);
    const height = options.minHeight ?? plan.traits.heightNeeded?.(params);
    const call = this.#make(plan, request, new Asked(plan, id, params, request, height), options);
    return this.#door.send(call).then(resultIn, thrownOf);
  }

  #make(plan: Plan, body: string, about: Asked | Told, options: RpcCallOptions): Call {
    const { home, limits, deadlineMs } = this.#door;
    const startedAt = this.#clock.now();
    return {
      method: 'POST',
      origin: home,
      path: '/',
      headers: this.#fields,
      body,
      signal: options.signal,
      startedAt,
      deadlineAt: startedAt + positive('deadlineMs', options.deadlineMs ?? plan.traits.deadlineMs ?? deadlineMs),
      limits,
      traits: options.idempotent === true ? IDEMPOTENT : about instanceof Told ? ONCE : plan.callTraits,
      attempt: 1,
      section: '',
      tried: [],
      endpoint: undefined,
      about,
    };
  }

  /** Takes no more calls, lets those under way finish for `deadlineMs`, then closes everything. Twice is harmless. */
  close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    return this.#client.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A pool of JSON-RPC nodes. See docs/reference/jsonrpc.md for every option and its default. */
export function createRpc(options: RpcOptions): RpcClient {
  return new RpcClient(options);
}

/** Two endpoints may share an origin, and fail each for itself. */
const ofEndpoint = (call: Call): string => call.endpoint ?? call.origin.key;

function breakerOf(given: RpcOptions['breaker']): RpcOptions['breaker'] {
  if (given === false) return false;
  return { key: ofEndpoint, ...(given === true ? {} : given) };
}

/** What belongs to one node goes to one node, for as long as that takes calls. */
function localKey({ about }: Call): string | undefined {
  return about instanceof Asked && about.plan.traits.kind === 'local' ? 'local' : undefined;
}

function limitsOf({ rateLimit = [] }: RpcEndpoint): readonly RpcRateLimit[] {
  return isList(rateLimit) ? rateLimit : [rateLimit];
}

function isList(given: RpcRateLimit | readonly RpcRateLimit[]): given is readonly RpcRateLimit[] {
  return Array.isArray(given);
}

function partLimitsOf(endpoint: RpcEndpoint): PartLimits {
  const { batch = true } = endpoint;
  const limits = limitsOf(endpoint);
  const least = (unit: 'requests' | 'computeUnits'): number =>
    Math.min(...limits.flatMap(({ unit: own = 'requests', limit }) => (own === unit ? [limit] : [])));
  const own = batch === true ? Number.POSITIVE_INFINITY : batch === false ? 1 : batch;
  return { sizeMax: Math.min(own, least('requests')), costMax: least('computeUnits') };
}
