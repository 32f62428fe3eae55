/** `keepwarm/redis`: rate limits that a fleet of processes keeps together. */
export type { FleetLimitSnapshot } from './fleet-limits.ts';
export type { RedisClient } from './link.ts';
export { FLEET_DEFAULTS, type FleetOptions } from './options.ts';
export { type FleetRateLimit, type FleetSnapshot, redisRateLimit } from './redis-rate-limit.ts';
