/** Memory over time, and whether it grows: a straight line through the samples, the first fifth of them left out. */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Sample {
  readonly atMs: number;
  /** After a collection of garbage. */
  readonly heapBytes: number;
  /** Of buffers and the like, outside the heap. */
  readonly outsideBytes: number;
  readonly rssBytes: number;
  /**
   * What of RSS is V8's young generation. V8 doubles it whenever much survives in it and seldom makes it smaller: from
   * 16 to 108 MB within the first minutes of a soak, and then no more. It is V8's choice, bounded, and nothing is kept.
   */
  readonly youngBytes: number;
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
  return { atMs, heapBytes: heapUsed, outsideBytes: external, rssBytes: rss, youngBytes: youngBytes() };
}

/** What grows when something is kept outside the heap as well. */
export const restOf = ({ rssBytes, youngBytes: young }: Sample): number => rssBytes - young;

function youngBytes(): number {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  return young?.physical_space_size ?? 0;
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
