/** A probe as people read it: aligned figures, and a bar per call, all to one scale. */
import type { Probe, ProbedCall } from './probe.ts';

/** Columns a bar may take. */
const BAR_WIDTH = 40;

/** The phases of a call in their order, with the sign each has in a bar. */
const PHASES = [
  ['dnsMs', 'lookup', '░'],
  ['tcpMs', 'tcp', '▒'],
  ['tlsMs', 'tls', '▓'],
  ['firstByteMs', 'first byte', '█'],
  ['bodyMs', 'body', '▄'],
] as const;

const NAMES: Readonly<Record<ProbedCall['kind'], string>> = {
  cold: 'cold',
  warm: 'warm',
  resumed: 'new connection',
};

export function report({ url, method, protocol, address, proxy, calls, summary }: Probe): string {
  const longest = Math.max(...calls.map(({ totalMs }) => totalMs));
  const secure = url.startsWith('https:');
  const where = proxy === null ? address : `through ${proxy} (${address})`;
  const titles = [...PHASES.map(([, name]) => name), 'total'].map((title) => title.padStart(10)).join(' ');
  const key = PHASES.map(([, name, sign]) => `${sign} ${name}`).join('  ');
  const lines = [
    `${method} ${url}`,
    `  ${protocol}${secure ? ' over TLS' : ', cleartext'}, ${where}`,
    '',
    `  ${'call'.padEnd(14)} ${titles}  status`,
    ...calls.map((call) => `  ${row(call)}  ${call.status}`),
    '',
    ...calls.map((call) => `  ${NAMES[call.kind].padEnd(14)} ${bar(call, longest)} ${ms(call.totalMs).trim()} ms`),
    `  ${' '.repeat(14)} ${key}`,
    '',
    `  ${verdict(summary)}`,
  ];
  if (secure) {
    const how = summary.tlsResumed ? 'TLS was resumed' : 'TLS was not resumed: the server offers no resumption';
    lines.push(`  a second connection took ${ms(summary.resumedMs).trim()} ms; ${how}`);
  }
  return lines.join('\n');
}

function verdict({ coldMs, warmMs, saved }: Probe['summary']): string {
  const cold = `cold ${ms(coldMs).trim()} ms`;
  if (warmMs === null || saved === null) return `${cold}, never warm: the server closes after each reply`;
  const both = `${cold}, warm ${ms(warmMs).trim()} ms`;
  return saved <= 0 ? `${both}: nothing saved` : `${both}: a warm connection saves ${Math.round(saved * 100)} %`;
}

function row(call: ProbedCall): string {
  const phases = PHASES.map(([name]) => ms(call[name]));
  return `${NAMES[call.kind].padEnd(14)} ${phases.join(' ')} ${ms(call.totalMs)}`;
}

/** Whole columns per phase; rounding is done on running sums, so that the bar's length is the total's. */
function bar(call: ProbedCall, longestMs: number): string {
  let text = '';
  let sum = 0;
  for (const [name, , sign] of PHASES) {
    sum += call[name];
    const until = Math.round((sum / longestMs) * BAR_WIDTH);
    text += sign.repeat(Math.max(until - text.length, 0));
  }
  return text.padEnd(BAR_WIDTH);
}

function ms(value: number): string {
  const text = value === 0 ? '–' : value < 10 ? value.toFixed(2) : value.toFixed(1);
  return text.padStart(10);
}
