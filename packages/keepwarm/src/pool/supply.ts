/**
 * Where the connections come from that tenants of a set lack. In this order, the cheapest first:
 *
 *   one that nobody has ─▶ one of theirs that drains ─▶ a new one ─▶ one that another tenant can spare ─▶ that of the
 *   tenant used least recently, if it has no stream
 */
import type { Tenant } from './claim.ts';
import type { Leases } from './leases.ts';
import type { Member } from './member.ts';
import { readyOf } from './picking.ts';

/** One round: whatever it gives makes for another. */
export function supply(leases: Leases): void {
  const tenants = [...leases.tenants.values()];
  // Those that lost what they had before those that never had any.
  for (const tenant of tenants) if (tenant.served) provide(leases, tenant);
  for (const tenant of tenants) if (!tenant.served) provide(leases, tenant);
}

/** All that a tenant has fill up: one more, if it costs nobody anything. Those that are ready serve meanwhile. */
export function grow({ members, owner }: Leases, tenant: Tenant): void {
  for (const member of members.all) {
    if (member.tenant !== tenant.key) continue;
    if (member.state === 'opening') return;
    if (member.reason === 'surplus' && members.revive(member)) return;
  }
  if (members.mayOpen && owner.mayStart()) members.open(tenant.key, 'growth');
}

/** What a tenant needs: nothing, a connection that takes streams, or not even one that is being opened. */
function needOf({ members }: Leases, tenant: Tenant): 'nothing' | 'one that is ready' | 'another' {
  let [ready, opening, room, coming] = [0, 0, 0, 0];
  for (const member of members.all) {
    if (member.tenant !== tenant.key) continue;
    if (member.state === 'ready') {
      ready++;
      room += Math.max(member.streamsMax - member.streams, 0);
    } else if (member.state === 'opening') {
      opening++;
      // What is being opened to replace another brings no room.
      if (member.replaces === undefined) coming += member.streamsMax;
    }
  }
  const { size } = tenant.waiting;
  if (tenant.claims.size === 0 || (ready > 0 && size <= room)) return 'nothing';
  return ready + opening > 0 && size <= room + coming ? 'one that is ready' : 'another';
}

function provide(leases: Leases, tenant: Tenant): void {
  const { members } = leases;
  const need = needOf(leases, tenant);
  if (need === 'nothing') return;
  const idle = unowned(leases, need === 'another');
  if (idle !== undefined) return give(leases, tenant, idle);
  const wanted = tenant.waiting.size > 0 || tenant.coming.size > 0;
  const dear = !members.mayOpen || !leases.owner.mayStart();
  for (const member of members.all) {
    if (member.tenant !== tenant.key || member.state !== 'draining') continue;
    // One that drains for its age is to be replaced, unless nothing else can be had by those who wait.
    if (member.reason === 'age' && !(wanted && dear)) continue;
    if (members.revive(member)) return leases.settle();
  }
  if (need === 'another' && members.open(tenant.key, tenant.served ? 'reconnect' : 'growth') !== undefined) return;
  if (!wanted) return;
  const spare = spareOf(leases, tenant);
  if (spare !== undefined) return give(leases, tenant, spare);
  if (need !== 'another' || members.failures > 0 || members.backoffMs > 0) return;
  const victim = leastRecent(leases, tenant);
  if (victim === undefined) return;
  for (const claim of [...victim.claims]) leases.release(claim, 'reassigned');
  leases.settle();
}

function give(leases: Leases, tenant: Tenant, member: Member): void {
  member.tenant = tenant.key;
  if (member.successor !== undefined) member.successor.tenant = tenant.key;
  leases.settle();
}

/** Ready and nobody's, or on its way to be. */
function unowned(leases: Leases, comingToo: boolean): Member | undefined {
  let coming: Member | undefined;
  for (const member of leases.members.all) {
    if (member.tenant !== undefined) continue;
    if (member.hasRoom) return member;
    if (comingToo && member.state === 'opening' && member.replaces === undefined) coming ??= member;
  }
  return coming;
}

/** One without a stream, of a tenant that has others. */
function spareOf(leases: Leases, wanting: Tenant): Member | undefined {
  for (const tenant of leases.tenants.values()) {
    if (tenant === wanting || tenant.waiting.size > 0) continue;
    const ready = [...readyOf(leases.members, tenant)];
    const spare = ready.find(({ streams }) => streams === 0);
    if (ready.length > 1 && spare !== undefined) return spare;
  }
  return undefined;
}

function leastRecent(leases: Leases, wanting: Tenant): Tenant | undefined {
  const before = leases.clock.now() - leases.options.graceMs;
  let least: Tenant | undefined;
  for (const tenant of leases.tenants.values()) {
    if (tenant === wanting || !tenant.quiet || tenant.usedAt >= before) continue;
    const ready = [...readyOf(leases.members, tenant)];
    // Streams of leases that have left the group may be on its connections still.
    if (ready.length === 0 || ready.some(({ streams }) => streams > 0)) continue;
    if (least === undefined || tenant.usedAt < least.usedAt) least = tenant;
  }
  return least;
}
