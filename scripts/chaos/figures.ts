/** What a row comes out at: both sides of every call, in numbers. */
import type { Outcome } from './load.ts';
import type { Seen } from './peer/tally.ts';

export interface Figures {
  readonly calls: number;
  readonly ok: number;
  /** Calls by how they ended. */
  readonly ends: Readonly<Record<string, number>>;
  /** Idempotent calls, and of those the share that succeeded, 0…1. */
  readonly reads: number;
  readonly readsOk: number;
  /** Requests that reached the peer, and how many more than calls, as a share of the calls (below 0: fewer). */
  readonly wire: number;
  readonly extra: number;
  /** Non-idempotent calls that reached the peer more than once. */
  readonly duplicates: number;
  /** Connections the peer accepted: in all, and in its busiest 100 ms. */
  readonly connects: number;
  readonly connectsPeak: number;
  /** Requests that came although the peer had said when to come back. */
  readonly early: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** From the first call's start to the last one's end. */
  readonly lastedMs: number;
  /** Failed calls: the median of how long they took. */
  readonly failedMs: number;
  /** What only this row measures. */
  readonly more: Readonly<Record<string, number>>;
}

export function figuresOf(outcomes: readonly Outcome[], seen: Seen, more: Record<string, number> = {}): Figures {
  const ends: Record<string, number> = {};
  for (const { end } of outcomes) ends[end] = (ends[end] ?? 0) + 1;
  const reads = outcomes.filter(({ post }) => !post);
  const took = outcomes.map(({ tookMs }) => tookMs);
  const calls = outcomes.length;
  const began = outcomes.reduce((first, { startedMs }) => Math.min(first, startedMs), Number.POSITIVE_INFINITY);
  const ended = outcomes.reduce((last, { startedMs, tookMs }) => Math.max(last, startedMs + tookMs), 0);
  return {
    calls,
    ok: ends['ok'] ?? 0,
    ends,
    reads: reads.length,
    readsOk: reads.length === 0 ? 1 : reads.filter(isOk).length / reads.length,
    wire: seen.received,
    extra: seen.received / calls - 1,
    duplicates: seen.duplicates,
    connects: seen.accepted,
    connectsPeak: Math.max(0, ...seen.acceptedBy),
    early: seen.early,
    p50Ms: quantile(took, 0.5),
    p99Ms: quantile(took, 0.99),
    lastedMs: calls === 0 ? 0 : ended - began,
    failedMs: quantile(
      outcomes.filter((outcome) => !isOk(outcome)).map(({ tookMs }) => tookMs),
      0.5,
    ),
    more,
  };
}

/** Several servers as one peer; their counts over time do not begin together and are left out. */
export function together(seens: readonly Seen[]): Seen {
  const sum = (of: (seen: Seen) => number) => seens.reduce((total, seen) => total + of(seen), 0);
  return {
    received: sum(({ received }) => received),
    duplicates: sum(({ duplicates }) => duplicates),
    accepted: sum(({ accepted }) => accepted),
    early: sum(({ early }) => early),
    epochMs: Math.min(...seens.map(({ epochMs }) => epochMs)),
    receivedBy: [],
    acceptedBy: [],
    instants: seens.flatMap(({ instants }) => instants).sort((a, b) => a - b),
  };
}

export const isOk = ({ end }: Outcome): boolean => end === 'ok';

/** Nearest rank; 0 of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.floor(q * sorted.length), sorted.length - 1)] ?? 0;
}

/**
 * How long after an instant the last call began that failed, in ms: from then on all is well. Infinite when no call
 * that began later went well.
 *
 * @param atMs since 1970
 */
export function recoveryMs(outcomes: readonly Outcome[], atMs: number): number {
  const late = outcomes.filter(({ startedMs }) => startedMs >= atMs);
  const bad = late.filter((outcome) => !isOk(outcome)).map(({ startedMs }) => startedMs);
  const good = late.filter(isOk).map(({ startedMs }) => startedMs);
  const healed = Math.max(atMs, ...bad);
  return good.some((startedMs) => startedMs > healed) ? healed - atMs : Number.POSITIVE_INFINITY;
}

/** The mean per second of what was counted in slots, between two instants in ms after the first slot. */
export function ratePerSecond(slots: readonly number[], slotMs: number, fromMs: number, untilMs: number): number {
  const within = slots.slice(Math.ceil(fromMs / slotMs), Math.floor(untilMs / slotMs));
  const seconds = (Math.floor(untilMs / slotMs) - Math.ceil(fromMs / slotMs)) * (slotMs / 1_000);
  return within.reduce((sum, count) => sum + count, 0) / seconds;
}
