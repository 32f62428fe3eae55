// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references look like that
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readConfig } from '../src/config/config.ts';
import { readSource } from '../src/config/source.ts';

const folder = mkdtempSync(join(tmpdir(), 'keepwarm-source-'));
after(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const valueIn = (text: string, environment: NodeJS.ProcessEnv = {}): unknown =>
  readSource(file('a.yaml', text), environment).value;

describe('a configuration file', () => {
  it('is YAML or JSON, by its name, and means the same', () => {
    const yaml = file('same.yaml', '# upstreams\nupstreams:\n  api: { origin: "https://api.example.com" }\n');
    const json = file('same.json', '{ "upstreams": { "api": { "origin": "https://api.example.com" } } }');
    assert.deepEqual(readConfig(yaml), readConfig(json));
    assert.deepEqual(readConfig(file('empty.yaml', '')).upstreams.size, 0);
  });

  it('says where it breaks, and not what stood there', () => {
    const key = 'SECRETKEY';
    const refused: readonly [string, string, RegExp][] = [
      ['broken.yaml', `upstreams:\n  api: [${key}\n`, /broken\.yaml:\d+:\d+ is no YAML/],
      ['twice.yaml', 'listen: 1\nlisten: 2\n', /twice\.yaml:2:1 is no YAML: Map keys must be unique/],
      ['broken.json', `{ "listen":\n  [${key} }`, /broken\.json:2:\d+ is no JSON/],
      ['yaml.json', 'listen: 4300\n', /yaml\.json is no JSON, though it is YAML/],
      ['missing.yaml', '', /missing\.yaml cannot be read/],
    ];
    for (const [name, text, message] of refused) {
      const path = name === 'missing.yaml' ? join(folder, name) : file(name, text);
      assert.throws(
        () => readConfig(path),
        (error: Error) => message.test(error.message) && !error.message.includes(key),
      );
    }
  });

  it('does not grow without bound by its own aliases', () => {
    const levels = Array.from({ length: 12 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(',')}]`);
    assert.throws(() => valueIn(`l0: &l0 [x]\n${levels.join('\n')}\n`), /alias/i);
  });

  it('refers to the environment and to files', () => {
    const environment = { KEY: 'abc', EMPTY: '' };
    file('secret', 'from a file\n');
    const text =
      'a: "x-${KEY}-${KEY}"\nb: "${NONE:-other}"\nc: "${EMPTY:-full}"\nd: "${file:secret}"\n' +
      'e: "$${KEY}"\nf: [1, true, "${EMPTY}"]\n';
    assert.deepEqual(valueIn(text, environment), {
      a: 'x-abc-abc',
      b: 'other',
      c: 'full',
      d: 'from a file',
      e: '${KEY}',
      f: [1, true, ''],
    });
  });

  it('names a reference that leads nowhere, and its place', () => {
    assert.throws(
      () => valueIn('a: { b: ["${NONE}"] }'),
      /^ConfigError: a\.b\[0\] refers to \$\{NONE\}, which is not set/,
    );
    assert.throws(() => valueIn('a: "${no-name}"'), /a refers to \$\{no-name\}; allowed: \$\{NAME\}/);
    assert.throws(() => valueIn('a: "${file:nowhere}"'), /^ConfigError: a cannot be read: ENOENT/);
  });

  it('shows in no message what a reference stood for', () => {
    process.env['KEEPWARM_TEST_KEY'] = 'https://user:SECRETKEY@node.example';
    try {
      const path = file(
        'leak.yaml',
        'listen: "${KEEPWARM_TEST_KEY}"\nupstreams: { a: { origin: "https://x.example" } }\n',
      );
      assert.throws(
        () => readConfig(path),
        (error: Error) =>
          /listen is "\$\{KEEPWARM_TEST_KEY\}"; allowed/.test(error.message) && !/SECRET/.test(error.message),
      );
    } finally {
      delete process.env['KEEPWARM_TEST_KEY'];
    }
  });
});
