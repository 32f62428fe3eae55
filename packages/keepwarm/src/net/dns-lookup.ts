/** One lookup at the source, held to its limits: it ends in time, once, with addresses worth trying or a NetError. */
import { isIP } from 'node:net';
import { listen, unlisten } from '../core/abort.ts';
import type { Clock } from '../core/clock.ts';
import type { NetError } from '../core/error.ts';
import { aborted, lookupEmpty, lookupFailed, lookupTimedOut } from './dns-failure.ts';
import type { Address, Answer, Family, Resolver } from './dns-options.ts';

/**
 * Addresses kept of one answer. A UDP answer holds some dozens; nobody tries more, and a forged one may hold thousands.
 */
export const ADDRESSES_MAX = 64;

export interface Lookup {
  /** Rejects with a NetError only. */
  readonly answer: Promise<Answer>;
  /** Ends it now with `error`; without effect once it has ended. */
  end(error: NetError): void;
}

/** A resolver that hangs, throws, answers late or answers twice the same address harms nobody. */
export function startLookup(resolver: Resolver, name: string, family: Family, lookupMs: number, clock: Clock): Lookup {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const controller = new AbortController();
  const end = (error: NetError) => {
    timer.cancel();
    reject(error);
    controller.abort(error);
  };
  // One turn later, so that an answer which has arrived while the loop was stalled is read first.
  const timer = clock.after(lookupMs, () => clock.nextTurn(() => end(lookupTimedOut(name, lookupMs))));
  const ask = async () => {
    const { addresses, ttlMs } = await resolver(name, family, controller.signal);
    return { addresses: worthTrying(addresses, family), ttlMs };
  };
  ask().then(
    (answer) => {
      timer.cancel();
      if (answer.addresses.length === 0) reject(lookupEmpty(name));
      else resolve(answer);
    },
    (thrown) => {
      timer.cancel();
      reject(lookupFailed(name, thrown));
    },
  );
  return { answer: promise, end };
}

/** What really is an address of the family asked for, each once, as a frozen list of our own. */
function worthTrying(addresses: readonly Address[], family: Family): readonly Address[] {
  const kept = new Map<string, Address>();
  for (const { address, family: of } of addresses) {
    if (kept.size === ADDRESSES_MAX) break;
    if (isIP(address) !== of || (family !== 0 && family !== of)) continue;
    kept.set(address, Object.freeze({ address, family: of }));
  }
  return Object.freeze([...kept.values()]);
}

/** `done`, which never rejects, or the caller's own abort: whatever comes first. Leaves no listener behind. */
export function waitFor<T>(done: Promise<T>, hostname: string, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return done;
  return new Promise((resolve, reject) => {
    const party = { aborted: (reason: unknown) => reject(aborted(hostname, reason)) };
    listen(signal, party);
    void done.then((entry) => {
      unlisten(signal, party);
      resolve(entry);
    });
  });
}
