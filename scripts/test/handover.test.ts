/** A caller that was handed to a worker which then dies is answered by another one, under each line of Node.js. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { expected, RUNTIMES } from '../matrix/runtimes.ts';

const PROGRAM = join(import.meta.dirname, '../../packages/gateway/test/handover-program.ts');
const LINES = RUNTIMES.filter(({ name }) => name.startsWith('Node.js'));

/** What is read are messages of Node's own, in no documentation: another line may have others. */
describe('a caller handed to a worker that dies', { concurrency: true }, () => {
  for (const runtime of LINES) {
    it(`is answered by another one under ${runtime.name}`, async (t) => {
      const whyNot = expected(runtime) ? '' : 'it is not installed on this platform';
      if (whyNot !== '') return t.skip(whyNot);
      const { stdout } = await promisify(execFile)(runtime.command, [...runtime.args, PROGRAM], { timeout: 60_000 });
      assert.equal(stdout, 'answered 5, then 6 of 6\n');
    });
  }
});
