/** A soak of the gateway in words, and what in it is not as it must be. */
import type { Trend } from '../soak/memory.ts';
import type { GatewaySoakReport } from './run.ts';

/** Growth over the whole run that is still called flat: a share of the mean, or so many bytes where that is more. */
const FLAT = { share: 0.05, heapBytes: 2 * 2 ** 20, restBytes: 16 * 2 ** 20 };
/** A shorter run is still filling what it remembers. */
const MEMORY_SECONDS_MIN = 300;

/** Nothing when all is well. */
export function verdictOn({ seconds, failed, answered, subscribers, heap, rest }: GatewaySoakReport): string[] {
  const wrong: string[] = [];
  if (Object.keys(failed).length > 0) wrong.push(`calls failed that no drop explains: ${said(failed)}`);
  if (answered === 0) wrong.push('no call was answered');
  if (subscribers.missing + subscribers.twice + subscribers.closed > 0) wrong.push(`subscribers: ${said(subscribers)}`);
  if (seconds < MEMORY_SECONDS_MIN) return wrong;
  if (grows(heap, FLAT.heapBytes)) wrong.push(`the heap grows: ${trend(heap)}`);
  if (grows(rest, FLAT.restBytes)) wrong.push(`RSS grows, V8's young generation apart: ${trend(rest)}`);
  return wrong;
}

const grows = ({ growthBytes, meanBytes }: Trend, bytes: number): boolean =>
  growthBytes > Math.max(meanBytes * FLAT.share, bytes);

export function linesOf(report: GatewaySoakReport): string[] {
  const { seconds, calls, answered, dropped, failed, reloads, drops, heads, subscribers } = report;
  return [
    `${seconds} s, ${calls} calls, ${answered} answered, ${reloads} reloads, ${drops} times all connections dropped`,
    `failed near a drop: ${said(dropped)}`,
    `failed otherwise:   ${said(failed)}`,
    `${heads} heads; subscribers: ${said(subscribers)}`,
    `heap:    ${trend(report.heap)}`,
    `outside: ${trend(report.outside)}`,
    `RSS:     ${trend(report.rss)}`,
    `RSS without V8's young generation: ${trend(report.rest)}`,
  ];
}

function said(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts);
  return entries.length === 0 ? 'none' : entries.map(([name, count]) => `${name} ${count}`).join(', ');
}

function trend({ meanBytes, perMinuteBytes, errorPerMinuteBytes, growthBytes, samples }: Trend): string {
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  const kib = (bytes: number): string => (bytes / 1_024).toFixed(0);
  const slope = `${kib(perMinuteBytes)} ± ${kib(errorPerMinuteBytes)} KiB a minute`;
  return `${mib(meanBytes)} MiB on average, ${slope}, ${mib(growthBytes)} MiB over ${samples} samples`;
}
