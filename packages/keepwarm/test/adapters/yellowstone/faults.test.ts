/** What a subscription does about each trouble a server can make, and what it tells of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGrpcPool, GrpcError } from '../../../src/grpc.ts';
import { NetError } from '../../../src/index.ts';
import type { GeyserServer } from '../../../src/testing/geyser/index.ts';
import { createYellowstone, SlotStatus, type YellowstoneStream } from '../../../src/yellowstone.ts';
import { aGeyser, read, subscribed, type Told, until, upTo, writes } from './a-geyser.ts';

const gaps = (all: readonly Told[]) =>
  all.flatMap((told) => (told.kind === 'gap' ? [`${told.reason} ${told.from}-${told.to}`] : []));
const wrote = (version: number) => (told: Told) => writes([told])[0] === version;
const ACCOUNTS = { accounts: { a: {} } };
const TEN = { accountsPerSlot: 10, transactionsPerSlot: 0 };

/** The last write of slots that have ended. */
const lastWrite = (geyser: GeyserServer): number => Number(geyser.slot - 100n) * TEN.accountsPerSlot;

/**
 * The writes it tells, growing, once there is one: it is read all along, so that it comes back when it is lost, and
 * slots end until it has told of one: before that it cannot know what it missed.
 */
async function aReading(geyser: GeyserServer, stream: YellowstoneStream): Promise<readonly number[]> {
  const seen: number[] = [];
  void read(stream, (told) => seen.push(...writes([told])) < 0);
  while (seen.length === 0) {
    geyser.advance();
    await sleep(20);
  }
  return seen;
}

describe('a subscription', () => {
  it('is one from the moment it is made, and gives each update its slot and the names of its filters', async (t) => {
    const { geyser, yellowstone } = await aGeyser(t, TEN);
    const stream = yellowstone.subscribe({ accounts: { all: {}, one: { account: [geyser.accounts[0]!] } } });
    await subscribed(geyser, 1);
    geyser.advance();
    const all = await read(stream, wrote(10));
    assert.deepEqual(writes(all), upTo(1, 10));
    for (const told of all) {
      assert(told.kind === 'data' && told.height === 100 && !told.filled);
      assert(told.value.filters.includes('all') && !told.value.filters.includes('__keepwarm'));
    }
    assert.equal(stream.stats().state, 'open');
  });

  it('tells those who read at once one after the other, and the next of them at once', async (t) => {
    const { geyser, yellowstone } = await aGeyser(t, TEN);
    const stream = yellowstone.subscribe(ACCOUNTS);
    await subscribed(geyser, 1);
    const first = Array.from({ length: 4 }, () => stream.next());
    geyser.advance();
    const told = (await Promise.all(first)).map(({ value }) => value);
    for (let i = 0; i < 3; i++) told.push((await Promise.all([stream.next(), stream.next()]))[1]!.value);
    assert.deepEqual(writes(told), [1, 2, 3, 4, 6, 8, 10]);
  });

  it('changes its filters in place', async (t) => {
    const { geyser, yellowstone } = await aGeyser(t, TEN);
    const stream = yellowstone.subscribe(ACCOUNTS);
    await subscribed(geyser, 1);
    await stream.update({ slots: { s: { filterByCommitment: true } } });
    await subscribed(geyser, 2);
    geyser.advance();
    const [told] = await read(stream, () => true);
    assert(told?.kind === 'data' && told.value.updateOneof.case === 'slot');
    assert.equal(told.value.updateOneof.value.status, SlotStatus.SLOT_PROCESSED);
    const { subscriptions, connections } = geyser.stats();
    assert.deepEqual([subscriptions.total, connections.accepted], [1, 1]);
  });

  it('ends when its loop is left, when it is closed, and with ABORTED when its signal fires', async (t) => {
    const { geyser, yellowstone } = await aGeyser(t, TEN);
    const caller = new AbortController();
    const stream = yellowstone.subscribe(ACCOUNTS, { signal: caller.signal });
    const reading = stream.next();
    caller.abort(new Error('gone'));
    await assert.rejects(reading, (error) => error instanceof NetError && error.code === 'ABORTED');
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
    const other = yellowstone.subscribe(ACCOUNTS);
    other.close();
    other.close();
    assert.deepEqual(await other.next(), { done: true, value: undefined });
    await until(() => geyser.stats().subscriptions.open === 0);
    assert.equal(yellowstone.stats().subscriptions.length, 0);
    assert.throws(() => yellowstone.subscribe({ ping: { id: 1 } }), /INVALID|ping/);
  });

  it('pings, and says how long it took', async (t) => {
    const { geyser, yellowstone } = await aGeyser(t, TEN);
    const stream = yellowstone.subscribe(ACCOUNTS);
    const reading = stream.next();
    assert((await stream.ping()) >= 0);
    assert.deepEqual(geyser.stats().writes, { filters: 1, replays: 0, pings: 1 });
    stream.close();
    await reading;
  });

  it('is read at the pace of its reader', async (t) => {
    const { geyser, yellowstone } = await aGeyser(t, { ...TEN, accountBytes: 10_000, accountsPerSlot: 1_000 });
    const stream = yellowstone.subscribe(ACCOUNTS);
    await subscribed(geyser, 1);
    geyser.advance(2);
    await until(() => geyser.stats().updatesSent > 0);
    assert(geyser.stats().updatesWaiting > 0, 'the rest waits at the server');
    assert.deepEqual(writes(await read(stream, wrote(2_000))), upTo(1, 2_000));
  });
});

