/** A Node.js that cannot run the command is told so in one line, not by what happens to break first. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const MAIN = new URL('../src/main.ts', import.meta.url).pathname;
const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** The command under a Node.js that says it were another. */
function under(version: string) {
  const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`;
  const args = [
    '--import',
    `data:text/javascript,${encodeURIComponent(pretend)}`,
    '--conditions=keepwarm-source',
    MAIN,
  ];
  return spawnSync(process.execPath, [...args, '--version'], { encoding: 'utf8' });
}

describe('the command under another Node.js', { concurrency: 2 }, () => {
  for (const version of ['18.20.4', '22.18.9', '23.11.1']) {
    it(`names what it needs and what it found: ${version}`, () => {
      const { status, stdout, stderr } = under(version);
      const wanted = 'needs Node.js 22.19 or a newer 22, or 24 or newer';
      assert.equal(stderr, `keepwarm: ${wanted}; this is ${version}, at ${process.execPath}\n`);
      assert.deepEqual([status, stdout], [4, '']);
    });
  }

  for (const version of ['22.19.0', '25.3.0', '100.0.0']) {
    it(`runs: ${version}`, () => {
      const { status, stdout, stderr } = under(version);
      assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
      assert.deepEqual([status, stderr], [0, '']);
    });
  }

  it('needs what its package says that it needs', () => assert.equal(engines.node, '^22.19 || ^24 || >=26'));
});
