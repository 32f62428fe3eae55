/** Each structure rule is shown something that breaks it, and something close to it that does not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FLOORS } from '../tidy/floors.ts';
import { violations } from '../tidy/rule.ts';
import { RULES } from '../tidy/rules.ts';
import { importsOf, type Tree, treeFile } from '../tidy/tree.ts';

/** Files by path. */
type Files = Readonly<Record<string, string>>;

interface Case {
  readonly bad: readonly Files[];
  readonly good: readonly Files[];
}

const SRC = 'packages/keepwarm/src';
const TEST = 'packages/keepwarm/test/some.test.ts';

/** Text that must not stand in this file as such, lest the rules find it here. */
const joined = (...parts: readonly string[]) => parts.join('');

const library = (text: string, path = 'pool/lease.ts'): Files => ({ [`${SRC}/${path}`]: text });
const test = (text: string): Files => ({ [TEST]: text });
const manifest = (...names: readonly string[]) =>
  JSON.stringify({
    name: 'keepwarm-workspace',
    dependencies: Object.fromEntries(names.map((name) => [name, '1.0.0'])),
  });
const architecture = (...names: readonly string[]) =>
  ['## Dependencies', '', '| name | saves us |', '|---|---|']
    .concat(names.map((name) => `| \`${name}\` | work |`))
    .concat('', '## More', '')
    .join('\n');

const CASES: Readonly<Record<string, Case>> = {
  'the library imports downwards only': {
    bad: [
      library("import { retry } from '../policies/retry.ts';", 'core/call.ts'),
      library("import type { Dial } from '../net/dial.ts';"),
      library("export { readHead } from '../wire/head.ts';", 'algo/ewma.ts'),
      library("const late = await import('../../clients/http.ts');", 'engines/http1/engine.ts'),
      library("import { createClient } from '../index.ts';", 'clients/fetch.ts'),
      library("import { clock } from '../testing/clock.ts';", 'clients/http.ts'),
      library('export {};', 'extras/more.ts'),
    ],
    good: [
      library("import { NetError } from '../core/error.ts';\nimport { chain } from '../algo/chain.ts';"),
      library("import { wait } from './waiters.ts';"),
      library(
        "import { dial } from '../../net/dial.ts';\nimport { x } from '../shared.ts';",
        'engines/http1/engine.ts',
      ),
      library("export { createClient } from './clients/http.ts';", 'index.ts'),
      library("// import { retry } from '../policies/retry.ts';", 'core/call.ts'),
    ],
  },
  'network modules only in net/ and engines/': {
    bad: [
      library("import { connect } from 'node:net';"),
      library("import type { TLSSocket } from 'node:tls';", 'core/call.ts'),
      library("import { lookup } from 'node:dns/promises';", 'clients/http.ts'),
      library("import http2 from 'node:http2';", 'telemetry/trace.ts'),
    ],
    good: [
      library("import { connect } from 'node:net';", 'net/dial.ts'),
      library("import { TLSSocket } from 'node:tls';", 'engines/http1/engine.ts'),
      library("import { Readable } from 'node:stream';"),
      { 'packages/gateway/src/serve.ts': "import { createServer } from 'node:http';" },
    ],
  },
  'packages meet by name': {
    bad: [
      { 'packages/gateway/src/serve.ts': "import { createClient } from '../../keepwarm/src/index.ts';" },
      library("import { aCall } from '../../test/words.ts';"),
    ],
    good: [
      { 'packages/gateway/src/serve.ts': "import { createClient } from 'keepwarm';" },
      { 'packages/gateway/test/serve.test.ts': "import { serve } from '../src/serve.ts';" },
    ],
  },
  'time and chance are passed in': {
    bad: [
      library('setTimeout(() => close(), 10);'),
      library('globalThis.setTimeout(() => close(), 10);'),
      library('const at = Date.now();'),
      library('const at = new Date();'),
      library('const startedAt = performance.now();'),
      library('const pick = Math.random();', 'balance/pick.ts'),
      library("import { setTimeout as sleep } from 'node:timers/promises';"),
    ],
    good: [
      library('export const now = () => Date.now();', 'core/clock.ts'),
      library('// Date.now() would jump with the wall clock\nconst at = clock.now();'),
      library("const text = 'setTimeout';\nconst when = new Date(at);"),
      library('socket.setTimeout(0);'),
      test('const at = Date.now();'),
    ],
  },
  'no failure is swallowed in silence': {
    bad: [
      library('try { close(); } catch {}'),
      library('try { close(); } catch (error) {\n}'),
      test('await reply.catch(() => {});'),
    ],
    good: [
      library('try { close(); } catch { /* it was closed before */ }'),
      library('try { close(); } catch { return false; }'),
      library('// catch {}\nconst text = "catch {}";'),
    ],
  },
  'nothing is left to do': {
    bad: [
      library(joined('// TO', 'DO: later')),
      test(joined('/* FIX', 'ME */')),
      library(joined("'not impl", "emented'")),
    ],
    good: [library('const todoList = [];'), { 'docs/seeds.md': 'planned' }],
  },
  'every test runs, every time': {
    bad: [
      test("it.only('answers', () => {});"),
      test("describe.skip('answers', () => {});"),
      test("it('answers', { skip: true }, () => {});"),
      test("return t.skip('slow');"),
      test("it('answers', { timeout: 5, todo: 'later' }, () => {});"),
    ],
    good: [
      test('return t.skip(whyNot);'),
      test("it('answers', { timeout: 5 }, () => { read({ skip: 3 }); });"),
      test("// it.only('answers')"),
    ],
  },
  'files stay under 300 lines and 120 columns': {
    bad: [library('x();\n'.repeat(301)), library(`// ${'x'.repeat(118)}`)],
    good: [library('x();\n'.repeat(300)), library(`// ${'–'.repeat(117)}`), { 'docs/guide/a.md': 'x'.repeat(200) }],
  },
  'folders are named after what they hold': {
    bad: [library('', 'utils/time.ts'), library('', 'pool/helpers.ts'), { 'packages/gateway/src/types.ts': '' }],
    good: [library('', 'pool/lease.ts'), { 'docs/guide/common-questions.md': '' }],
  },
  'no machine is named': {
    bad: [
      { 'scripts/run.ts': joined("const root = '/ho", "me/someone/keepwarm';") },
      { 'docs/guide/a.md': joined('see /wo', 'rk/main') },
      { '.npmrc': joined('regis', 'try=https://example.com/') },
      { 'docs/guide/b.md': joined('http', 's://npm-regis', 'try.example.com/keepwarm') },
    ],
    good: [
      { 'scripts/run.ts': "const path = 'docs/home/page';\nconst url = 'https://api.example.com/work/1';" },
      { 'docs/guide/a.md': 'from the npm registry' },
      library('registry = new SocketRegistry();', 'net/sockets.ts'),
    ],
  },
  'the lock file holds no addresses': {
    bad: [{ 'package-lock.json': joined('"resol', 'ved": "https://example.com/a.tgz"') }, {}],
    good: [{ 'package-lock.json': '"resolved": "packages/keepwarm", "link": true' }],
  },
  'every dependency says what it saves us': {
    bad: [
      { 'package.json': manifest('left-pad'), 'ARCHITECTURE.md': architecture() },
      { 'packages/bench/package.json': manifest('got'), 'ARCHITECTURE.md': 'the dependency `got`' },
      { 'package.json': manifest(), 'ARCHITECTURE.md': architecture('left-pad') },
    ],
    good: [
      {
        'package.json': manifest('typescript'),
        'packages/bench/package.json': manifest('keepwarm-workspace', 'got'),
        'ARCHITECTURE.md': architecture('got', 'typescript'),
      },
    ],
  },
  'links lead somewhere': {
    bad: [{ 'README.md': 'see [the guide](docs/guide/start.md)' }, { 'docs/a.md': '[up](../gone.md#part)' }],
    good: [
      {
        'README.md': '[guide](docs/guide/start.md#first) [folder](docs/guide/) [web](https://example.com) [here](#x)',
        'docs/guide/start.md': '[back](../../README.md)\n```md\n[not a link](nowhere.md)\n```\n',
      },
    ],
  },
  'one thing has one name': {
    bad: [
      library(joined('class PoolMan', 'ager {}')),
      library(joined('// the cir', 'cuit is open')),
      library(joined('// a check', 'out of a connection')),
    ],
    good: [library('// the breaker is open'), { 'docs/seeds.md': joined('cir', 'cuit breaker') }],
  },
};

