/**
 * What one process has to tell Redis about its starts under one limit: what is under way, and what was answered when.
 *
 * Invariants:
 *   (1) held + answered and not yet acknowledged + acknowledged = everything ever begun and not cancelled.
 *   (2) What was sent and not acknowledged is sent again first, in the same order: Redis has all of it or none.
 *   (3) Answers less than `grainMs` apart are told as one, at the later instant: they count for longer, never for less.
 *   (4) What is older than a window is not told: it counts nowhere. So memory ends at a window's worth of grains.
 */
interface Group {
  /** Until when the peer may have counted it, on our clock. */
  at: number;
  readonly openedAt: number;
  weight: number;
}

export class StartLedger {
  held = 0;
  readonly #grainMs: number;
  readonly #windowMs: number;
  /** Answered, ever: what Redis is known to have, and what came before the groups below. */
  #acked = 0;
  #base = 0;
  #sent: Group[] = [];
  #settled: Group[] = [];
  #late: Group[] = [];

  constructor(windowMs: number, grainMs: number) {
    this.#windowMs = windowMs;
    this.#grainMs = grainMs;
  }

  /** Whether there are answers that Redis does not know of. */
  get unsent(): boolean {
    return this.#settled.length > 0 || this.#late.length > 0 || this.#sent.length > 0;
  }

  begin(weight: number): void {
    this.held += weight;
  }

  cancel(weight: number): void {
    this.held -= weight;
  }

  /** @param lateMs how long the peer may take from now to count it */
  settle(weight: number, now: number, lateMs = 0): void {
    this.held -= weight;
    const groups = lateMs > 0 ? this.#late : this.#settled;
    const at = now + lateMs;
    const last = groups.at(-1);
    if (last === undefined || at - last.openedAt >= this.#grainMs) groups.push({ at, openedAt: at, weight });
    else {
      last.at = at;
      last.weight += weight;
    }
  }

  /** held, acked, base, and then age in µs and running total of each group, as the script reads them. */
  report(now: number, pauseUs: number): number[] {
    this.prune(now);
    this.#sent.push(...this.#settled, ...this.#late);
    this.#settled = [];
    this.#late = [];
    const args = [this.held, this.#acked, this.#base, pauseUs, this.#sent.length];
    let total = this.#base;
    for (const { at, weight } of this.#sent) args.push(Math.floor((now - at) * 1_000), (total += weight));
    return args;
  }

  /** Redis has what was last reported. */
  acknowledge(): void {
    for (const { weight } of this.#sent) this.#base += weight;
    this.#sent = [];
    this.#acked = this.#base;
  }

  /** Forgets what counts no more; of what was sent only from the front, as Redis may have all of it. */
  prune(now: number): void {
    const old = (group: Group | undefined) => group !== undefined && group.at + this.#windowMs <= now;
    while (old(this.#sent[0])) this.#base += this.#sent.shift()!.weight;
    if (this.#sent.length > 0) return;
    while (old(this.#settled[0])) this.#base += this.#settled.shift()!.weight;
    while (old(this.#late[0])) this.#base += this.#late.shift()!.weight;
  }
}
