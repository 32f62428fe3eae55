/** A soak in words, and what in it is not as it must be. */
import type { Trend } from './memory.ts';
import type { SoakReport } from './run.ts';

/** Growth over the whole run that is still called flat: a share of the mean, or so many bytes where that is more. */
const FLAT = { share: 0.05, heapBytes: 2 * 2 ** 20, restBytes: 16 * 2 ** 20 };
/** A shorter run is still filling its memories of what it has told. */
const MEMORY_SECONDS_MIN = 300;

/** Nothing when all is well. */
export function verdictOn({ seconds, server, subscribers, guests, multiplexer, sockets, heap, rest }: SoakReport) {
  const wrong: string[] = [];
  for (const { name, updates, missing, twice, gaps, error } of subscribers) {
    if (missing + twice + gaps > 0) wrong.push(`${name}: ${missing} missing, ${twice} twice, ${gaps} gaps`);
    if (error !== undefined) wrong.push(`${name}: ${error}`);
    if (updates === 0) wrong.push(`${name}: was told nothing`);
  }
  const { missing, twice, failed } = guests;
  if (missing + twice + failed > 0) wrong.push(`guests: ${missing} missing, ${twice} twice, ${failed} failed`);
  if (multiplexer.gaps > 0) wrong.push(`the multiplexer had ${multiplexer.gaps} gaps`);
  const { dialled, accepted, ended, openHere, openThere } = sockets;
  if (dialled !== accepted) wrong.push(`${dialled} sockets by the client, ${accepted} by the server`);
  if (ended !== dialled) wrong.push(`${dialled} sockets were opened, ${ended} ended`);
  if (openHere + openThere > 0) wrong.push(`sockets that stay open: ${openHere} here, ${openThere} there`);
  const { violations, windowMax } = server.stats.connections;
  if (violations > 0) wrong.push(`the limit on opening connections was exceeded: ${windowMax} in one window`);
  if (seconds >= MEMORY_SECONDS_MIN) {
    if (grows(heap, FLAT.heapBytes)) wrong.push(`the heap grows: ${trend(heap)}`);
    if (grows(rest, FLAT.restBytes)) wrong.push(`RSS grows, V8's young generation apart: ${trend(rest)}`);
  }
  return wrong;
}

const grows = ({ growthBytes, meanBytes }: Trend, bytes: number): boolean =>
  growthBytes > Math.max(meanBytes * FLAT.share, bytes);

export function linesOf(report: SoakReport): string[] {
  const { seconds, server, subscribers, guests, calls, multiplexer, pool, sockets, heap, outside, rss, rest } = report;
  const { stats, slots, faults } = server;
  const count = Object.values(faults).reduce((sum, each) => sum + each, 0);
  return [
    `${seconds} s, ${slots} slots, ${stats.updatesSent} updates sent, ${count} faults:`,
    ...Object.entries(faults).map(([name, times]) => `  ${name.padEnd(24)} ${String(times).padStart(6)}`),
    `                           updates  missing  twice  gaps  dropped`,
    ...subscribers.map(({ name, updates, missing, twice, gaps, dropped }) =>
      [
        `  ${name.padEnd(24)}`,
        String(updates).padStart(8),
        String(missing).padStart(9),
        String(twice).padStart(7),
        String(gaps).padStart(6),
        String(dropped).padStart(9),
      ].join(''),
    ),
    `guests: ${said(guests)}`,
    `multiplexer: ${said(multiplexer)}`,
    `calls: ${said(calls)}`,
    `pool: ${said({ ...pool, ended: `(${said(pool.ended)})` })}`,
    `sockets: ${said(sockets)}; busiest window ${stats.connections.windowMax}`,
    `heap: ${trend(heap)}`,
    `outside: ${trend(outside)}`,
    `RSS: ${trend(rss)}`,
    `RSS without V8's young generation: ${trend(rest)}`,
  ];
}

const said = (figures: object): string =>
  Object.entries(figures)
    .map(([name, figure]) => `${name} ${String(figure)}`)
    .join(', ');

function trend({ samples, meanBytes, perMinuteBytes, errorPerMinuteBytes, growthBytes }: Trend): string {
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  const kib = (bytes: number): string => (bytes / 2 ** 10).toFixed(1);
  const slope = `${kib(perMinuteBytes)} ± ${kib(errorPerMinuteBytes)} KiB a minute`;
  return `${mib(meanBytes)} MiB on average, ${slope}, ${mib(growthBytes)} MiB over ${samples} samples`;
}
