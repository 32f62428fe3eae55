/** Rules that are left to the linter's configuration hold as firmly as those of scripts/tidy. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { root } from '../check.ts';

const SOURCE = 'packages/keepwarm/src';
const TEST = 'packages/keepwarm/test';
const imports = "import { it } from 'node:test';\n";

/** Each refused thing in a file of its own: what it is, where it stands, its text, the linter's name for it. */
const REFUSED = [
  ['any', `${SOURCE}/any.ts`, 'export const a = (b: any): void => b();', 'noExplicitAny'],
  ['a default export', `${SOURCE}/default.ts`, 'export default 1;', 'noDefaultExport'],
  ['an enum', `${SOURCE}/enum.ts`, 'export enum A { B }', 'noEnum'],
  ['a namespace', `${SOURCE}/namespace.ts`, 'export namespace A { export const b = 1; }', 'noNamespace'],
  [
    'a parameter property',
    `${SOURCE}/a.ts`,
    'export class A { constructor(readonly b: 1) {} }',
    'noParameterProperties',
  ],
  ['console in the library', `${SOURCE}/console.ts`, "console.log('a');", 'noConsole'],
  ['61 lines of function', `${SOURCE}/long.ts`, `(() => {\n${'b();\n'.repeat(61)}})();`, 'noExcessiveLinesPerFunction'],
  ['an import cycle', `${SOURCE}/cycle.ts`, "export { a } from './other.ts';\nexport const b = 1;", 'noImportCycles'],
  ['a focused test', `${TEST}/only.test.ts`, `${imports}it.only('a', () => {});`, 'noFocusedTests'],
  ['a skipped test', `${TEST}/skip.test.ts`, `${imports}it.skip('a', () => {});`, 'noSkippedTests'],
] as const;

const ACCEPTED = [
  [`${SOURCE}/other.ts`, "import { b } from './cycle.ts';\nexport const a = (): number => b;"],
  [`${SOURCE}/plain.ts`, 'export const a = (b: unknown): boolean => b === 1;'],
  [`${TEST}/long.test.ts`, `${imports}it('a', () => {\n${'b();\n'.repeat(61)}});`],
] as const;

const folder = mkdtempSync(join(tmpdir(), 'keepwarm-lint-'));
after(() => rmSync(folder, { recursive: true }));

/** All findings as `path: rule`, from one run of the linter with our configuration. */
function findings(): string[] {
  cpSync(join(root, 'biome.json'), join(folder, 'biome.json'));
  for (const [path, text] of [...REFUSED.map(([, path, text]) => [path, text] as const), ...ACCEPTED]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `${text}\n`);
  }
  const binary = join(root, 'node_modules', '.bin', 'biome');
  const args = ['lint', '--vcs-enabled=false', '--max-diagnostics=none', '--colors=off', '.'];
  const { stdout, stderr } = spawnSync(binary, args, { cwd: folder, encoding: 'utf8' });
  const found = `${stdout}${stderr}`.matchAll(/^(packages\/\S+?):\d+:\d+ lint\/\w+\/(\w+)/gm);
  return [...found].map(([, path, rule]) => `${path}: ${rule}`);
}

describe('the linter refuses', () => {
  const found = findings();
  for (const [what, path, , rule] of REFUSED) {
    it(what, () => assert.ok(found.includes(`${path}: ${rule}`), found.join('\n')));
  }

  it('nothing else', () => {
    const expected = REFUSED.map(([, path, , rule]) => `${path}: ${rule}`);
    const unexpected = found.filter((line) => !expected.includes(line) && !line.endsWith('other.ts: noImportCycles'));
    assert.deepEqual(unexpected, []);
  });
});