describe('a subscription that meets trouble', () => {
  it('says which slots the peer left out', async (t) => {
    const { geyser, yellowstone } = await aGeyser(t, TEN);
    const stream = yellowstone.subscribe(ACCOUNTS);
    await subscribed(geyser, 1);
    geyser.advance();
    geyser.skip();
    geyser.advance();
    geyser.lose(3);
    geyser.advance();
    const all = await read(stream, ({ kind }) => kind === 'gap');
    assert.deepEqual(gaps(all), ['skipped 103-105'], 'a slot that nobody filled is no gap');
  });

  it('says what a replay does not have any more, and goes on with what it has', async (t) => {
    const { geyser, yellowstone } = await aGeyser(t, TEN);
    const stream = yellowstone.subscribe(ACCOUNTS);
    await subscribed(geyser, 1);
    geyser.advance();
    await read(stream, wrote(10));
    geyser.reset();
    geyser.advance(4);
    geyser.forget(103n);
    const all = await read(stream, wrote(50));
    assert.deepEqual(gaps(all), ['lost 101-102']);
    assert.deepEqual(writes(all), upTo(31, 50));
    assert(all.every((told) => told.kind === 'gap' || told.filled));
  });

  it('says that something is missing where the server has no replay', async (t) => {
    const { geyser, yellowstone } = await aGeyser(t, { ...TEN, replaySlots: 0 });
    const stream = yellowstone.subscribe(ACCOUNTS);
    await subscribed(geyser, 1);
    geyser.advance();
    await read(stream, wrote(10));
    const reading = read(stream, wrote(30));
    geyser.reset();
    await subscribed(geyser, 3);
    geyser.advance(2);
    const all = await reading;
    assert.deepEqual(gaps(all), ['lost 101-101']);
    assert.deepEqual(writes(all), upTo(11, 30));
  });

  it('asks for a replay of what its caller wants, and says when that is too old', async (t) => {
    const { geyser, yellowstone } = await aGeyser(t, TEN);
    geyser.advance(5);
    const stream = yellowstone.subscribe({ ...ACCOUNTS, fromSlot: 102n });
    assert.deepEqual(writes(await read(stream, wrote(50))), upTo(21, 50));
    geyser.forget(104n);
    const late = yellowstone.subscribe({ ...ACCOUNTS, fromSlot: 101n });
    const all = await read(late, wrote(50));
    assert.deepEqual([gaps(all), writes(all)], [['lost 101-103'], upTo(41, 50)]);
  });

  it('gives up silence and a missing first message, and goes on', async (t) => {
    const { geyser, yellowstone } = await aGeyser(t, TEN, { silenceMs: 100, firstMessageMs: 100 });
    const stream = yellowstone.subscribe(ACCOUNTS);
    const seen = await aReading(geyser, stream);
    geyser.silence();
    await subscribed(geyser, geyser.stats().writes.filters + 2);
    geyser.silence(false);
    geyser.advance();
    await until(() => seen.at(-1) === lastWrite(geyser));
    assert.deepEqual(seen, upTo(seen[0]!, lastWrite(geyser)), 'none is missing, and none is told twice');
    stream.close();
  });

  it('outlives GOAWAY, refused connections and RESOURCE_EXHAUSTED', async (t) => {
    const { geyser, yellowstone } = await aGeyser(t, TEN);
    const stream = yellowstone.subscribe(ACCOUNTS);
    await subscribed(geyser, 1);
    geyser.goaway();
    geyser.advance();
    assert.deepEqual(writes(await read(stream, wrote(10))), upTo(1, 10), 'a graceful end cuts nothing');
    geyser.refuse(2);
    geyser.exhaust(2);
    geyser.reset();
    const reading = read(stream, wrote(20));
    await until(() => geyser.stats().subscriptions.refused === 2);
    await subscribed(geyser, 2);
    geyser.advance();
    assert.deepEqual(writes(await reading), upTo(11, 20));
  });

  it('gets through a black hole, and past a server that lets only one stream run on each connection', async (t) => {
    const { geyser, yellowstone } = await aGeyser(t, TEN, { firstMessageMs: 150, connect: { connectMs: 100 } });
    const stream = yellowstone.subscribe(ACCOUNTS);
    const seen = await aReading(geyser, stream);
    const { accepted } = geyser.stats().connections;
    geyser.blackHole();
    geyser.reset();
    await until(() => geyser.stats().connections.accepted >= accepted + 2);
    geyser.blackHole(false);
    geyser.streamsMax(1);
    await until(() => geyser.stats().subscriptions.open === 1);
    geyser.advance();
    await until(() => seen.at(-1) === lastWrite(geyser));
    const other = yellowstone.subscribe(ACCOUNTS);
    const seenByOther = await aReading(geyser, other);
    await until(() => [seen, seenByOther].every((each) => each.at(-1) === lastWrite(geyser)));
    for (const each of [seen, seenByOther]) assert.deepEqual(each, upTo(each[0]!, lastWrite(geyser)));
    for (const each of [stream, other]) each.close();
  });

  it('throws what the same request would meet again', async (t) => {
    const { yellowstone } = await aGeyser(t, { token: 'secret' });
    const stream = yellowstone.subscribe(ACCOUNTS);
    await assert.rejects(stream.next(), (error) => error instanceof GrpcError && error.status === 'UNAUTHENTICATED');
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
    const known = await aGeyser(t, { token: 'secret' }, { token: 'secret' });
    const wrong = known.yellowstone.subscribe({ accounts: { a: { account: ['no address'] } } });
    await assert.rejects(wrong.next(), /INVALID_ARGUMENT/);
  });
});

