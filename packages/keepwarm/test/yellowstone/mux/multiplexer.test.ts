import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { openWith } from '../../../src/adapters/yellowstone/mux/link.ts';
import { updatesOf } from '../../../src/adapters/yellowstone/mux/reading.ts';
import { createGrpcClient } from '../../../src/grpc.ts';
import type { GeyserServer } from '../../../src/testing/geyser/index.ts';
import { SubscribeUpdateSchema } from '../../../src/wire/geyser/generated/geyser_pb.js';
import { aBench, closing } from './a-bench.ts';
import { type Asked, alone, requestOf, through, until } from './subscribers.ts';

/** Seven different interests, some of them the same by other names. */
function interests({ owners: [first, second], accounts: [account] }: GeyserServer): Asked[] {
  return [
    { slots: { s: { filterByCommitment: true } } },
    { accounts: { mine: { owner: [first!] } } },
    { accounts: { other: { owner: [first!] }, one: { account: [account!] } } },
    { transactions: { t: { vote: false, failed: false } } },
    { transactions: { all: {} }, slots: { s: {} } },
    { blocksMeta: { m: {} } },
    { accounts: { a: { owner: [first!, second!] }, b: {} }, transactions: { votes: { vote: true } } },
  ];
}

it('seven monitors share one stream, and each gets what it would get alone, over twenty losses', async () => {
  const { geyser, mux, links, open, settle } = await aBench();
  const asked = interests(geyser);
  const without = asked.map((each) => alone(open, each));
  const monitors = asked.map((each) => through(mux.monitor(), each));
  await until('all have been taken', () => geyser.stats().subscriptions.open === asked.length + 1);
  await until('the merged request is upstream', () => {
    const [stream] = mux.stats().streams;
    return stream!.filters === 10 && !stream!.pending;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  for (let i = 0; i < 100; i++) {
    geyser.advance();
    if (i % 5 === 3) {
      await until('it is back', () => mux.stats().streams[0]!.state === 'live');
      links.at(-1)!.lose();
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await settle();
  const { streams, drops, gaps, replayed } = mux.stats();
  assert.equal(streams.length, 1);
  assert.deepEqual([drops, gaps], [20, 0]);
  // The first reaches back further than the server does, and is asked again.
  assert.equal(geyser.stats().writes.replays, 21, 'one for each loss, and none for a change of filters');
  assert.ok(replayed > 0);
  for (const [i, monitor] of monitors.entries()) {
    assert.ok(monitor.got.length > 50);
    // Statuses of slots come out of order from a replay, as they do without the multiplexer; all else in order.
    if (i === 4) assert.deepEqual(monitor.set, without[i]!.set);
    else assert.deepEqual(monitor.got, without[i]!.got, `monitor ${i}`);
  }
});

it('filters that say the same are one filter upstream, and each monitor gets its own name for it', async () => {
  const { geyser, mux, settle } = await aBench();
  const owner = [geyser.owners[0]!];
  const monitors = ['a', 'b', 'c'].map((name) => through(mux.monitor(), { accounts: { [name]: { owner } } }));
  await settle();
  await settle();
  assert.equal(mux.stats().streams[0]!.filters, 2, 'this and that of the probe, which says what the own one says');
  assert.ok(monitors.every(({ got }) => got.length > 0));
  assert.equal(monitors[0]!.got.at(-1)!.replace('a', 'b'), monitors[1]!.got.at(-1));
});

it('a later request replaces the filters of its monitor alone, without a gap in what stays', async () => {
  const { geyser, mux, settle } = await aBench();
  const owner = [geyser.owners[0]!];
  const changing = mux.monitor();
  const all = through(mux.monitor(), { accounts: { all: { owner } } });
  const got = through(changing, { accounts: { all: { owner } } });
  await settle();
  for (let i = 0; i < 10; i++) {
    const more = i % 2 === 0 ? { transactions: { t: { vote: false } } } : {};
    changing.write(
      requestOf({ accounts: { all: { owner: i % 3 === 0 ? [...owner, geyser.accounts[0]!] : owner } }, ...more }),
    );
    geyser.advance(3);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  await settle();
  const accounts = new Set(got.got);
  for (const each of all.got.slice(0)) assert.ok(accounts.has(each), 'nothing of what it always wanted is missing');
  assert.equal(accounts.size, got.got.length, 'and nothing came twice');
  assert.equal(geyser.stats().writes.replays, 0);
});

it('a monitor that asks for the past is alone until it has caught up, then shares: no gap, no double', async () => {
  const { geyser, mux, settle } = await aBench();
  const owner = [geyser.owners[0]!];
  geyser.advance(40);
  const late = through(mux.monitor({ name: 'late' }), { accounts: { all: { owner } }, fromSlot: 110n });
  const reference = through(mux.monitor({ name: 'another' }), { accounts: { all: { owner } }, fromSlot: 110n });
  for (let i = 0; i < 60; i++) {
    geyser.advance();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await until('both share the one stream', () => mux.stats().streams.length === 1);
  for (let i = 0; i < 10; i++) await settle();
  assert.ok(mux.stats().monitors.every((each) => !each.alone));
  assert.deepEqual(late.got, reference.got);
  assert.equal(new Set(late.got).size, late.got.length);
  const expected = await replayOf(geyser, owner);
  assert.deepEqual(late.got, expected.slice(-late.got.length));
  assert.ok(late.got.length >= expected.length - 1);
});

/** Everything since slot 110, from the server itself. */
async function replayOf(geyser: GeyserServer, owner: string[]): Promise<string[]> {
  const client = createGrpcClient({ target: geyser.target });
  closing.push(() => client.destroy());
  const got = alone(openWith(client, 64e6), { accounts: { all: { owner } }, fromSlot: 110n });
  await until('the replay came', () => got.got.length > 0);
  for (let before = 0; before < got.got.length; ) {
    before = got.got.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    await new Promise((resolve) => setImmediate(resolve)); // a machine that stood still reads first
  }
  return got.got;
}

it('a request that upstream refuses ends its own monitor, and nobody else', async () => {
  const { geyser, mux, settle } = await aBench();
  const others = interests(geyser).map((each) => through(mux.monitor(), each));
  await settle();
  const culprit = through(mux.monitor(), { accounts: { bad: { account: ['not a base58 address'] } } });
  const meanwhile = through(mux.monitor(), { blocksMeta: { m: {} } });
  await until('the culprit is told', () => culprit.error !== undefined);
  assert.match(String(culprit.error), /INVALID_ARGUMENT/);
  await settle();
  await settle();
  for (const other of [...others, meanwhile]) {
    assert.equal(other.error, undefined);
    assert.equal(new Set(other.got).size, other.got.length);
    assert.ok(other.got.length > 0);
  }
  await until('all are together again', () => {
    geyser.advance();
    return mux.stats().streams.length === 1;
  });
});

it('a monitor that reads nothing loses its own updates only, and is told', async () => {
  const { geyser, mux, settle } = await aBench({}, { queueUpdatesMax: 50 });
  const slow = mux.monitor({ name: 'slow' });
  const patient = mux.monitor({ name: 'patient', queue: { queuePolicy: 'dropOldest' } });
  for (const each of [slow, patient]) each.write(requestOf({ accounts: { all: {} } }));
  const quick = through(mux.monitor({ name: 'quick' }), { accounts: { all: {} } });
  await settle();
  geyser.advance(10);
  await settle();
  assert.ok(quick.got.length >= 200);
  let read = 0;
  while (slow.read() !== undefined) read++;
  assert.equal(read, 50);
  assert.match(String(slow.error), /INTERNAL.*lagged/);
  const told = mux.stats().monitors.find(({ name }) => name === 'patient')!;
  assert.equal(told.waiting, 50);
  assert.equal(told.dropped + told.waiting, told.updates);
});

it('more filters of a kind than upstream takes in one stream open another', async () => {
  const { geyser, mux, settle } = await aBench({ filtersMax: 2 }, { filtersMax: { accounts: 2, slots: 2 } });
  const monitors = geyser.accounts
    .slice(0, 5)
    .map((account) => through(mux.monitor(), { accounts: { a: { account: [account] } } }));
  for (let i = 0; i < 40; i++) await settle();
  assert.equal(mux.stats().streams.length, 3);
  assert.ok(monitors.every(({ got, error }) => got.length > 0 && error === undefined));
});

it('pings are answered with what they carry, change nothing, and come by themselves every ten seconds', async () => {
  const { mux, settle } = await aBench();
  const monitor = mux.monitor();
  const subscriber = through(monitor, { slots: { s: {} } });
  monitor.write(requestOf({ ping: { id: -7 } }));
  await until('a pong came', () => subscriber.pings === 1);
  await settle();
  assert.ok(subscriber.got.length > 0);
  assert.equal(mux.stats().monitors.at(-1)!.filters, 1);
});

it('who comes in the middle of a slot gets what came after, also when that slot is replayed', async () => {
  const { geyser, mux, links, open, settle } = await aBench({ accountsPerSlot: 0, transactionsPerSlot: 0 });
  const reference = alone(open, { accounts: { all: {} } });
  await settle();
  const write = async (count: number, received: () => number): Promise<void> => {
    const before = received();
    for (let i = 0; i < count; i++) geyser.account();
    await until('it came', () => received() === before + count);
  };
  await write(3, () => reference.got.length);
  const late = through(mux.monitor(), { accounts: { all: {} } });
  await until('upstream has its filter', () => mux.stats().streams.every(({ pending }) => !pending));
  await write(2, () => late.got.length);
  links.at(-1)!.lose();
  for (let i = 0; i < 2; i++) geyser.account();
  await until('what was lost came', () => late.got.length >= 4);
  await write(1, () => late.got.length);
  await until('all came', () => reference.got.length === 8);
  assert.deepEqual(late.got, reference.got.slice(3));
});

it('when a replay is not to be had, monitors are told that something is missing', async () => {
  const { geyser, mux, links, settle } = await aBench({ replaySlots: 0 });
  const monitor = through(mux.monitor(), { accounts: { all: {} } });
  await settle();
  links.at(-1)!.lose();
  await until('it is told', () => monitor.error !== undefined);
  assert.match(String(monitor.error), /DATA_LOSS/);
  assert.equal(mux.stats().gaps, 1);
  assert.equal(geyser.stats().writes.replays, 1);
});

it('a stream upstream ends with its last monitor, and begins with the next', async () => {
  const { geyser, mux } = await aBench();
  const monitor = mux.monitor();
  through(monitor, { slots: { s: {} }, commitment: 1 });
  await until('there are two streams', () => geyser.stats().subscriptions.open === 2);
  monitor.close();
  monitor.close();
  await until('there is one', () => geyser.stats().subscriptions.open === 1);
  assert.equal(mux.stats().streamsOpened, 2);
});

it('in one process, an update is decoded once for all monitors that get it', async () => {
  const { geyser, mux, settle } = await aBench();
  let decoded = 0;
  const decode = (body: Uint8Array) => {
    decoded++;
    return fromBinary(SubscribeUpdateSchema, body);
  };
  const readers = ['one', 'two', 'three'].map(async (name) => {
    const monitor = mux.monitor({ name });
    monitor.write(requestOf({ accounts: { [name]: {} } }));
    const got = [];
    for await (const message of updatesOf(monitor, decode)) {
      got.push(message);
      if (got.length === 20) break;
    }
    return got;
  });
  await settle();
  geyser.advance(2);
  const [one, two, three] = await Promise.all(readers);
  for (const [i, { filters, update }] of one!.entries()) {
    assert.deepEqual([filters, two![i]!.filters, three![i]!.filters], [['one'], ['two'], ['three']]);
    assert.ok(update === two![i]!.update && update === three![i]!.update);
    assert.equal(update.filters.length, 0);
  }
  assert.ok(decoded < 60, `${decoded} for 60 that were read`);
  assert.equal(mux.stats().monitors.length, 1, 'those that left are gone');
});

it('a reader that is told to leave, or whose monitor is closed, leaves at once', async () => {
  const { mux } = await aBench();
  const ending = new AbortController();
  const [told, closed] = [mux.monitor(), mux.monitor()];
  const reading = updatesOf(told, (body) => body, { signal: ending.signal }).next();
  const another = updatesOf(closed, (body) => body).next();
  ending.abort();
  closed.close();
  await assert.rejects(reading, /CANCELLED/);
  assert.deepEqual(await another, { done: true, value: undefined });
});
