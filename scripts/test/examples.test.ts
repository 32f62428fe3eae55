/** Each example runs, ends by itself, and keeps what it promises: it leaves with 0 only if it does. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { root } from '../check.ts';

const run = promisify(execFile);
const FOLDER = join(root, 'examples');
/** They take one to three seconds; a busy machine has more time. */
const RUN_MS = 120_000;

const names = readdirSync(FOLDER, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);
const index = readFileSync(join(FOLDER, 'README.md'), 'utf8');

describe('examples', { concurrency: 2 }, () => {
  it('are there', () => assert(names.length >= 5));

  for (const name of names) {
    it(`${name} keeps its promise`, async () => {
      const file = join(FOLDER, name, 'main.ts');
      const options = { cwd: root, timeout: RUN_MS };
      const { stdout } = await run(process.execPath, ['--conditions=keepwarm-source', file], options);
      assert.match(stdout, /\d/, 'it says what it has seen');
    });

    it(`${name} says how it is started, and stands in the list`, () => {
      const page = join(FOLDER, name, 'README.md');
      assert(existsSync(page));
      assert(readFileSync(page, 'utf8').includes(`node --conditions=keepwarm-source examples/${name}/main.ts`));
      assert(index.includes(`[${name}](${name}/)`));
    });
  }
});
