/** How one endpoint is asked something past all routing and repeating: where its head is. */
import type { Call, Send } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import { Fields } from '../../core/fields.ts';
import { type Origin, originOf } from '../../core/origin.ts';
import { paramsText, requestText } from '../../wire/jsonrpc/request.ts';
import { ONCE } from '../methods.ts';
import type { ProtocolDoor } from '../protocol.ts';
import { Asked } from './asked.ts';
import type { RpcEndpoint } from './options.ts';
import { resultIn, thrownOf } from './outcome.ts';
import type { Plan } from './plan.ts';

interface Address {
  readonly origin: Origin;
  readonly path: string;
  readonly headers: Fields;
}

export interface ProbeParts {
  readonly door: ProtocolDoor;
  readonly send: Send;
  readonly clock: Clock;
  /** How long an endpoint may take, in ms. */
  readonly timeoutMs: number;
}

export class Probe {
  readonly #addresses: ReadonlyMap<string, Address>;
  readonly #door: ProtocolDoor;
  readonly #send: Send;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #ids = 0;

  /** @param send past all policies but those that hold for every message: the limits, and who reads the answers */
  constructor(
    endpoints: readonly (RpcEndpoint & { readonly name: string })[],
    { door, send, clock, timeoutMs }: ProbeParts,
  ) {
    const fields = door.fields(undefined, 'application/json');
    this.#addresses = new Map(
      endpoints.map(({ name, url, headers }) => {
        const parsed = new URL(url);
        const path = parsed.pathname + parsed.search;
        return [name, { origin: originOf(parsed), path, headers: Fields.of(headers).over(fields) }];
      }),
    );
    this.#door = door;
    this.#send = send;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  ask(endpoint: string, plan: Plan, params: unknown, signal: AbortSignal): Promise<unknown> {
    const startedAt = this.#clock.now();
    const id = ++this.#ids;
    const text = requestText(plan.prefix, id, paramsText(params));
    const call: Call = {
      method: 'POST',
      ...this.#addresses.get(endpoint)!,
      body: text,
      signal,
      startedAt,
      deadlineAt: startedAt + this.#timeoutMs,
      limits: this.#door.limits,
      traits: ONCE,
      attempt: 1,
      section: '',
      endpoint,
      about: new Asked(plan, id, params, text, { head: false, height: undefined }, false),
    };
    return this.#send(call).then(resultIn, thrownOf);
  }
}
