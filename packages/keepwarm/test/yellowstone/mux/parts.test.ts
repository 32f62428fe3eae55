/** The multiplexer's parts by themselves: walks that look at the numbered invariants after every step. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { FilterBook, shortened } from '../../../src/adapters/yellowstone/mux/filters.ts';
import { Handover } from '../../../src/adapters/yellowstone/mux/handover.ts';
import { Pace } from '../../../src/adapters/yellowstone/mux/pace.ts';
import { MonitorQueue } from '../../../src/adapters/yellowstone/mux/queue.ts';
import { type Filter, RequestFault, readRequest, writeRequest } from '../../../src/adapters/yellowstone/mux/request.ts';
import { namesIn, namesPart, readUpdate, type Update } from '../../../src/adapters/yellowstone/mux/update.ts';
import { WireFault } from '../../../src/adapters/yellowstone/mux/wire.ts';
import { ReplayMemory } from '../../../src/adapters/yellowstone/replay-memory.ts';
import { FakeClock } from '../../../src/testing/index.ts';
import { SubscribeUpdateSchema } from '../../../src/wire/geyser/generated/geyser_pb.js';
import { requestOf } from './subscribers.ts';

const filterOf = (name: string, definition: number): Filter => ({
  kind: 'accounts',
  name,
  definition: Buffer.from([0x08, definition]),
});

describe('filters of a shared stream', () => {
  const asking = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 3 })), { maxLength: 4 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant('put' as const), branch: fc.integer({ min: 1, max: 4 }), asking }),
    fc.record({ kind: fc.constant('remove' as const), branch: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ kind: fc.constant('settle' as const) }),
  );

  it('are those that somebody wants, each once, and each update leads to all who want it by their names (walk)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        const book = new FilterBook<{ readonly id: number }>();
        const branches = [1, 2, 3, 4].map((id) => ({ id }));
        const wanted = new Map<number, Filter[]>();
        const given = new Map<string, string>(); // names ever told upstream since the last settling, by definition
        for (const each of steps) {
          if (each.kind === 'settle') {
            book.settle();
            given.clear();
          } else if (each.kind === 'remove') {
            book.remove(branches[each.branch - 1]!);
            wanted.delete(each.branch);
          } else {
            const filters = [...new Map(each.asking.map(([name, of]) => [name, filterOf(name, of)])).values()];
            book.put(branches[each.branch - 1]!, filters, 0);
            wanted.set(each.branch, filters);
          }
          const definitions = new Set([...wanted.values()].flat().map(({ definition }) => definition.toString('hex')));
          assert.deepEqual(
            new Set(book.filters.map(({ definition }) => definition.toString('hex'))),
            definitions,
            '(1)',
          );
          assert.equal(book.filters.length, definitions.size, '(1) once each');
          for (const { name, definition } of book.filters) {
            const before = given.get(name) ?? definition.toString('hex');
            assert.equal(before, definition.toString('hex'), '(2) a name stands for one filter');
            given.set(name, before);
            const active = book.wantsOf([name]).filter(({ retiring }) => !retiring);
            const expected = [...wanted].flatMap(([branch, filters]) =>
              filters
                .filter((filter) => filter.definition.equals(definition))
                .map((filter) => `${branch}/${filter.name}`),
            );
            assert.deepEqual(new Set(active.map(({ branch, name: own }) => `${branch.id}/${own}`)), new Set(expected));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('have names that fit, the same at every start, different for different ones', () => {
    const long = 'x'.repeat(200);
    assert.equal(shortened('m1/short'), 'm1/short');
    assert.equal(Buffer.byteLength(shortened(`m1/${long}`)), 128);
    assert.equal(shortened(`m1/${long}`), shortened(`m1/${long}`));
    assert.notEqual(shortened(`m1/${long}a`), shortened(`m1/${long}b`));
    assert.ok(Buffer.byteLength(shortened(`m1/${'☺'.repeat(60)}`)) <= 128);
  });

  it('of a kind are within the limit of upstream, those that are about to go aside', () => {
    const book = new FilterBook<{ readonly id: number }>({ accounts: 2 });
    const [one, two] = [{ id: 1 }, { id: 2 }];
    book.put(one, [filterOf('a', 1), filterOf('b', 2)], 0);
    assert.ok(book.fits(two, [filterOf('c', 1)]), 'what is there already');
    assert.ok(!book.fits(two, [filterOf('c', 3)]));
    assert.ok(book.fits(one, [filterOf('c', 3), filterOf('d', 4)]), 'in the place of its own');
  });
});

describe('what a stream has told', () => {
  /** A chain of slots with some updates each, told in order; lost after some of them, replayed by slots. */
  it('is told once, whatever is lost and replayed, also within a replay (walk)', () => {
    const slots = fc.array(fc.array(fc.constantFrom('a', 'b', 'c', 'a'), { maxLength: 5 }), {
      minLength: 5,
      maxLength: 30,
    });
    const losses = fc.array(fc.tuple(fc.nat(200), fc.nat(5)), { maxLength: 6 });
    fc.assert(
      fc.property(slots, losses, (chain, lost) => {
        const told: string[] = [];
        let memory = new ReplayMemory({ rewindSlots: 4, updatesMax: 1_000 });
        const stream = chain.flatMap((keys, slot) => [...keys, 'end'].map((key) => ({ slot, key })));
        const say = ({ slot, key }: { slot: number; key: string }): void => {
          if (!memory.note(slot, key)) told.push(`${slot}/${key}`);
          if (key === 'end') memory.reach(slot);
        };
        let at = 0; // what the server has said
        for (const [after, missed] of lost) {
          for (const end = Math.min(at + after, stream.length); at < end; ) say(stream[at++]!);
          if (memory.floor < 0) continue;
          at = Math.min(at + missed, stream.length);
          memory.reopen();
          if (after % 7 === 0) memory = memory.copy();
          for (const each of stream.slice(0, at)) if (each.slot >= memory.floor) say(each);
        }
        while (at < stream.length) say(stream[at++]!);
        assert.deepEqual(told.toSorted(), stream.map(({ slot, key }) => `${slot}/${key}`).toSorted());
      }),
      { numRuns: 500 },
    );
  });

  it('is bounded: the oldest slots are forgotten, and a replay begins later', () => {
    const memory = new ReplayMemory({ rewindSlots: 1_000, updatesMax: 100 });
    for (let slot = 1; slot <= 50; slot++) {
      for (let i = 0; i < 10; i++) memory.note(slot, `k${i}`);
      memory.reach(slot);
      assert.ok(memory.size <= 110);
    }
    assert.ok(memory.floor >= 39 && memory.floor <= 50, `${memory.floor}`);
  });
});

