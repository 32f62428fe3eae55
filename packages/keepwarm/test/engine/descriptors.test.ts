/** A process that runs out of file descriptors makes do with what it has, and says so when it has nothing. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { answer, inOrder, pause } from '../../src/testing/faulty-steps.ts';
import { aServer, leavesNothing } from './setup.ts';

leavesNothing();

/** Runs scarce.ts with at most `descriptors` open files. @returns what it reports, as JSON */
async function scarce(descriptors: number, ...args: string[]): Promise<Record<string, unknown>> {
  const program = fileURLToPath(new URL('scarce.ts', import.meta.url));
  const command = `ulimit -n ${descriptors} && exec "$@"`;
  const child = spawn('/bin/sh', ['-c', command, 'sh', process.execPath, ...process.execArgv, program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 0, output);
  return JSON.parse(output);
}

it('with few descriptors 300 calls queue for those and are answered; later there is room', async (t) => {
  const server = await aServer(t, { script: inOrder(pause(2), answer('ok')) });
  const { answered, failed, most, later } = await scarce(64, 'few', server.origin);
  assert.deepEqual({ answered, failed }, { answered: 300, failed: [] });
  assert((most as number) < 60, `${most} sockets`);
  assert((later as number) > (most as number), `${later} sockets once descriptors are free again, ${most} before`);
});

it('with no descriptor left a call fails with CONNECT and EMFILE, unsent; with one it succeeds', async (t) => {
  const server = await aServer(t, { script: answer('ok') });
  const { error, afterwards } = await scarce(64, 'none', server.origin);
  assert.deepEqual(error, { code: 'CONNECT', reach: 'unsent', phase: 'connect', systemCode: 'EMFILE' });
  assert.equal(afterwards, 'ok');
});
