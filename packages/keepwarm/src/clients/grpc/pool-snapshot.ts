/** A snapshot of a pool, put together from those who know. */
import type { Claim } from '../../pool/claim.ts';
import type { Member } from '../../pool/member.ts';
import type { GrpcPool } from './pool.ts';
import type { GrpcConnectionStats, GrpcLeaseStats, GrpcPoolStats } from './pool-stats.ts';

export function statsOf(pool: GrpcPool, now: number): GrpcPoolStats {
  const { members, claims, upkeep, health, numbers } = pool;
  const connections = [...members.all].map((member) => connectionOf(pool, member, now));
  const leases = [...claims.claims].map((claim) => leaseOf(pool, claim, now));
  const held = leases.filter(({ state }) => state === 'held').length;
  return {
    target: pool.target,
    connections: {
      total: members.size,
      ready: members.count('ready'),
      opening: members.count('opening'),
      draining: members.count('draining'),
      max: numbers.connectionsMax,
      list: connections,
    },
    leases: { held, waiting: claims.leasesWaiting, list: leases, ended: { ...claims.ended } },
    streams: { live: leases.reduce((sum, { streams }) => sum + streams, 0), waiting: claims.streamsWaiting },
    messagesPerSecond: leases.reduce((sum, { messagesPerSecond }) => sum + messagesPerSecond, 0),
    connectionRate: pool.rate?.snapshot(),
    streamRate: pool.streamRate?.snapshot(),
    opened: members.opened,
    failed: members.failed,
    reconnects: pool.reconnects,
    revived: members.revived,
    rotations: upkeep.rotations,
    ended: { ...members.ended },
    health: { on: health.on, checked: health.checked, failed: health.failed },
    failuresInARow: members.failures,
    backoffMs: members.backoffMs,
  };
}

function connectionOf({ claims, health }: GrpcPool, member: Member, now: number): GrpcConnectionStats {
  const { id, state, streams, streamsMax, reason } = member;
  const leases = [...claims.claims].filter((claim) => claim.member === member || claim.on.has(member));
  return {
    ...{ id, state, leases: leases.map(({ name }) => name), streams, streamsMax },
    ageMs: now - (Number.isNaN(member.openedAt) ? member.beganAt : member.openedAt),
    healthFailures: health.failuresOf(member),
    ...(reason === undefined ? {} : { reason }),
  };
}

function leaseOf({ held }: GrpcPool, claim: Claim, now: number): GrpcLeaseStats {
  const lease = held.get(claim);
  lease?.measure(now);
  return {
    name: claim.name,
    exclusive: claim.exclusive,
    group: claim.tenant.group,
    state: claim.state === 'held' ? 'held' : 'waiting',
    connections: [...claim.on.keys()].map(({ id }) => id),
    streams: claim.live,
    messages: lease?.record.received ?? 0,
    messagesPerSecond: lease?.messagesPerSecond ?? 0,
    idleMs: claim.live > 0 ? 0 : now - claim.usedAt,
    calls: lease?.record.total ?? 0,
  };
}
