/** Updates that are read by hand are what protobuf-es makes of the same bytes, whatever the bytes are. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { readUpdate } from '../../../src/adapters/yellowstone/read-update.ts';
import { SubscribeUpdateSchema } from '../../../src/wire/geyser/generated/geyser_pb.js';

const uint64 = fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.constantFrom(0n, 1n, 2n ** 49n, 2n ** 53n, 2n ** 64n - 1n));
const bytes = fc.uint8Array({ maxLength: 300 });
const info = fc.record(
  {
    ...{ pubkey: bytes, owner: bytes, data: bytes, txnSignature: bytes, executable: fc.boolean() },
    ...{ lamports: uint64, rentEpoch: uint64, writeVersion: uint64 },
  },
  { requiredKeys: [] },
);
const account = fc.record({ account: info, slot: uint64, isStartup: fc.boolean() }, { requiredKeys: [] });
const createdAt = fc.record({
  seconds: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  nanos: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
});
const update = fc
  .record(
    {
      filters: fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { maxLength: 5 }),
      updateOneof: fc.oneof(
        account.map((value) => ({ case: 'account' as const, value })),
        fc.record({ slot: uint64, parent: uint64 }).map((value) => ({ case: 'slot' as const, value })),
        fc.constant({ case: 'ping' as const, value: {} }),
      ),
      createdAt,
    },
    { requiredKeys: ['updateOneof'] },
  )
  .map((made) => Buffer.from(toBinary(SubscribeUpdateSchema, create(SubscribeUpdateSchema, made as never))));

/** What comes of it, or that something is thrown. */
function outcome(read: (bytes: Uint8Array) => object, from: Uint8Array): object {
  try {
    return read(from);
  } catch (error) {
    return { thrown: String(error) };
  }
}

const same = (from: Uint8Array): void =>
  assert.deepStrictEqual(
    outcome(readUpdate, from),
    outcome((each) => fromBinary(SubscribeUpdateSchema, each), from),
  );

describe('an update that is read by hand', () => {
  it('is what protobuf-es reads', () => fc.assert(fc.property(update, same), { numRuns: 2_000 }));

  it('is so with bytes changed, left out, put in, and two in one', () => {
    const at = fc.nat();
    fc.assert(
      fc.property(update, update, at, fc.nat(255), fc.nat(4), (one, other, place, byte, how) => {
        const changed = Buffer.from(one);
        const where = one.length === 0 ? 0 : place % one.length;
        if (changed.length > 0) changed[where] = byte;
        same(changed);
        same(one.subarray(0, where));
        same(Buffer.concat([one.subarray(0, where), Buffer.alloc(how, byte), one.subarray(where)]));
        same(Buffer.concat([one, other]));
      }),
      { numRuns: 3_000 },
    );
  });
});