it('a handover tells everything once and in order, whichever stream is ahead at whatever moment (walk)', () => {
  const steps = fc.array(fc.boolean(), { minLength: 100, maxLength: 400 });
  let [finished, ahead, behind] = [0, 0, 0];
  fc.assert(
    fc.property(steps, fc.nat(20), fc.nat(20), (isOld, joined, certain) => {
      const stream = Array.from({ length: 60 }, (_, i) => ({ slot: i >> 2, key: `k${i % 4}` }) as Update);
      const memory = new ReplayMemory({ rewindSlots: 64, updatesMax: 1_000 });
      const handover = new Handover(memory);
      const told: Update[] = [];
      let [old, next, over] = [0, joined, false];
      for (const each of isOld) {
        if (!over && each && old < stream.length) {
          const update = stream[old++]!;
          memory.note(update.slot, update.key);
          told.push(update);
          if (old > joined) handover.fromOld(update);
        } else if (next < stream.length && (!each || over)) {
          const update = stream[next++]!;
          if (handover.fromNew(update)) told.push(update);
        }
        if (over || handover.owes || next < joined + certain || old < joined + certain) continue;
        handover.finish();
        over = true;
        finished++;
        if (old > next) ahead++;
        if (old < next) behind++;
      }
      if (over) while (next < stream.length) if (handover.fromNew(stream[next++]!)) told.push(stream[next - 1]!);
      assert.deepEqual(told, stream.slice(0, over ? stream.length : old));
    }),
    { numRuns: 500 },
  );
  assert.ok(finished > 100 && ahead > 20, `${finished} went over, of ${ahead} the old stream was ahead`);
  assert.equal(behind, 0, 'none went over while the new stream had told what the old one had not');
});

