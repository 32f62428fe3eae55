/** Which connection of a tenant carries the next stream. */
import type { Tenant } from './claim.ts';
import type { Member } from './member.ts';
import type { Members } from './members.ts';

/** Connections of a tenant that take streams, as far as they have room. */
export function* readyOf(members: Members, tenant: Tenant): Generator<Member> {
  for (const member of members.all) {
    if (member.state === 'ready' && member.tenant === tenant.key) yield member;
  }
}

/**
 * The one that carries least, the oldest of equals; or the one used before, while that is not filling up. A few dozen
 * are looked at faster than any order of them is kept.
 */
export function pick(members: Members, tenant: Tenant, growAt: number, before?: Member): Member | undefined {
  if (before?.hasRoom && before.tenant === tenant.key && !isFilling(before, growAt)) return before;
  let best: Member | undefined;
  for (const member of readyOf(members, tenant)) {
    if (member.hasRoom && (best === undefined || member.streams < best.streams)) best = member;
  }
  return best;
}

/** Whether so much of it is in use that another should be opened. */
export function isFilling({ streams, streamsMax }: Member, growAt: number): boolean {
  return streams >= Math.max(Math.floor(streamsMax * growAt), 1);
}
