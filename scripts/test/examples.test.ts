/** Each example runs from the line of its page, ends by itself, and keeps its promise: only then it leaves with 0. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { root } from '../check.ts';
import { type Command, commandsOf } from '../docs/commands.ts';

const run = promisify(execFile);
const FOLDER = join(root, 'examples');
/** They take one to three seconds; a busy machine has more time. */
const RUN_MS = 120_000;

const names = readdirSync(FOLDER, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);
const index = readFileSync(join(FOLDER, 'README.md'), 'utf8');
const linesOf = (page: string): Command[] => commandsOf(page, readFileSync(join(FOLDER, page), 'utf8'));

describe('examples', { concurrency: 2 }, () => {
  it('are there', () => assert(names.length >= 5));

  it('are started as the page of all of them says', () => {
    const [line, ...more] = linesOf('README.md');
    assert.deepEqual(more, []);
    const own = names.flatMap((name) => linesOf(join(name, 'README.md'))).map(({ text }) => text);
    assert(line !== undefined && own.includes(line.text));
  });

  for (const name of names) {
    it(`${name} keeps its promise`, async () => {
      const [line, ...more] = linesOf(join(name, 'README.md'));
      assert(line?.text.endsWith(`examples/${name}/main.ts`) === true && more.length === 0, 'one line starts it');
      const { stdout } = await run('sh', ['-c', line.text], { cwd: root, timeout: RUN_MS });
      assert.match(stdout, /\d/, 'it says what it has seen');
    });

    it(`${name} stands in the list`, () => assert(index.includes(`[${name}](${name}/)`)));
  }
});
