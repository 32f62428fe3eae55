/** What several test files need is made once, whoever comes first and whatever became of that one. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { madeOnce } from '../release/packed.ts';

function aPlace(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-packed-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'place');
}

it('is made by whoever asks first; who asks meanwhile, or later, gets the same', async (t) => {
  const place = aPlace(t);
  let times = 0;
  const { promise: goOn, resolve } = Promise.withResolvers<void>();
  const make = async () => {
    await goOn;
    return { times: ++times };
  };
  const all = [madeOnce(place, make), madeOnce(place, make), madeOnce(place, make)];
  resolve();
  assert.deepEqual(await Promise.all(all), Array(3).fill({ times: 1 }));
  assert.deepEqual(await madeOnce(place, make), { times: 1 });
  assert.ok(!existsSync(`${place}.lock`));
});

it('is tried again by the next one when it failed', async (t) => {
  const place = aPlace(t);
  await assert.rejects(
    madeOnce(place, async () => {
      throw new Error('the build failed');
    }),
    /the build failed/,
  );
  assert.deepEqual(await madeOnce(place, async () => ({ ok: true })), { ok: true });
});

it('is made anew where the process that began it is gone', async (t) => {
  const place = aPlace(t);
  const { pid } = spawnSync(process.execPath, ['--version']);
  writeFileSync(`${place}.lock`, String(pid));
  assert.deepEqual(await madeOnce(place, async () => ({ ok: true })), { ok: true });
});
