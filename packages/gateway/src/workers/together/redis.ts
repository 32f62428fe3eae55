/** What several processes know of the Redis that counts limits, each over a connection of its own. */
import type { RedisTold } from '../../redis/connection.ts';

/** As of the one that is worst off: it has been without for longest, or else has lost it most often. */
export function redisOf(all: readonly (RedisTold | undefined)[]): RedisTold | undefined {
  const [worst] = all
    .flatMap((told) => told ?? [])
    .sort((a, b) => Number(a.state === 'up') - Number(b.state === 'up') || b.lostMs - a.lostMs || b.losses - a.losses);
  return worst;
}
