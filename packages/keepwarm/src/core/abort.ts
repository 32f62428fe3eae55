/**
 * Listening to AbortSignals cheaply: one listener per signal however many calls share it, and O(1) to stop listening.
 * (A signal's own listener list is searched from the front on removal; a bot that passes one signal to ten thousand
 * calls would pay for each of them.)
 */
import { PassingMap } from './passing-map.ts';

export interface Abortable {
  /** Called once, synchronously, when the signal fires. Must not throw. */
  aborted(reason: unknown): void;
}

const hubs = new WeakMap<AbortSignal, PassingMap<Abortable, Abortable>>();

/**
 * Signals nobody listens to at the moment. Their listener stays for the next call, but only on this many of them: Node
 * keeps a signal made by `AbortSignal.any` or `timeout` alive for as long as it has a listener. A set that were emptied
 * instead of replaced would keep them for longer (decision 0025).
 */
let quiet = new Set<AbortSignal>();
const QUIET_MAX = 64;

/** The signal must not have fired yet. */
export function listen(signal: AbortSignal, party: Abortable): void {
  let parties = hubs.get(signal);
  if (parties === undefined) {
    parties = new PassingMap();
    hubs.set(signal, parties);
    signal.addEventListener('abort', onAbort, { once: true });
  }
  parties.set(party, party);
}

export function unlisten(signal: AbortSignal, party: Abortable): void {
  const parties = hubs.get(signal);
  if (parties === undefined || !parties.delete(party) || parties.size > 0) return;
  quiet.add(signal);
  if (quiet.size > QUIET_MAX) letGo();
}

function letGo(): void {
  const signals = quiet;
  quiet = new Set();
  for (const signal of signals) {
    if (hubs.get(signal)?.size !== 0) continue;
    hubs.delete(signal);
    signal.removeEventListener('abort', onAbort);
  }
}

function onAbort(this: AbortSignal): void {
  const parties = hubs.get(this)!;
  // They stand there until all are told: whoever stops listening meanwhile is not.
  for (const party of [...parties.values()]) if (parties.delete(party)) party.aborted(this.reason);
  hubs.delete(this);
  quiet.delete(this);
}
