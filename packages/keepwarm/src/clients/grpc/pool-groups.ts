/**
 * Chatty leases apart from quiet ones: a stream of many messages keeps the others on its connection waiting, since they
 * share its window and its turn to be read.
 *
 *   default ⇄ chatty     at `chattyPerSecond` messages per second and above; back below half of that
 *
 * One lease at a time, the one that is furthest from where it belongs, so that each move can show in the rates before
 * the next is made. Leases of other groups stay where their holders have put them.
 */
import type { GrpcPool } from './pool.ts';
import type { GrpcLease } from './pool-lease.ts';

const QUIET = 'default';
const CHATTY = 'chatty';

export function regroup({ numbers: { chattyPerSecond }, held, claims, observer }: GrpcPool): void {
  if (chattyPerSecond === Number.POSITIVE_INFINITY) return;
  let found: { readonly lease: GrpcLease; readonly group: string; readonly by: number } | undefined;
  for (const lease of held.values()) {
    const rate = lease.messagesPerSecond;
    const group = rate >= chattyPerSecond ? CHATTY : rate < chattyPerSecond / 2 ? QUIET : lease.group;
    if (lease.exclusive || lease.group === group || (lease.group !== QUIET && lease.group !== CHATTY)) continue;
    const by = Math.abs(rate - chattyPerSecond);
    if (found === undefined || by > found.by) found = { lease, group, by };
  }
  if (found === undefined) return;
  const { lease, group } = found;
  if (!claims.regroup(lease.claim, group)) return;
  observer.leaseRegrouped?.({ lease: lease.name, group, perSecond: lease.messagesPerSecond });
}
