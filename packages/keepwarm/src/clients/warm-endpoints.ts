/**
 * Warm-up of many endpoints at once, which never throws: an endpoint that is down must not keep a service from
 * starting.
 */
import type { Clock } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import type { Client } from './client.ts';
import type { RequestOptions } from './client-options.ts';

/** An endpoint to open connections to; a request goes out only when one is named. */
export type WarmUpEndpoint =
  | string
  | URL
  | {
      readonly url: string | URL;
      /** Sent to `url` once it is connected to. */
      readonly request?: RequestOptions | undefined;
    };

export interface EndpointWarmth {
  /** Its origin: path and query may hold secrets. Empty when it is no URL. */
  readonly origin: string;
  /** Whether as many connections as asked for are open and the request, if one was named, was answered with 2xx. */
  readonly ok: boolean;
  readonly latencyMs: number;
  readonly error: NetError | undefined;
}

/** @param count connections to have open to each; `undefined` for the client's default */
export function warmUpAll(
  client: Client,
  clock: Clock,
  endpoints: Iterable<WarmUpEndpoint>,
  count: number | undefined,
): Promise<EndpointWarmth[]> {
  return Promise.all([...endpoints].map((endpoint) => warmUpOne(client, clock, endpoint, count)));
}

async function warmUpOne(
  client: Client,
  clock: Clock,
  endpoint: WarmUpEndpoint,
  count: number | undefined,
): Promise<EndpointWarmth> {
  const { url, request } =
    typeof endpoint === 'string' || endpoint instanceof URL ? { url: endpoint, request: undefined } : endpoint;
  const origin = URL.parse(String(url))?.origin ?? '';
  const startedAt = clock.now();
  try {
    const { error } = await client.warmUp({ origin: url, ...(count === undefined ? {} : { count }) });
    if (error === undefined && request !== undefined) await client.request(url, request).bytes();
    return { origin, ok: error === undefined, latencyMs: clock.now() - startedAt, error };
  } catch (thrown) {
    return { origin, ok: false, latencyMs: clock.now() - startedAt, error: NetError.from(thrown) };
  }
}
