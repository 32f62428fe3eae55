/**
 * A strict reader of both formats, written from their specifications, so that what we write is judged by other code
 * than the one that wrote it. It refuses whatever a scraper may refuse.
 */
import assert from 'node:assert/strict';

export interface ReadFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly unit: string | undefined;
  readonly samples: ReadSample[];
}

export interface ReadSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export type Format = 'text' | 'openmetrics';

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
};

/** @throws AssertionError with the line that is wrong */
export function readExposition(text: string, format: Format = 'text'): Map<string, ReadFamily> {
  const families = new Map<string, ReadFamily>();
  assert.ok(text.isWellFormed(), 'what is written can be sent as UTF-8');
  if (text === '') return families;
  assert.ok(text.endsWith('\n'), 'the last line ends');
  const lines = text.slice(0, -1).split('\n');
  if (format === 'openmetrics') assert.equal(lines.pop(), '# EOF');
  const series = new Set<string>();
  let now: ReadFamily | undefined;
  while (lines.length > 0) {
    const line = lines.shift()!;
    const help = /^# HELP (\S+) (.*)$/.exec(line);
    if (help !== null) {
      now = readHead(help[1]!, unescaped(help[2]!, format === 'openmetrics'), lines, format);
      assert.ok(!families.has(now.name), `${now.name} is one group: ${line}`);
      families.set(now.name, now);
      continue;
    }
    assert.doesNotMatch(line, /^#/, 'a comment in an unexpected place');
    assert.ok(now !== undefined, line);
    const sample = readSample(line);
    assert.ok(allowedNames(now, format).includes(sample.name), `a sample of ${now.name}: ${line}`);
    const key = JSON.stringify([sample.name, Object.entries(sample.labels).toSorted()]);
    assert.ok(!series.has(key), `each series is there once: ${line}`);
    series.add(key);
    now.samples.push(sample);
  }
  for (const family of families.values()) checkFamily(family);
  return families;
}

function readHead(name: string, help: string, lines: string[], format: Format): ReadFamily {
  assert.match(name, /^[a-zA-Z_:][a-zA-Z0-9_:]*$/);
  const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(lines.shift() ?? '');
  assert.equal(type?.[1], name, 'TYPE follows HELP, of the same name');
  let unit: string | undefined;
  if (format === 'openmetrics' && lines[0]?.startsWith('# UNIT ') === true) {
    const written = /^# UNIT (\S+) (\S+)$/.exec(lines.shift()!);
    assert.equal(written?.[1], name);
    unit = written![2]!;
    assert.ok(name.endsWith(`_${unit}`), `${name} ends in its unit`);
  }
  return { name, type: type![2]!, help, unit, samples: [] };
}

const allowedNames = ({ name, type }: ReadFamily, format: Format): string[] =>
  type === 'counter' && format === 'openmetrics' ? [`${name}_total`] : SUFFIXES[type]!.map((suffix) => name + suffix);

/** Character by character: a regular expression would forgive what a scraper does not. */
function readSample(line: string): ReadSample {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0];
  assert.ok(name !== undefined, line);
  const labels: Record<string, string> = {};
  let at = name.length;
  if (line[at] === '{') {
    do {
      at++;
      const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="/.exec(line.slice(at));
      assert.ok(label !== null, `a label at ${at}: ${line}`);
      at += label[0].length;
      const start = at;
      while (line[at] !== '"') {
        assert.ok(at < line.length, `an open quote: ${line}`);
        at += line[at] === '\\' ? 2 : 1;
      }
      assert.ok(!Object.hasOwn(labels, label[1]!), `${label[1]} is there once: ${line}`);
      labels[label[1]!] = unescaped(line.slice(start, at), true);
      at++;
    } while (line[at] === ',');
    assert.equal(line[at++], '}', line);
  }
  const value = /^ ([+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)$/.exec(line.slice(at))?.[1];
  assert.ok(value !== undefined, `a number ends the line: ${line}`);
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}

function unescaped(text: string, quotes: boolean): string {
  const rest = text.replace(quotes ? /\\[\\n"]/g : /\\[\\n]/g, '');
  assert.ok(!rest.includes('\\') && !(quotes && rest.includes('"')), `an escape nobody knows: ${text}`);
  return text.replace(/\\([\\n"])/g, (_, letter: string) => (letter === 'n' ? '\n' : letter));
}

function checkFamily({ name, type, samples }: ReadFamily): void {
  assert.ok(samples.length > 0, `${name} has samples`);
  if (type === 'counter')
    assert.ok(
      samples.every(({ value }) => value >= 0),
      `${name} counts upwards from 0`,
    );
  if (type !== 'histogram') return;
  const groups = Map.groupBy(samples, ({ labels: { le: _, ...rest } }) => JSON.stringify(rest));
  for (const group of groups.values()) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number(labels['le']!.replace('Inf', 'Infinity')));
    assert.deepEqual(
      bounds,
      bounds.toSorted((a, b) => a - b),
      `${name} has its bounds in order`,
    );
    assert.equal(bounds.at(-1), Number.POSITIVE_INFINITY);
    const counts = buckets.map(({ value }) => value);
    assert.ok(
      counts.every((value, i) => value >= (counts[i - 1] ?? 0)),
      `${name} is cumulative: ${counts}`,
    );
    assert.equal(group.find((sample) => sample.name === `${name}_count`)?.value, counts.at(-1));
    assert.equal(group.filter((sample) => sample.name === `${name}_sum`).length, 1);
  }
}

/** The value of one series; nothing when it is not there. Labels that are not named must not be there either. */
export function readValue(
  families: Map<string, ReadFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const wanted = JSON.stringify(Object.entries(labels).toSorted());
  const all = [...families.values()].flatMap(({ samples }) => samples);
  return all.find((each) => each.name === name && JSON.stringify(Object.entries(each.labels).toSorted()) === wanted)
    ?.value;
}
