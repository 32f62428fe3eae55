import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { StartFile } from '../../src/pool/start-file.ts';
import { earlierStarts } from '../../src/pool/start-store.ts';

function aPath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-starts-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'starts');
}

const aFile = (path: string, keepMs = 10_000): StartFile => new StartFile({ path, keepMs });

describe('starts of an earlier run', () => {
  const figures = { limit: 5, windowMs: 1_000, reserve: 0, lateMs: 100, attemptMs: 500 };
  const storeOf = (grantedAt: number, settledAt: number | undefined) => ({
    read: () => [{ grantedAt, settledAt }],
    ...{ granted: () => undefined, settled: () => undefined, cancelled: () => undefined },
  });

  it('count in full when the wall clock was set back meanwhile, and for no longer than they may', () => {
    for (const setBackMs of [0, 1_000, 3_600_000, 86_400_000]) {
      const wall = 1e12 - setBackMs;
      assert.deepEqual(earlierStarts(storeOf(1e12, undefined), figures, 50, wall), [{ settledAt: undefined }]);
      // Settled now, and perhaps lost: then it may still be on its way for lateMs.
      assert.deepEqual(earlierStarts(storeOf(1e12, 1e12), figures, 50, wall), [{ settledAt: 150 }]);
    }
    assert.deepEqual(earlierStarts(storeOf(1e12, 1e12), figures, 50, 1e12 + 1_100), []);
    assert.deepEqual(earlierStarts(storeOf(1e12, undefined), figures, 50, 1e12 + 1_600), []);
  });
});

describe('starts in a file', () => {
  it('are there for the next run: settled, under way, and none that was cancelled', (t) => {
    const path = aPath(t);
    const file = aFile(path);
    assert.deepEqual(file.read(), [], 'no run before');
    file.granted(1, 1_000);
    file.granted(2, 1_001.5);
    file.granted(3, 1_002);
    file.settled(1, 1_050);
    file.cancelled(3);
    const next = aFile(path);
    const wanted = [
      { grantedAt: 1_000, settledAt: 1_050 },
      { grantedAt: 1_001.5, settledAt: undefined },
    ];
    assert.deepEqual(next.read(), wanted);
    next.granted(1, 2_000); // the same id, of another run
    assert.equal(aFile(path).read().length, 3);
  });

  it('are not taken for none where the file is there and cannot be read', (t) => {
    const folder = dirname(aPath(t));
    assert.throws(() => aFile(folder).read(), { code: 'EISDIR' });
  });

  it('survive a line that was cut off, and whatever else stands there', (t) => {
    const path = aPath(t);
    const file = aFile(path);
    file.read();
    file.granted(1, 1_000);
    appendFileSync(path, '= 1.1 10');
    appendFileSync(path, '+ 7\0garbage');
    file.granted(2, 1_100);
    assert.deepEqual(
      aFile(path)
        .read()
        .map(({ grantedAt }) => grantedAt),
      [1_000, 1_100],
    );
  });

  it('take no more room than what may still count', (t) => {
    const path = aPath(t);
    const file = aFile(path, 1_000);
    file.read();
    for (let i = 0; i < 5_000; i++) {
      file.granted(i, i * 10);
      file.settled(i, i * 10 + 5);
    }
    assert(statSync(path).size < 60_000, String(statSync(path).size));
    const kept = aFile(path).read();
    assert(kept.length >= 100, String(kept.length));
    assert.deepEqual(kept.at(-1), { grantedAt: 49_990, settledAt: 49_995 });
    assert(readFileSync(path, 'latin1').startsWith('+ '));
  });

  it('that cannot be written are told at once', (t) => {
    const path = aPath(t);
    assert.throws(() => aFile(join(path, 'nowhere', 'starts')).granted(1, 0), { code: 'ENOENT' });
    if (process.getuid?.() === 0) return; // to whom everything may be written
    appendFileSync(path, '');
    chmodSync(path, 0o400);
    assert.throws(() => aFile(path).granted(1, 0), { code: 'EACCES' });
  });
});

describe('a provider whose client is killed again and again', () => {
  it('never counts more than the limit in any window', async (t) => {
    const path = aPath(t);
    const [limit, windowMs] = [5, 600];
    const seen: number[] = [];
    const server = createServer((socket) => {
      seen.push(performance.now());
      socket.on('error', () => {});
      socket.end('hello');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const { port } = server.address() as { port: number };
    const dialling = join(import.meta.dirname, 'start-file-dialling.ts');
    for (let run = 0; run < 5; run++) {
      const args = [path, String(port), String(limit), String(windowMs)];
      const child = fork(dialling, args, { execArgv: ['--conditions=keepwarm-source'], stdio: 'ignore' });
      const before = seen.length;
      await once(child, 'message'); // it has begun to dial
      await new Promise((resolve) => setTimeout(resolve, 150 + run * 130));
      child.kill('SIGKILL');
      await once(child, 'exit');
      if (run === 0) assert(seen.length > before, 'it dials');
    }
    assert(seen.length > limit, `${seen.length} connections`);
    let from = 0;
    for (let to = 0; to < seen.length; to++) {
      while (seen[to]! - seen[from]! >= windowMs) from++;
      assert(to - from + 1 <= limit, `${to - from + 1} of ${limit} in one window`);
    }
  });
});
