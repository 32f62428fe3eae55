/**
 * Listening to AbortSignals cheaply: one listener per signal however many calls share it, and O(1) to stop listening.
 * (A signal's own listener list is searched from the front on removal; a bot that passes one signal to ten thousand
 * calls would pay for each of them.)
 */
export interface Abortable {
  /** Called once, synchronously, when the signal fires. Must not throw. */
  aborted(reason: unknown): void;
}

const hubs = new WeakMap<AbortSignal, Set<Abortable>>();

/** The signal must not have fired yet. */
export function listen(signal: AbortSignal, party: Abortable): void {
  const parties = hubs.get(signal);
  if (parties !== undefined) {
    parties.add(party);
    return;
  }
  const fresh = new Set([party]);
  hubs.set(signal, fresh);
  signal.addEventListener('abort', () => fire(signal, fresh), { once: true });
}

export function unlisten(signal: AbortSignal, party: Abortable): void {
  hubs.get(signal)?.delete(party);
}

function fire(signal: AbortSignal, parties: Set<Abortable>): void {
  hubs.delete(signal);
  for (const party of parties) {
    parties.delete(party);
    party.aborted(signal.reason);
  }
}
