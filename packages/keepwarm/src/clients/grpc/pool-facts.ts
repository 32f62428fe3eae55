/** What becomes of the connections and leases of a pool, for whoever wants to know, as it happens. */
import type { ClaimEnd } from '../../pool/claim.ts';
import type { LeavingReason } from '../../pool/member.ts';

/** Why a lease is held no more. */
export type GrpcLeaseEnd = ClaimEnd;
/** Why a connection takes no more streams, or has ended. */
export type GrpcConnectionEnd = LeavingReason;

export interface GrpcConnectionFact {
  /** Its number within the pool. */
  readonly connection: number;
}

export interface GrpcConnectionLeft extends GrpcConnectionFact {
  readonly reason: GrpcConnectionEnd;
  /** What broke it, or kept it from being opened. */
  readonly error: Error | undefined;
}

export interface GrpcLeaseLost {
  readonly lease: string;
  readonly reason: GrpcLeaseEnd;
}

export interface GrpcLeaseMoved {
  readonly lease: string;
  /** The connection that takes no more streams of it. */
  readonly connection: number;
  /**
   * Whether a stream may be opened anew before the one on that connection is ended: then nothing is missed. Otherwise
   * there is no place for another connection before this one has gone.
   */
  readonly makeFirst: boolean;
}

/** Every method is optional, called synchronously, and must not throw. */
export interface GrpcPoolObserver {
  connectionOpened?(fact: GrpcConnectionFact): void;
  /** It takes no more streams; those on it go on. */
  connectionDraining?(fact: GrpcConnectionLeft): void;
  /** It is closed, or was never opened. */
  connectionClosed?(fact: GrpcConnectionLeft): void;
  leaseGranted?(fact: { readonly lease: string; readonly waitedMs: number }): void;
  leaseLost?(fact: GrpcLeaseLost): void;
  leaseMoved?(fact: GrpcLeaseMoved): void;
  /** A lease was put with others, for the messages it gets. */
  leaseRegrouped?(fact: { readonly lease: string; readonly group: string; readonly perSecond: number }): void;
}

export const POOL_FACTS: Readonly<Record<keyof GrpcPoolObserver, true>> = {
  connectionOpened: true,
  connectionDraining: true,
  connectionClosed: true,
  leaseGranted: true,
  leaseLost: true,
  leaseMoved: true,
  leaseRegrouped: true,
};

/** What a listener throws surfaces as an uncaught exception of its own, and harms no connection. */
export function guardedPool(observer: GrpcPoolObserver): GrpcPoolObserver {
  const guard: Record<string, (fact: never) => void> = {};
  for (const name of Object.keys(POOL_FACTS) as (keyof GrpcPoolObserver)[]) {
    guard[name] = (fact: never) => harmless(() => observer[name]?.(fact));
  }
  return guard;
}

export function harmless(task: () => void): void {
  try {
    task();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