const tree = (files: Files): Tree => Object.entries(files).map(([path, text]) => treeFile(path, text));

describe('structure rules', () => {
  for (const rule of RULES) {
    it(`sees what breaks: ${rule.name}`, () => {
      const { bad = [], good = [] } = CASES[rule.name] ?? {};
      assert.ok(bad.length > 0 && good.length > 0, 'a rule without an example that breaks it proves nothing');
      for (const files of bad) assert.notDeepEqual(violations(rule, tree(files)), [], JSON.stringify(files));
      for (const files of good) assert.deepEqual(violations(rule, tree(files)), []);
    });
  }

  it('has no example without a rule', () => {
    assert.deepEqual(
      Object.keys(CASES).filter((name) => !RULES.some((rule) => rule.name === name)),
      [],
    );
  });

  it('names file and line', () => {
    const rule = RULES.find(({ name }) => name === 'time and chance are passed in');
    assert.ok(rule);
    const [found] = violations(rule, tree(library('const a = 1;\n\n/* two\nlines */ setTimeout(a);')));
    assert.match(found ?? '', /^packages\/keepwarm\/src\/pool\/lease\.ts:4: setTimeout/);
  });

  it('has each folder on one floor only', () => {
    const folders = FLOORS.flat();
    assert.equal(new Set(folders).size, folders.length);
  });
});

describe('the view of a file', () => {
  const code = (text: string) => treeFile('a.ts', text).code;

  it('blanks comments and what is quoted, and keeps every offset', () => {
    const text = ["a('x // y'); // b 'c'", '/* d', ' "e" */ f(`g $', "{h(`i`)} // j`); k(/'l/);"]
      .join('\n')
      .replace('$\n', '$');
    assert.equal(code(text).length, text.length);
    assert.equal(code(text).replaceAll(/ +/g, ' '), "a(' '); \n \n f(` `); k(/ /);");
  });

  it('takes a division for what it is', () => {
    assert.equal(code('a = b / c; d = "e" / f;'), 'a = b / c; d = " " / f;');
  });

  it('finds every kind of import, over several lines too', () => {
    const text = [
      "import a from './a.ts';",
      "import {\n  b,\n} from './b.ts';",
      "export * from './c.ts';",
      "import './d.ts';",
      "await import('./e.ts');",
      "// import './not.ts';",
    ].join('\n');
    const found = importsOf(treeFile('x.ts', text)).map(({ specifier, line }) => `${specifier}:${line}`);
    assert.deepEqual(found, ['./a.ts:1', './b.ts:4', './c.ts:5', './d.ts:6', './e.ts:7']);
  });
});
