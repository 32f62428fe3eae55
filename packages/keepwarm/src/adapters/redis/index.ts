/** `keepwarm/redis`: rate limits that a fleet of processes keeps together. */
export { type RedisConnectionRate, redisConnectionRate } from './connection-rate.ts';
export { type FleetEndpointOptions, redisEndpointLimits } from './endpoint-limits.ts';
export type { FleetLimitSnapshot } from './fleet-limits.ts';
export type { RedisClient } from './link.ts';
export { FLEET_DEFAULTS, type FleetOptions } from './options.ts';
export type { RedisRateSnapshot } from './rate-snapshot.ts';
export { type FleetRateLimit, type FleetSnapshot, redisRateLimit } from './redis-rate-limit.ts';
export { REDIS_RATE_DEFAULTS, type RedisConnectionRateOptions } from './start-options.ts';
