/**
 * The two text formats Prometheus reads. They differ little: OpenMetrics takes `_total` off the name of a counter's
 * family, tells units, escapes quotes in help and says where the text ends.
 * Sources: prometheus.io/docs/instrumenting/exposition_formats (0.0.4); OpenMetrics 1.0.0.
 */
import { NetError } from '../core/error.ts';

export type MetricType = 'counter' | 'gauge' | 'histogram';
export type MetricsFormat = 'text' | 'openmetrics';
export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  /** `_bucket`, `_sum` or `_count` of a histogram; nothing otherwise. */
  readonly suffix?: '_bucket' | '_sum' | '_count';
  readonly labels: Labels;
  readonly value: number;
}

/** All samples of one name. No two have the same suffix and labels. */
export interface Family {
  /** Lower case with `_`; a counter's ends in `_total`, a length of time in `_seconds`, a size in `_bytes`. */
  readonly name: string;
  readonly type: MetricType;
  /** What it counts, in a sentence. */
  readonly help: string;
  readonly samples: readonly Sample[];
}

export const CONTENT_TYPES: Readonly<Record<MetricsFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const UNIT = /_(seconds|bytes)$/;

/** @throws NetError `INVALID` for a name that cannot be written, or one that stands there already */
export function renderFamilies(families: Iterable<Family>, format: MetricsFormat): string {
  const lines: string[] = [];
  const seen = new Set<string>();
  for (const family of families) {
    if (family.samples.length === 0) continue;
    check(family, seen);
    const open = format === 'openmetrics';
    const title = open ? titleOf(family) : family.name;
    lines.push(`# HELP ${title} ${open ? escapeValue(family.help) : escapeHelp(family.help)}`);
    lines.push(`# TYPE ${title} ${family.type}`);
    const unit = open ? UNIT.exec(title)?.[1] : undefined;
    if (unit !== undefined) lines.push(`# UNIT ${title} ${unit}`);
    for (const { suffix = '', labels, value } of family.samples) {
      lines.push(`${family.name}${suffix}${labelsOf(labels)} ${numberOf(value)}`);
    }
  }
  if (format === 'openmetrics') lines.push('# EOF');
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

const titleOf = ({ name, type }: Family): string => (type === 'counter' ? name.replace(/_total$/, '') : name);

function check(family: Family, seen: Set<string>): void {
  const { name, type } = family;
  const title = titleOf(family);
  const wrong = (what: string): NetError =>
    new NetError('INVALID', `metric ${JSON.stringify(name)} ${what}`, { reach: 'unsent' });
  if (!NAME.test(name)) throw wrong('has a name that cannot be written; allowed: letters, digits and _');
  if (type === 'counter' && title === name) throw wrong('is a counter; its name must end in _total');
  if (seen.has(title)) throw wrong('is there twice; a name may have one family');
  seen.add(title);
  const label = family.samples.flatMap(({ labels }) => Object.keys(labels)).find((each) => !NAME.test(each));
  if (label !== undefined) throw wrong(`has a label named ${JSON.stringify(label)}; allowed: letters, digits and _`);
}

function labelsOf(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeValue = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');

function numberOf(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

/** A bound of a histogram, written the same in both formats, so that a change of format makes no new series. */
export function boundOf(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : numberOf(value);
}
