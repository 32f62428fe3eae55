/** Limits on the silence of streams: told from the peer's, never from a slow reader. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StreamWatch } from '../../src/clients/grpc/watch.ts';
import { rawMethod } from '../../src/grpc.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, failure, head, says, trailers } from '../engine/grpc/a-peer.ts';
import { leavesNothing, until } from '../engine/setup.ts';

leavesNothing();

const method = rawMethod('/raw.Raw/Call');
const NOTHING = new Uint8Array(0);
const INF = Number.POSITIVE_INFINITY;

describe('the watch over a stream', () => {
  const aWatch = (firstMessageMs: number, silenceMs: number) => {
    const clock = new FakeClock();
    const stalled: string[] = [];
    const reader = { unread: 0 };
    const watch = new StreamWatch(
      { firstMessageMs, silenceMs },
      clock,
      () => reader.unread,
      ({ message }) => void stalled.push(message),
    );
    return { clock, stalled, reader, watch };
  };

  it('counts from the call to the first message, and from each to the next', () => {
    const { clock, stalled, watch } = aWatch(100, 50);
    clock.advance(99);
    watch.arrived();
    clock.advance(49);
    watch.arrived();
    clock.advance(49);
    assert.deepEqual(stalled, []);
    clock.advance(1);
    assert.deepEqual(stalled, ['no message came for 50 ms (limit silenceMs)']);
    assert.equal(clock.sleeping, 0);
  });

  it('lets a reader take its time: what lies there unread is no silence', () => {
    const { clock, stalled, watch, reader } = aWatch(INF, 50);
    clock.advance(1_000);
    watch.arrived();
    reader.unread = 3;
    clock.advance(500);
    reader.unread = 0;
    clock.advance(49);
    assert.deepEqual(stalled, []);
    clock.advance(51);
    assert.equal(stalled.length, 1);
  });

  it('hears first what arrived while the event loop of this process stood still', () => {
    const clock = new FakeClock();
    const stalled: string[] = [];
    /** At this instant both are due, the limit and a message that lies in the socket. */
    const arrivesAt = (ms: number) => clock.after(ms, () => clock.nextTurn(() => watch.arrived()));
    for (const ms of [100, 150]) arrivesAt(ms);
    const told = ({ message }: Error) => void stalled.push(message);
    const watch = new StreamWatch({ firstMessageMs: 100, silenceMs: 50 }, clock, () => 0, told);
    clock.advance(199);
    assert.deepEqual(stalled, []);
    clock.advance(1);
    assert.deepEqual(stalled, ['no message came for 50 ms (limit silenceMs)']);
    clock.advance(1_000);
    assert.deepEqual([stalled.length, clock.sleeping], [1, 0], 'told once, and no timer is left');
  });

  it('says nothing of a stream that ended in the turn in which it was due', () => {
    const { clock, stalled, watch } = aWatch(100, 50);
    clock.after(100, () => watch.stop());
    clock.advance(1_000);
    assert.deepEqual([stalled, clock.sleeping], [[], 0]);
  });

  it('leaves no timer when the stream is over, and sets none where there is no limit', () => {
    const { clock, watch } = aWatch(100, INF);
    watch.arrived();
    assert.equal(clock.sleeping, 0);
    const other = aWatch(100, 100);
    other.watch.stop();
    other.watch.stop();
    assert.equal(other.clock.sleeping, 0);
  });

  it('ends the stream at the peer, and what arrived before is read first', async (t) => {
    const { client, peer } = await aCall(
      t,
      { request: (line, { id }) => line.send(head(id), says(id, 'one'), says(id, 'two')) },
      { silenceMs: 40 },
    );
    const stream = client.serverStream(method, NOTHING);
    for (const expected of ['one', 'two']) assert.equal(Buffer.from((await stream.next()).value!).toString(), expected);
    const error = await failure(stream.next());
    assert.deepEqual(
      [error.status, error.limit, error.value, error.reach],
      ['UNAVAILABLE', 'silenceMs', 40, 'answered'],
    );
    await until(() => peer.line.asked[0]!.reset === 8, 'CANCEL');
  });

  it('has nothing to say of a stream that ended, nor of calls that get one message', async (t) => {
    const { client } = await aCall(
      t,
      { request: (line, { id }) => setTimeout(() => line.send(head(id), says(id, 'ok'), trailers(id)), 60) },
      { silenceMs: 20, firstMessageMs: 60_000 },
    );
    const stream = client.serverStream(method, NOTHING);
    assert.equal((await stream.next()).done, false);
    assert.equal((await stream.next()).done, true);
    assert.equal(Buffer.from((await client.unary(method, NOTHING)).message).toString(), 'ok');
    assert.throws(() => client.serverStream(method, NOTHING, { silenceMs: 0 }), /silenceMs is 0/);
  });
});
