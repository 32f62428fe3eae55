/** The arithmetic of the benchmark: medians, percentiles, and ratios of slices that ran next to each other. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The value that `share` of the sample does not exceed, by nearest rank; NaN for an empty sample. */
export function percentile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

/** The middle value, or the mean of the two in the middle; NaN for an empty sample. */
export function median(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * How many times as fast `ours` was as `theirs`, round by round. A noisy neighbour that slows a whole round slows
 * both sides of its ratio, so the median of these ratios is far steadier than the ratio of the two medians.
 *
 * @returns undefined where no round has both sides
 */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): Spread | undefined {
  const ratios: number[] = [];
  for (let round = 0; round < Math.min(ours.length, theirs.length); round++) {
    if (ours[round] > 0 && theirs[round] > 0) ratios.push(ours[round] / theirs[round]);
  }
  return ratios.length === 0 ? undefined : spread(ratios);
}

/** Whether the rounds disagree about who is faster: then the difference is smaller than the noise. */
export const withinNoise = (ratio: Spread): boolean => ratio.min <= 1 && ratio.max >= 1;
