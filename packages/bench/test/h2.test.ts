import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { measureCalls } from '../src/calls.ts';
import { delayTable } from '../src/delay.ts';
import { type CallScenario, scenarios } from '../src/scenarios.ts';
import { longCall } from '../src/server/replies.ts';
import type { BenchServer } from '../src/server/server.ts';
import { startServer } from '../src/server/start.ts';
import { Stable } from '../src/stable.ts';

const plan = { warmMs: 20, warmAgainMs: 20, leadMs: 0, sliceMs: 100, roundsMin: 1, roundsMax: 1, budgetMs: 0 };

const ofHttp2 = (): CallScenario[] => scenarios(['h2-tls'], false).filter((each) => each.kind === 'calls');

describe('the scenarios of HTTP/2', () => {
  let server: BenchServer;
  let folder: string;
  let stable: Stable;
  before(async () => {
    server = await startServer('node');
    folder = await mkdtemp(join(tmpdir(), 'keepwarm-bench-test-'));
    stable = new Stable(join(folder, 'authority.pem'), true);
    await writeFile(stable.caFile, server.ca);
  });
  after(async () => {
    await stable?.close();
    await server?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  it('have every client answered and checked, with small and with large bodies', async () => {
    const [small, , , , upload] = ofHttp2();
    for (const scenario of [small!, upload!]) {
      const rows = await measureCalls({ ...scenario, plan }, server, stable);
      assert.equal(rows.length, scenario.clients.length);
      for (const row of rows) {
        // Each of its loops has had a reply by the end of the slice, and checked it.
        assert.deepEqual([row.failure, row.errors, row.slices], [undefined, 0, 1], `${row.client}: ${row.firstError}`);
      }
    }
  });

  it('are named for what they ask, and picked together by h2', () => {
    assert.deepEqual(
      scenarios(['h2'], false).map(({ name }) => name),
      ['h2-tls-100B-1', 'h2-tls-100B-50', 'h2-tls-100B-200', 'h2-tls-1MB-down', 'h2-tls-1MB-up', 'h2-delay'],
    );
    assert.equal(longCall(1_048_576).length, 1_048_576);
  });
});

it('a table of delays tells the round trips, and who failed', () => {
  const figures = { scenario: 'h2-delay', connections: 1, calls: 50, coldMs: 160, warmMs: 42, errors: 0, samples: 4 };
  const { rows } = delayTable([
    { ...figures, client: 'one' },
    { ...figures, client: 'none', coldMs: 0, warmMs: 0, samples: 0, failure: 'gone' },
  ]);
  assert.deepEqual(rows, [
    ['one', '160', '42', '4', '1.05', '0'],
    ['none', 'failed', '–', '–', '–', '0'],
  ]);
});
