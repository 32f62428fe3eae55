/** Memory over time, and whether it grows: a straight line through the samples, the first fifth of them left out. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Sample {
  readonly atMs: number;
  /** After a collection of garbage. */
  readonly heapBytes: number;
  /** Of buffers and the like, outside the heap. */
  readonly outsideBytes: number;
  readonly rssBytes: number;
}

export interface Trend {
  readonly samples: number;
  readonly meanBytes: number;
  readonly perMinuteBytes: number;
  /** Of the slope, by the scatter of the samples: it is told from nothing beyond two of them. */
  readonly errorPerMinuteBytes: number;
  /** What the line rises by from the first sample that counts to the last. */
  readonly growthBytes: number;
}

const LEFT_OUT = 0.2;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

export function sample(atMs: number): Sample {
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { atMs, heapBytes: heapUsed, outsideBytes: external, rssBytes: rss };
}

/** Least squares. */
export function trendOf(samples: readonly Sample[], of: (sample: Sample) => number): Trend {
  const counted = samples.slice(Math.floor(samples.length * LEFT_OUT));
  const n = counted.length;
  const mean = (read: (sample: Sample) => number): number => counted.reduce((sum, each) => sum + read(each), 0) / n;
  const [atMean, meanBytes] = [mean(({ atMs }) => atMs), mean(of)];
  let [products, squares] = [0, 0];
  for (const each of counted) {
    products += (each.atMs - atMean) * (of(each) - meanBytes);
    squares += (each.atMs - atMean) ** 2;
  }
  const slope = squares === 0 ? 0 : products / squares;
  const scatter = counted.reduce((sum, each) => sum + (of(each) - meanBytes - slope * (each.atMs - atMean)) ** 2, 0);
  const error = n > 2 && squares > 0 ? Math.sqrt(scatter / (n - 2) / squares) : 0;
  const spanMs = (counted.at(-1)?.atMs ?? 0) - (counted[0]?.atMs ?? 0);
  return {
    samples: n,
    meanBytes,
    perMinuteBytes: slope * 60_000,
    errorPerMinuteBytes: error * 60_000,
    growthBytes: slope * spanMs,
  };
}
