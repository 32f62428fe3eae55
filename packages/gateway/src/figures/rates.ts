/** The state of one rate limit whose places are divided: between workers, or between sections. */
import type { ResilienceStats } from 'keepwarm';

export type Rate = NonNullable<ResilienceStats['rateLimit']>[number];

/** What is used and what is left add up; the rest is that of whoever it is worst for. At least one. */
export function rateOf<T extends Rate>(all: readonly T[]): T {
  const sum = (read: (each: T) => number): number => all.reduce((total, each) => total + read(each), 0);
  const most = (read: (each: T) => number): number => Math.max(...all.map(read));
  const limit = most((each) => each.limit);
  return {
    ...all[0]!,
    limit,
    keys: most(({ keys }) => keys),
    used: sum(({ used }) => used),
    remaining: Math.min(
      limit,
      sum(({ remaining }) => remaining),
    ),
    resetMs: most(({ resetMs }) => resetMs),
    nextMs: Math.min(...all.map(({ nextMs }) => nextMs)),
    waiting: sum(({ waiting }) => waiting),
    pausedMs: most(({ pausedMs }) => pausedMs),
    granted: sum(({ granted }) => granted),
    refused: sum(({ refused }) => refused),
  };
}
