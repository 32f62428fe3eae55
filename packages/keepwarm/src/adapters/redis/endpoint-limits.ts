/** The limits of the endpoints of `createRpc`, for a whole fleet: each is counted in Redis under a name of its own. */
import type { EndpointLimit, EndpointLimiter } from '../../clients/jsonrpc/endpoint-limits.ts';
import type { FleetOptions } from './options.ts';
import { type FleetRateLimit, redisRateLimit } from './redis-rate-limit.ts';

export interface FleetEndpointOptions extends Omit<FleetOptions, 'limits'> {
  /** What the nodes are called, the same in every process: with `/` and the endpoint's name, the count's in Redis. */
  readonly name: string;
  /** Told of each limit that is made, for its snapshot. */
  readonly made?: ((endpoint: string, limit: FleetRateLimit) => void) | undefined;
}

/**
 * For the option `limiter` of `createRpc`. What is limited stays with the endpoints, as `rateLimit`.
 *
 * @throws NetError `INVALID` naming the option, when the client is made
 */
export function redisEndpointLimits({ made, ...options }: FleetEndpointOptions): EndpointLimiter {
  return (endpoint, limits, parts): EndpointLimit => {
    const fleet = redisRateLimit({ ...options, name: `${options.name}/${endpoint}`, limits }, parts);
    made?.(endpoint, fleet);
    const { mayStart, close } = fleet;
    return Object.assign((next: Parameters<typeof fleet>[0]) => fleet(next), {
      mayStart,
      close,
      snapshot: fleet.rates,
    });
  };
}
