import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { measureCalls } from '../src/calls.ts';
import { parse } from '../src/clients/wrk.ts';
import { coresOf } from '../src/pin.ts';
import { bursts, OPERATIONS, SECONDS } from '../src/s2.ts';
import type { CallScenario } from '../src/scenarios.ts';
import { reply, SIZES } from '../src/server/replies.ts';
import type { BenchServer } from '../src/server/server.ts';
import { startServer } from '../src/server/start.ts';
import { Stable } from '../src/stable.ts';

const scenario = (about: Partial<CallScenario>): CallScenario => ({
  kind: 'calls',
  name: 'a little of everything',
  origin: 'http',
  reply: '100B',
  inFlight: 2,
  clients: ['undici.dispatch', 'node:http'],
  wrk: false,
  plan: { warmMs: 20, warmAgainMs: 20, leadMs: 0, sliceMs: 100, roundsMin: 1, roundsMax: 1, budgetMs: 0 },
  ...about,
});

describe('the benchmark, end to end', () => {
  let server: BenchServer;
  let folder: string;
  let stable: Stable;
  before(async () => {
    server = await startServer('node');
    folder = await mkdtemp(join(tmpdir(), 'keepwarm-bench-test-'));
    stable = new Stable(join(folder, 'authority.pem'), false);
    await writeFile(stable.caFile, server.ca);
  });
  after(async () => {
    await stable?.close();
    await server?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  it('measures two clients in processes of their own', async () => {
    const rows = await measureCalls(scenario({}), server, stable);
    assert.deepEqual(
      rows.map(({ client }) => client),
      ['undici.dispatch', 'node:http'],
    );
    for (const row of rows) {
      assert.equal(row.failure, undefined);
      assert.equal(row.errors, 0, row.firstError);
      assert.equal(row.slices, 1);
      assert.ok(row.callsPerSecond > 0 && row.cpuMicros > 0 && row.p99Ms >= row.p50Ms);
    }
    assert.ok(rows[1].ratios['undici.dispatch']?.median);
  });

  it('trusts the certificate over TLS, and sees which sessions were resumed', async () => {
    const clients = ['node:http', 'global fetch'];
    const about = { reply: 'connect', inFlight: 1, clients } as const;
    const [full] = await measureCalls(scenario({ ...about, origin: 'tlsFull' }), server, stable);
    assert.deepEqual([full.failure, full.errors, full.resumedShare], [undefined, 0, 0]);
    const resumed = await measureCalls(scenario({ ...about, origin: 'tls' }), server, stable);
    for (const row of resumed) assert.deepEqual([row.failure, row.errors], [undefined, 0], row.firstError);
    assert.ok((resumed[0].resumedShare ?? 0) > 0.5, 'node:https resumes');
  });

  it('reports a client it cannot open instead of leaving it out', async () => {
    const [row] = await measureCalls(scenario({ clients: ['no such client'] }), server, stable);
    assert.match(row.failure ?? '', /unknown client "no such client"/);
  });

  it('counts the connections that are open', async () => {
    const others = await server.connections();
    const { port } = new URL(server.tls);
    const socket = connect(Number(port), '127.0.0.1');
    await once(socket, 'connect');
    assert.equal(await server.connections(), others + 1);
    socket.destroy();
  });
});

describe('what the benchmark is made of', () => {
  it('replies of exactly the stated sizes', () => {
    for (const size of ['100B', '10KB', '1MB'] as const) assert.equal(Buffer.byteLength(reply(size)), SIZES[size]);
  });

  it('bursts that add up to 5,390 operations in 60 s, never more than 100 at once', () => {
    const sizes = bursts(OPERATIONS);
    assert.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      5_390,
    );
    assert.equal(sizes.length, SECONDS * 2);
    assert.equal(Math.max(...sizes), 100);
  });

  it('reads the cores it may use as the kernel lists them', () => {
    assert.deepEqual(coresOf('0-2,5'), [0, 1, 2, 5]);
    assert.deepEqual(coresOf('7'), [7]);
  });

  it("reads wrk's report and the shell's times", () => {
    const output = 'Running 1m test\nRESULT 1000 500000 250 900 2\n0m0.001s 0m0.002s\n0m0.300s 0m0.100s\n';
    const { callsPerSecond, cpuMicros, p50Ms, p99Ms, errors } = parse(output);
    assert.deepEqual([callsPerSecond, p50Ms, p99Ms, errors], [2_000, 0.25, 0.9, 2]);
    assert.ok(Math.abs(cpuMicros - 400) < 1e-6);
    assert.throws(() => parse('unable to connect to 127.0.0.1:1'), /unable to connect/);
  });
});
