import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createClient } from '../../src/index.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { startFaultyServer } from '../../src/testing/faulty-server.ts';
import { answer, oneByOne, reset } from '../../src/testing/faulty-steps.ts';

const index = new URL('../../src/index.ts', import.meta.url).href;

/** What a program prints that does nothing besides; it would end with code 13 if nothing kept it alive. */
async function printed(program: string): Promise<string> {
  const flags = ['--conditions=keepwarm-source', '--input-type=module', '-e'];
  const script = `import { createClient } from ${JSON.stringify(index)};\n${program}`;
  return (await promisify(execFile)(process.execPath, [...flags, script], { timeout: 30_000 })).stdout;
}

describe('a program that does nothing but wait for a call', () => {
  it('lives through the waits between attempts', async () => {
    const server = await startFaultyServer({
      script: oneByOne(reset, answer('busy', { status: 503 }), answer('ok')),
    });
    const program = `
      const api = createClient({ origin: ${JSON.stringify(server.origin)}, retry: { baseMs: 300 } });
      console.log(await api.get('/').text());`;
    assert.equal(await printed(program), 'ok\n');
    await server.close();
  });

  it('lives through the wait for a limit', async () => {
    const server = await startFaultyServer({ script: answer('ok') });
    const program = `
      const api = createClient({ origin: ${JSON.stringify(server.origin)}, rateLimit: { limit: 1, windowMs: 300 } });
      console.log(await api.get('/').text());
      console.log(await api.get('/').text());`;
    assert.equal(await printed(program), 'ok\nok\n');
    await server.close();
  });

  it('ends when it has its answer, though the client was not closed', async () => {
    const server = await startFaultyServer({ script: answer('ok') });
    const program = `
      const api = createClient({ origin: ${JSON.stringify(server.origin)} });
      await api.get('/');
      await api.get('/nowhere').text();
      await createClient({ origin: 'http://127.0.0.1:1', retry: false }).get('/').catch(() => undefined);`;
    assert.equal(await printed(program), '');
    await server.close();
  });
});

describe('a client', () => {
  it('holds the process once for all its calls, and lets go with the last of them', async (t) => {
    const clock = new FakeClock();
    const server = await startFaultyServer({ script: oneByOne(answer('a'), reset, answer('c')) });
    const api = createClient({ origin: server.origin, clock, retry: false });
    t.after(async () => {
      api.destroy();
      await server.close();
    });
    assert.equal(clock.held, 0);
    const calls = [api.post('/').text(), api.post('/').text(), api.post('/').text()];
    assert.equal(clock.held, 1);
    const over = Promise.allSettled(calls);
    let ended = false;
    void over.then(() => {
      ended = true;
    });
    while (!ended) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await clock.settle();
    }
    assert.equal(clock.held, 0);
  });
});
