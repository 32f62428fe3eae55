/** The messages that set-up compiled from the published definition. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  CommitmentLevel,
  Geyser,
  SubscribeRequestSchema,
  SubscribeUpdateSchema,
} from '../../../src/wire/geyser/generated/geyser_pb.js';

describe('the definition of Geyser', () => {
  it('has the calls that clients make', () => {
    const names = Geyser.methods.map(({ name }) => name);
    for (const name of ['Subscribe', 'SubscribeReplayInfo', 'Ping', 'GetSlot', 'GetVersion', 'IsBlockhashValid']) {
      assert(names.includes(name), name);
    }
    assert.equal(Geyser.typeName, 'geyser.Geyser');
    assert.equal(Geyser.method.subscribe.methodKind, 'bidi_streaming');
  });

  it('carries numbers beyond 2^53, empty filters and absent fields through bytes', () => {
    const request = create(SubscribeRequestSchema, {
      slots: { all: {} },
      commitment: CommitmentLevel.PROCESSED,
      fromSlot: 2n ** 60n + 1n,
    });
    const back = fromBinary(SubscribeRequestSchema, toBinary(SubscribeRequestSchema, request));
    assert.deepEqual(Object.keys(back.slots), ['all']);
    assert.equal(back.fromSlot, 2n ** 60n + 1n);
    assert.equal(back.commitment, CommitmentLevel.PROCESSED);
    assert.equal(back.ping, undefined);
  });

  it('tells updates apart by their case', () => {
    const slot = { case: 'slot', value: { slot: 7n, parent: 6n } } as const;
    const bytes = toBinary(SubscribeUpdateSchema, create(SubscribeUpdateSchema, { filters: ['a'], updateOneof: slot }));
    const update = fromBinary(SubscribeUpdateSchema, bytes);
    assert(update.updateOneof.case === 'slot');
    assert.equal(update.updateOneof.value.parent, 6n);
  });
});
