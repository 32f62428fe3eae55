/** The scenarios of gRPC in short: every client is answered, and what it decodes is what was sent. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { SubscribeRequestSchema, SubscribeUpdateSchema } from 'keepwarm/yellowstone';
import { measureGrpcIdle } from '../src/grpc/idle.ts';
import type { Frames } from '../src/grpc/peer.ts';
import { extraMicros, GRPC_SCENARIOS, measureGrpc } from '../src/grpc/scenarios.ts';
import { UPDATE_BYTES } from '../src/grpc/server.ts';
import { updatesOf } from '../src/grpc/updates.ts';
import type { CallRow } from '../src/rows.ts';
import { Stable } from '../src/stable.ts';

const PLAN = { warmMs: 20, warmAgainMs: 20, leadMs: 0, sliceMs: 200, roundsMin: 1, roundsMax: 1, budgetMs: 0 };

const BLANK: CallRow = {
  ...{ scenario: 'grpc-fanout-50', client: '', inFlight: 1, cpuMicros: 0, p50Ms: 0, p99Ms: 0, errors: 0, slices: 1 },
  ...{ callsPerSecond: 1, callsPerSecondMin: 1, callsPerSecondMax: 1, ratios: {} },
};

describe('the benchmark of gRPC', () => {
  let folder: string;
  let stable: Stable;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keepwarm-bench-grpc-'));
    stable = new Stable(join(folder, 'authority.pem'), true);
    await writeFile(stable.caFile, '');
  });
  after(async () => {
    await stable.close();
    await rm(folder, { recursive: true });
  });

  for (const scenario of GRPC_SCENARIOS.filter(({ name }) => /-64|1KB/.test(name))) {
    it(`measures ${scenario.name}`, async () => {
      const rows = await measureGrpc(scenario, stable, true, PLAN);
      assert(rows.length >= 4);
      for (const row of rows) {
        assert.deepEqual([row.client, row.failure, row.errors, row.slices], [row.client, undefined, 0, 1]);
        assert(row.callsPerSecond > 0 && row.cpuMicros > 0, row.client);
      }
      assert(rows[0]!.ratios['grpc-js']!.median > 0);
    });
  }

  it('measures idle connections, over TLS', async () => {
    const rows = await measureGrpcIdle('grpc-idle-tls', stable.caFile, 8, 1);
    for (const { failure, connections } of rows) assert.deepEqual([failure, connections], [undefined, 8]);
  });

  it('says what one more delivery costs: what 50 monitors take beyond one, for each of the 49', () => {
    const row = (client: string, cpuMicros: number) => ({ ...BLANK, client, cpuMicros });
    const rows = [row('1 monitor, bytes', 6), row('50 monitors, bytes', 1.1)];
    assert.equal(extraMicros(rows, 'bytes'), 1);
    assert.equal(extraMicros(rows, 'decoded'), undefined);
  });
});

describe('its updates', () => {
  const request = (asked: object) => toBinary(SubscribeRequestSchema, create(SubscribeRequestSchema, asked));

  for (const [name, size] of Object.entries(UPDATE_BYTES)) {
    it(`of ${name} have that size, the names asked for, and each a slot and a write version of its own`, () => {
      const updates = updatesOf(request({ accounts: { mine: {} }, slots: { tip: {} } }), size, 7)!;
      const parts: Buffer[] = [];
      let under: Frames[] = [];
      for (let round = 0; round < 4; round++) {
        do {
          const frames = updates.next(round === 0 ? 20_000 : Number.POSITIVE_INFINITY)!;
          under.push(frames);
          // What is sent is read when it has left, which may be rounds later.
          if (under.length < 3) continue;
          const [first, ...rest] = under;
          parts.push(...payloadsOf(Buffer.from(first!.bytes)));
          first!.sent();
          under = rest;
        } while (!updates.whole);
      }
      for (const each of under) parts.push(...payloadsOf(each.bytes));
      const all = Buffer.concat(parts);
      const seen = new Set<string>();
      const slots = new Set<bigint>();
      for (let at = 0; at < all.length; ) {
        const end = at + 5 + all.readUInt32BE(at + 1);
        const { filters, updateOneof } = fromBinary(SubscribeUpdateSchema, all.subarray(at + 5, end));
        if (updateOneof.case === 'account') {
          assert.equal(end - at - 5, size);
          assert.deepEqual(filters, ['mine']);
          slots.add(updateOneof.value.slot);
          seen.add(String(updateOneof.value.account!.writeVersion));
        } else {
          assert.deepEqual(filters, ['tip']);
        }
        at = end;
      }
      assert.equal(slots.size, 4);
      assert.equal(seen.size, 4 * Math.max(Math.floor((256 * 1024) / size), 1));
    });
  }

  it('wait until there is room for a frame', () => {
    const updates = updatesOf(request({ accounts: { mine: {} } }), 1_024, 7)!;
    assert.equal(updates.next(16_383), undefined);
    assert.equal(updates.next(16_384)!.payloadBytes, 16_384);
  });

  it('are none for a ping and for a request without filters', () => {
    assert.equal(updatesOf(request({}), 1_024, 1), undefined);
    assert.equal(updatesOf(request({ ping: { id: 1 } }), 1_024, 1), undefined);
  });
});

/** What frames of DATA on stream 7 carry. */
function payloadsOf(frames: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  for (let at = 0; at < frames.length; ) {
    const end = at + 9 + frames.readUIntBE(at, 3);
    assert.deepEqual([frames[at + 3], frames[at + 4], frames.readUInt32BE(at + 5)], [0, 0, 7]);
    payloads.push(frames.subarray(at + 9, end));
    at = end;
  }
  return payloads;
}
