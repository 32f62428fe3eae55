/**
 * Listening to AbortSignals cheaply: one listener per signal however many calls share it, and O(1) to stop listening.
 * (A signal's own listener list is searched from the front on removal; a bot that passes one signal to ten thousand
 * calls would pay for each of them.)
 */
export interface Abortable {
  /** Called once, synchronously, when the signal fires. Must not throw. */
  aborted(reason: unknown): void;
}

const hubs = new WeakMap<AbortSignal, Hub>();

/**
 * Who listens to one signal. The set is a new one every so often, so that it never stands in the old part of the heap:
 * there V8 makes a new table whenever as many have left as there is room for, and a table nobody uses any more keeps
 * what was in it from being collected cheaply. Of calls that shared a signal a third were kept until the next full
 * collection, and every small one took 10 ms instead of one.
 */
class Hub {
  parties: Set<Abortable>;
  /** From then on the set is being gone through, and stays the same. */
  fired = false;
  #left = 0;

  constructor(first: Abortable) {
    this.parties = new Set([first]);
  }

  leave(party: Abortable): boolean {
    if (!this.parties.delete(party)) return false;
    if (++this.#left < Math.max(RENEWED_AFTER, 2 * this.parties.size) || this.fired) return true;
    this.#left = 0;
    this.parties = new Set(this.parties);
    return true;
  }
}

/** So many must have left: few enough for there to be less than two small collections meanwhile. */
const RENEWED_AFTER = 256;

/**
 * Signals nobody listens to at the moment. Their listener stays for the next call, but only on this many of them: Node
 * keeps a signal made by `AbortSignal.any` or `timeout` alive for as long as it has a listener.
 */
const quiet = new Set<AbortSignal>();
const QUIET_MAX = 64;

/** The signal must not have fired yet. */
export function listen(signal: AbortSignal, party: Abortable): void {
  const hub = hubs.get(signal);
  if (hub !== undefined) {
    hub.parties.add(party);
    return;
  }
  hubs.set(signal, new Hub(party));
  signal.addEventListener('abort', onAbort, { once: true });
}

export function unlisten(signal: AbortSignal, party: Abortable): void {
  const hub = hubs.get(signal);
  if (hub === undefined || !hub.leave(party) || hub.parties.size > 0) return;
  quiet.add(signal);
  if (quiet.size > QUIET_MAX) letGo();
}

function letGo(): void {
  for (const signal of quiet) {
    if (hubs.get(signal)?.parties.size !== 0) continue;
    hubs.delete(signal);
    signal.removeEventListener('abort', onAbort);
  }
  quiet.clear();
}

function onAbort(this: AbortSignal): void {
  const hub = hubs.get(this)!;
  hub.fired = true;
  // The hub stands until all are told: whoever stops listening meanwhile is not.
  for (const party of hub.parties) {
    hub.parties.delete(party);
    party.aborted(this.reason);
  }
  hubs.delete(this);
  quiet.delete(this);
}
