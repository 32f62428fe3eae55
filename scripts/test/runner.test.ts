/** The test runner counts what node:test counts, and fails what would otherwise pass or hang unseen. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { root } from '../check.ts';

const folder = mkdtempSync(join(tmpdir(), 'keepwarm-runner-'));
after(() => rmSync(folder, { recursive: true }));

/** Where something is to take too long. Elsewhere the runner's own limits hold: on no machine is that too long. */
const SOON = { test: '--test-ms=500', linger: '--linger-ms=500' };

/** Runs one test file with this text as `npm test` would. */
function report(name: string, text: string, ...flags: string[]) {
  const file = join(folder, `${name}.test.mjs`);
  writeFileSync(file, `import { describe, it } from 'node:test';\n${text}\n`);
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const args = [join(root, 'scripts/test.ts'), ...flags, file];
  const { stdout, status } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', env: environment });
  return { stdout, status, last: stdout.trimEnd().split('\n').at(-1) };
}

describe('the test runner', () => {
  it('counts tests, not suites, and ends with the counts', () => {
    const { last, status } = report('passes', "describe('a', () => { it('b', () => {}); it('c', () => {}); });");
    assert.equal(last, '2 passed, 0 failed');
    assert.equal(status, 0);
  });

  it('shows a failure in full, with the names above it and what the file printed', () => {
    const text = "describe('a', () => { it('b', () => { console.log('printed'); throw new Error('broken'); }); });";
    const { stdout, last, status } = report('fails', text);
    assert.match(stdout, /a › b\n\s+Error: broken/);
    assert.match(stdout, /what the file printed:\n\s+printed/);
    assert.equal(last, '0 passed, 1 failed');
    assert.equal(status, 1);
  });

  it('names skipped tests only when there are any, and does not call them passed', () => {
    const { last, status } = report('skips', "it('a', () => {}); it('b', { skip: true }, () => {});");
    assert.equal(last, '1 passed, 0 failed, 1 skipped');
    assert.equal(status, 0);
  });

  it('fails a file that crashes', () => {
    const { stdout, last, status } = report('crashes', "it('a', () => process.kill(process.pid, 'SIGKILL'));");
    assert.match(stdout, /Its process died of SIGKILL/);
    assert.equal(last, '0 passed, 1 failed');
    assert.equal(status, 1);
  });

  it('fails a file that cannot be loaded', () => {
    const { stdout, last } = report('unloadable', "import 'node:no-such-module';");
    assert.match(stdout, /no-such-module/);
    assert.equal(last, '0 passed, 1 failed');
  });

  it('fails a file whose work goes wrong after its tests have ended', () => {
    const { stdout, last } = report('late', "it('a', () => { setTimeout(() => { throw new Error('late'); }, 20); });");
    assert.match(stdout, /late/);
    assert.equal(last, '1 passed, 1 failed');
  });

  it('fails a file that leaves something open', () => {
    const { stdout, last } = report('leaks', "it('a', () => { setInterval(() => {}, 1_000); });", SOON.linger);
    assert.match(stdout, /left open/);
    assert.match(stdout, /failed files:\n.*leaks\.test\.mjs/);
    assert.equal(last, '1 passed, 1 failed');
  });

  it('fails a file at once when what it starts before its tests cannot be started, and something is left open', () => {
    const text = `import { before } from 'node:test';
      describe('a', () => {
        before(() => { setInterval(() => {}, 1_000); throw new Error('not here'); });
        it('b', () => {}); it('c', () => {});
      });`;
    const { stdout, last } = report('not-begun', text, SOON.linger);
    assert.match(stdout, /not here[\s\S]*Its tests are done, but 500 ms later/);
    assert.equal(last, '0 passed, 4 failed');
  });

  it('fails a test that takes longer than its limit', () => {
    const text = "it('a', () => new Promise(() => { setTimeout(() => {}, 550); }));";
    const { stdout, last } = report('hangs', text, SOON.test);
    assert.match(stdout, /timed out after 500ms/);
    assert.equal(last, '0 passed, 1 failed');
  });

  it('fails a file that ends before its tests do', () => {
    const { stdout, last } = report('exits', "it('a', () => {}); it('b', () => process.exit(0));");
    assert.match(stdout, /exits\.test\.mjs/);
    assert.match(last ?? '', /, 1 failed$/);
  });

  it('fails a file without a test', () => {
    const { stdout, last } = report('empty', '');
    assert.match(stdout, /without reporting a test/);
    assert.equal(last, '0 passed, 1 failed');
  });

  it('runs a file that failed once more when told to, and names what passes then as unsteady', () => {
    const mark = join(folder, 'been-here');
    const once = `import { existsSync, writeFileSync } from 'node:fs';
      it('a', () => { if (!existsSync('${mark}')) { writeFileSync('${mark}', ''); throw new Error('not yet'); } });`;
    const { stdout, last, status } = report('unsteady', once, '--again=1');
    assert.match(stdout, /not yet[\s\S]*once more, alone:[\s\S]*UNSTEADY.*\n.*unsteady\.test\.mjs/);
    assert.deepEqual([last, status], ['1 passed, 0 failed', 0]);
  });

  it('fails what fails again', () => {
    const { stdout, last, status } = report('twice', "it('a', () => { throw new Error('never'); });", '--again=1');
    assert.match(stdout, /once more, alone:[\s\S]*failed files:\n.*twice\.test\.mjs/);
    assert.doesNotMatch(stdout, /UNSTEADY/);
    assert.deepEqual([last, status], ['0 passed, 1 failed', 1]);
  });
});