describe('a client over connections of others', () => {
  it('rides on the lease of a pool, with others beside it, and leaves closing to whoever made it', async (t) => {
    const { geyser } = await aGeyser(t, TEN);
    const pool = createGrpcPool({ target: geyser.target, connectionRate: { assumed: 'empty' } });
    t.after(() => pool.close());
    const lease = await pool.lease('monitor');
    const leased = createYellowstone({ client: lease.client, backoffMs: 5 });
    const stream = leased.subscribe(ACCOUNTS);
    const other = leased.subscribe({ slots: { s: { filterByCommitment: true } } });
    await subscribed(geyser, 2);
    geyser.advance();
    assert.deepEqual(writes(await read(stream, wrote(10))), upTo(1, 10));
    assert.equal((await read(other, () => true)).length, 1);
    assert.equal(geyser.stats().connections.open, 1);
    await leased.close();
    await until(() => geyser.stats().subscriptions.open === 0);
    assert.equal(await createYellowstone({ client: lease.client }).getSlot(), 100n, 'the lease is still good');
    assert.throws(() => createYellowstone({ client: lease.client, token: 'x' } as never), /token of createYellowstone/);
  });
});

describe('calls that get one message', () => {
  it('are typed', async (t) => {
    const { geyser, yellowstone } = await aGeyser(t, TEN);
    geyser.advance(3);
    assert.equal(await yellowstone.getSlot(), 102n);
    assert.equal(await yellowstone.getSlot({ commitment: 1 }), 100n);
    assert.equal(await yellowstone.getBlockHeight(), 4n);
    const { blockhash, slot } = await yellowstone.getLatestBlockhash();
    assert.equal(slot, 102n);
    assert.equal((await yellowstone.isBlockhashValid(blockhash)).valid, true);
    assert.equal((await yellowstone.isBlockhashValid('other')).valid, false);
    assert.equal(await yellowstone.ping(1), 2);
    assert.match(await yellowstone.getVersion(), /keepwarm/);
    assert.equal(await yellowstone.firstReplaySlot(), 100n);
  });
});