it('a queue keeps to its limits by its policy, in order, and counts what it drops (walk)', () => {
  const steps = fc.array(fc.oneof(fc.nat(20), fc.constant('shift' as const)), { maxLength: 200, size: 'max' });
  const policies = fc.constantFrom('disconnect' as const, 'dropOldest' as const, 'dropNewest' as const);
  fc.assert(
    fc.property(steps, policies, (each, policy) => {
      const queue = new MonitorQueue<{ id: number; weight: number }>(
        { updatesMax: 8, bytesMax: 60, policy },
        (item) => item.weight,
      );
      let model: { id: number; weight: number }[] = [];
      let [id, refused, dropped] = [0, 0, 0];
      for (const weight of each) {
        if (weight === 'shift') {
          assert.deepEqual(queue.shift(), model.shift());
          continue;
        }
        const item = { id: id++, weight };
        const full = (): boolean =>
          model.length > 0 && (model.length >= 8 || model.reduce((sum, one) => sum + one.weight, weight) > 60);
        const was = full();
        if (was && policy === 'dropOldest') for (; full(); dropped++) model = model.slice(1);
        if (was && policy === 'dropNewest') dropped++;
        if (was && policy === 'disconnect') refused++;
        assert.equal(queue.push(item), !(was && policy === 'disconnect'));
        if (!was || policy === 'dropOldest') model.push(item);
        assert.deepEqual([queue.size, queue.dropped], [model.length, dropped], '(2) (3)');
      }
      assert.ok(refused >= 0);
      assert.deepEqual(
        queue.bytes,
        model.reduce((sum, one) => sum + one.weight, 0),
      );
    }),
  );
});

it('changes that come together go together, and no second has more than it may', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 100, size: 'max' }), (waits) => {
      const clock = new FakeClock();
      const ran: number[] = [];
      const pace = new Pace(clock, { delayMs: 5, perSecondMax: 10 }, () => ran.push(clock.now()));
      for (const wait of waits) {
        pace.ask();
        clock.advance(wait);
      }
      clock.advance(200);
      assert.equal(pace.waiting, false);
      for (const from of ran) assert.ok(ran.filter((at) => at >= from && at < from + 1_000).length <= 10);
      assert.ok(waits.length === 0 || ran.length > 0);
    }),
  );
});

describe('bytes', () => {
  it('requests are put together as they were taken apart', () => {
    const given = requestOf({
      accounts: { a: { owner: ['x'] }, b: {} },
      slots: { s: { filterByCommitment: true } },
      commitment: 1,
      accountsDataSlice: [{ offset: 1n, length: 2n }],
      fromSlot: 300n,
    });
    const asked = readRequest(given);
    assert.equal(asked.fromSlot, 300);
    assert.equal(asked.commitment, 1);
    const again = readRequest(writeRequest(asked.filters, asked.shared, asked.fromSlot));
    assert.deepEqual(again, asked);
  });

  it('whatever they are, they are read or refused by name, and never anything else', () => {
    const some = Buffer.from(requestOf({ accounts: { a: { owner: ['abc'] } }, ping: undefined, fromSlot: 7n }));
    const mutated = fc.tuple(fc.nat(some.length - 1), fc.nat(255)).map(([at, byte]) => {
      const copy = Buffer.from(some);
      copy[at] = byte;
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), mutated), (bytes) => {
        try {
          readRequest(bytes);
        } catch (error) {
          assert.ok(error instanceof RequestFault);
        }
        try {
          readUpdate(Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof WireFault);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('names are found wherever they stand in an update, and everything else is passed on', () => {
    const account = { slot: 9n, account: { pubkey: Uint8Array.of(1), writeVersion: 2n } };
    const named = { filters: ['m1/a', 'm2/b'], updateOneof: { case: 'account' as const, value: account } };
    const usual = readUpdate(Buffer.from(toBinary(SubscribeUpdateSchema, create(SubscribeUpdateSchema, named))));
    assert.deepEqual(namesIn(usual.route), named.filters);
    assert.equal(usual.slot, 9);
    const [first, second] = [namesPart(['m1/a']), namesPart(['m2/b'])];
    const scattered = readUpdate(Buffer.concat([first, usual.body, second]));
    assert.deepEqual(namesIn(scattered.route), named.filters);
    assert.deepEqual(scattered.body, usual.body);
    assert.equal(scattered.key, usual.key);
  });
});
