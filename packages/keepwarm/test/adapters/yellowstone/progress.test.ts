/**
 * A walk over what a server may send: slots with updates, forks that come late, losses anywhere, replays from where
 * they are asked for. After each walk, everything that happened since the beginning has been told once, or a gap covers
 * it.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { Progress } from '../../../src/adapters/yellowstone/progress.ts';
import { ReplayMemory } from '../../../src/adapters/yellowstone/replay-memory.ts';
import { SlotStatus, type SubscribeUpdate, SubscribeUpdateSchema } from '../../../src/yellowstone.ts';

const WHOLE = SlotStatus.SLOT_PROCESSED;

const account = (slot: number, version: number): SubscribeUpdate =>
  create(SubscribeUpdateSchema, {
    updateOneof: { case: 'account', value: { slot: BigInt(slot), account: { writeVersion: BigInt(version) } } },
  });
const whole = (slot: number, parent: number): SubscribeUpdate =>
  create(SubscribeUpdateSchema, {
    updateOneof: { case: 'slot', value: { slot: BigInt(slot), parent: BigInt(parent), status: WHOLE } },
  });

interface Happened {
  readonly slot: number;
  readonly update: SubscribeUpdate;
  readonly name: string;
}

/** Slots from 10 on, some without a block, each with some updates and then its status. */
function chainOf(slots: readonly { readonly updates: number; readonly skipped: boolean }[]): Happened[] {
  const all: Happened[] = [];
  let parent = 9;
  let version = 0;
  for (const [index, { updates, skipped }] of slots.entries()) {
    const slot = 10 + index;
    if (skipped) continue;
    for (let i = 0; i < updates; i++) {
      all.push({ slot, update: account(slot, ++version), name: `write ${version}` });
    }
    all.push({ slot, update: whole(slot, parent), name: `slot ${slot}` });
    parent = slot;
  }
  return all;
}

describe('the progress of a subscription', () => {
  const slots = fc.array(fc.record({ updates: fc.nat(4), skipped: fc.boolean() }), { minLength: 1, maxLength: 30 });
  const losses = fc.array(fc.record({ after: fc.nat(20), missed: fc.nat(8), replay: fc.boolean() }), { maxLength: 8 });
  const rewindSlots = fc.nat(20);

  it('tells everything once over any losses, or a gap that covers it (1, 2, 3)', () => {
    fc.assert(
      fc.property(slots, losses, rewindSlots, (chain, stops, rewind) => {
        // The last slot is not lost: what is missing before it can only be told with something that follows.
        const all = chainOf([...chain, { updates: 0, skipped: false }]);
        const last = all.length - 1;
        const progress = new Progress({ rewindSlots: rewind, rememberedMax: 1_000, fromSlot: undefined });
        const told: string[] = [];
        const gaps: [number, number][] = [];
        let lastWhole = -1;
        const take = ({ update, name }: Happened) => {
          const { gap, told: isTold } = progress.take(update, WHOLE);
          if (gap !== undefined) gaps.push([gap.from ?? 0, gap.to ?? Number.POSITIVE_INFINITY]);
          if (isTold) told.push(name);
          assert((progress.whole ?? -1) >= lastWhole, '(2) whole never falls');
          lastWhole = progress.whole ?? -1;
        };
        progress.reopen(false);
        let at = 0;
        for (const { after, missed, replay } of stops) {
          for (const end = Math.min(at + after, last); at < end; at++) take(all[at]!);
          const from = replay ? progress.replayFrom : undefined;
          progress.reopen(from !== undefined);
          const head = Math.min(at + missed, last);
          if (from !== undefined) for (const each of all.slice(0, head)) if (each.slot >= from) take(each);
          at = head;
        }
        for (; at < all.length; at++) take(all[at]!);
        assert.equal(new Set(told).size, told.length, `(3) twice: ${told}`);
        // What happened before the first message is not the subscription's concern.
        const first = all.findIndex(({ name }) => name === told[0]);
        for (const { slot, name } of first < 0 ? [] : all.slice(first)) {
          const covered = told.includes(name) || gaps.some(([from, to]) => slot >= from && slot <= to);
          assert(covered, `(1) ${name} of slot ${slot} is missing; told ${told}; gaps ${JSON.stringify(gaps)}`);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('replays from no lower than what it remembers', () => {
    const progress = new Progress({ rewindSlots: 64, rememberedMax: 10, fromSlot: undefined });
    progress.reopen(false);
    for (const { update } of chainOf(Array.from({ length: 20 }, () => ({ updates: 4, skipped: false })))) {
      progress.take(update, WHOLE);
      assert(progress.remembered <= 10);
    }
    assert.equal(progress.replayFrom, 28, 'two slots of five are remembered');
  });

  it('tells again neither what came once nor what came twice (3)', () => {
    const progress = new Progress({ rewindSlots: 64, rememberedMax: 1_000, fromSlot: undefined });
    const block = create(SubscribeUpdateSchema, { updateOneof: { case: 'block', value: { slot: 10n } } });
    const told = (): number => [block, account(10, 1), block].filter((each) => progress.take(each, WHOLE).told).length;
    progress.reopen(false);
    assert.equal(told(), 3, 'a block comes once for each filter that matches');
    for (let losses = 0; losses < 3; losses++) {
      progress.reopen(true);
      assert.equal(told(), 0);
    }
    assert.equal(told(), 3, 'and what comes beyond that is new');
  });
});

describe('what is remembered of updates', () => {
  it('tells apart what has one id by its mark, in any order, over any losses', () => {
    const memory = new ReplayMemory({ rewindSlots: 64, updatesMax: 10 });
    const [five, six, none] = [5, 6, 0].map((mark) => () => memory.note(1, 7, mark));
    assert.deepEqual([five!(), six!(), six!()], [false, false, false]);
    memory.reopen();
    assert.deepEqual([six!(), none!(), five!(), six!(), six!()], [true, false, true, true, false]);
    memory.reopen();
    assert.equal(memory.size, 5);
    assert.deepEqual([five!(), five!(), none!(), six!(), six!(), six!()], [true, false, true, true, true, true]);
    assert.equal(memory.note(2, 7, 5), false, 'of another slot it is another');
  });

  it('is bounded also where no slot is ever known to be whole', () => {
    const memory = new ReplayMemory({ rewindSlots: 64, updatesMax: 10 });
    for (let slot = 1; slot <= 100; slot++) {
      for (let id = 0; id < 4; id++) memory.note(slot, id);
      assert.ok(memory.size <= 10, `${memory.size} in slot ${slot}`);
      if (slot % 3 === 0) memory.reopen();
    }
  });
});
