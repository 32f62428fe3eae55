/** Deadlines, cancellation at each stage, and backpressure both ways. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { NetError, Outbox, rawMethod } from '../../../src/grpc.ts';
import { ERROR, SETTING } from '../../../src/wire/h2/codes.ts';
import { settings } from '../../wire/h2/raw.ts';
import { type Asked, aPeer, type Line, wide } from '../h2/a-peer.ts';
import { leavesNothing, until } from '../setup.ts';
import { aCall, aClient, all, answer, failure, head, says, trailers } from './a-peer.ts';

leavesNothing();

const method = rawMethod('/raw.Raw/Call');
const NOTHING = new Uint8Array(0);

describe('a deadline', () => {
  it('is said to the peer and kept by us, for one message and for streams', async (t) => {
    const { peer, client } = await aCall(t, {});
    const unary = failure(client.unary(method, NOTHING, { deadlineMs: 300 }));
    const stream = failure(client.serverStream(method, NOTHING, { deadlineMs: 300 }).next());
    for (const error of [await unary, await stream]) {
      assert.deepEqual([error.status, error.reach], ['DEADLINE_EXCEEDED', 'unknown']);
    }
    await until(() => peer.asked.every((asked) => asked.reset === ERROR.CANCEL), 'both ended at the peer');
    for (const { fields } of peer.asked) assert.equal(fields.get('grpc-timeout'), '300m');
  });

  it('is 30 s for one message, and none for a stream', async (t) => {
    const { peer, client } = await aCall(t, { request: (line, { id }) => answer(line, id) });
    await client.unary(method, NOTHING);
    await client.clientStream(method, []);
    await all(client.serverStream(method, NOTHING));
    await client.unary(method, NOTHING, { deadlineMs: Number.POSITIVE_INFINITY });
    assert.deepEqual(
      peer.asked.map(({ fields }) => fields.get('grpc-timeout')),
      ['30000m', '30000m', undefined, undefined],
    );
  });

  it('that passes within a stream ends it after what had come', async (t) => {
    const { client } = await aCall(t, { request: (line, { id }) => line.send(head(id), says(id, 'one')) });
    const stream = client.serverStream(method, NOTHING, { deadlineMs: 300 });
    assert.equal(Buffer.from((await stream.next()).value).toString(), 'one');
    const error = await failure(stream.next());
    assert.deepEqual([error.status, error.reach], ['DEADLINE_EXCEEDED', 'answered']);
    assert.equal((await stream.next()).done, true, 'it is thrown once');
  });

  it('that makes no sense is refused before anything is sent', async (t) => {
    const { peer, client } = await aCall(t, {});
    for (const deadlineMs of [0, -1, Number.NaN, '5' as never]) {
      await assert.rejects(client.unary(method, NOTHING, { deadlineMs }), NetError);
      assert.throws(() => client.serverStream(method, NOTHING, { deadlineMs }), /deadlineMs is/);
    }
    assert.equal(peer.lines.length, 0);
  });
});

describe('a caller who cancels', () => {
  it('before the call, or while it waits for a connection, sends nothing', async (t) => {
    const peer = await aPeer(t, { connected: () => {} });
    const client = aClient(t, peer, { connect: { connectMs: 200 } });
    const gone = await failure(client.unary(method, NOTHING, { signal: AbortSignal.abort(new Error('gone')) }));
    assert.deepEqual([gone.status, gone.reach, peer.lines.length], ['CANCELLED', 'unsent', 0]);
    const never = client.serverStream(method, NOTHING, { signal: AbortSignal.abort() });
    const unsent = await failure(never.next());
    assert.deepEqual([unsent.status, unsent.reach], ['CANCELLED', 'unsent']);
    const caller = new AbortController();
    const waiting = failure(client.unary(method, NOTHING, { signal: caller.signal }));
    const stream = failure(client.serverStream(method, NOTHING, { signal: caller.signal }).headers);
    await until(() => peer.lines.length === 1, 'the connection is being opened');
    caller.abort();
    assert.deepEqual([(await waiting).status, (await waiting).reach], ['CANCELLED', 'unsent']);
    assert.equal((await stream).status, 'CANCELLED');
    assert.deepEqual(client.stats().calls.byStatus, { CANCELLED: 4 });
  });

  it('after it was sent, ends it at the peer at once', async (t) => {
    const { peer, client } = await aCall(t, {});
    const caller = new AbortController();
    const unary = failure(client.unary(method, NOTHING, { signal: caller.signal }));
    await until(() => peer.asked.length === 1, 'it was sent');
    caller.abort(new Error('changed my mind'));
    const error = await unary;
    assert.deepEqual([error.status, error.reach], ['CANCELLED', 'unknown']);
    assert.match(String(error.cause instanceof Error && error.cause.cause), /changed my mind/);
    await until(() => peer.asked[0]!.reset === ERROR.CANCEL, 'the peer is told');
  });

  it('within a stream, by signal, cancel or leaving the loop, gets nothing more, and the peer is told', async (t) => {
    const { peer, client } = await aCall(t, {
      head: (line, { id }) => line.send(head(id), says(id, 'one'), says(id, 'two'), says(id, 'three')),
    });
    const caller = new AbortController();
    const ways = [
      (stream: ReturnType<typeof client.bidi>) => stream.cancel(),
      () => caller.abort(),
      (stream: ReturnType<typeof client.bidi>) => stream.return(),
      (stream: ReturnType<typeof client.bidi>) => stream[Symbol.asyncDispose](),
    ];
    for (const [i, leave] of ways.entries()) {
      const outbox = new Outbox<Uint8Array>();
      const stream = client.bidi(method, outbox, { signal: i === 1 ? caller.signal : undefined });
      await stream.next();
      await leave(stream as never);
      await until(() => peer.asked[i]!.reset === ERROR.CANCEL, 'the peer is told');
      await assert.rejects(outbox.write(NOTHING), /takes no more messages/);
      if (i === 2) assert.equal((await stream.next()).done, true);
      else assert.equal((await failure(stream.next())).status, 'CANCELLED');
      assert.equal((await stream.next()).done, true);
    }
    assert.equal(peer.lines.length, 1, 'the session goes on');
  });

  it('ends a request that is being made, whose source is told to stop', async (t) => {
    const { client } = await aCall(t, {});
    const caller = new AbortController();
    let stopped = 0;
    const endless = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<IteratorResult<Uint8Array>>(() => {}), // it keeps us waiting for ever
        return: async () => {
          stopped++;
          return { done: true as const, value: undefined };
        },
      }),
    };
    const call = failure(client.clientStream(method, endless, { signal: caller.signal }));
    await sleep(5);
    caller.abort();
    assert.equal((await call).status, 'CANCELLED');
    assert.equal(stopped, 1);
  });
});

describe('a source of messages', () => {
  it('that throws ends the call, and the cause is told', async (t) => {
    const { peer, client } = await aCall(t, {});
    async function* broken() {
      yield Buffer.from('a');
      throw new Error('the well is dry');
    }
    for (const call of [client.clientStream(method, broken()), client.bidi(method, broken()).next()]) {
      const error = await failure(call);
      assert.equal(error.status, 'CANCELLED');
      assert.match(String(error.cause), /the well is dry/);
    }
    await until(() => peer.asked.every((asked) => asked.reset !== undefined), 'the peer is told');
  });

  it('whose message cannot be encoded ends the call with INTERNAL', async (t) => {
    const { client } = await aCall(t, {});
    const encode = () => assert.fail('no such message');
    const broken = { ...method, encode };
    for (const call of [
      () => client.unary(broken, NOTHING),
      () => client.clientStream(broken, [NOTHING]),
      () => client.bidi(broken, [NOTHING]).next(),
      async () => client.serverStream(broken, NOTHING),
    ]) {
      const error = await failure(call());
      assert.deepEqual([error.status, error.statusMessage], ['INTERNAL', 'a message could not be encoded']);
    }
  });
});

describe('a message that cannot be decoded', () => {
  it('ends the call with INTERNAL, and a stream at the peer', async (t) => {
    const { peer, client } = await aCall(t, {
      request: (line, { id, path }) => (path.endsWith('Open') ? line.send(head(id), says(id, 'x')) : answer(line, id)),
    });
    const decode = () => assert.fail('no such message');
    assert.equal((await failure(client.unary({ ...method, decode }, NOTHING))).status, 'INTERNAL');
    const stream = client.serverStream({ ...method, path: '/raw.Raw/Open', decode }, NOTHING);
    assert.equal((await failure(stream.next())).status, 'INTERNAL');
    await until(() => peer.asked[1]?.reset === ERROR.CANCEL, 'the peer is told');
    assert.equal(client.stats().messages.unreadable, 2);
  });
});

describe('backpressure', () => {
  it('stops a peer whose messages nobody reads after a window of the stream, and nobody else', async (t) => {
    const { peer, client } = await aCall(t, {});
    const slow = client.serverStream(method, NOTHING, { messageBytesMax: 2_000_000 });
    await until(() => peer.asked.length === 1, 'the call');
    const { line } = peer;
    const window = Number(
      JSON.parse(line.heard.find((each) => each.startsWith('settings'))!.slice(9)).find(
        ([id]: [number, number]) => id === SETTING.initialWindowSize,
      )[1],
    );
    const message = new Uint8Array(10_000);
    const count = Math.floor(window / 10_005);
    line.send(head(1));
    for (let i = 0; i < count; i++) line.send(says(1, message));
    await until(() => slow.unread > 20, 'what is read ahead');
    await sleep(20);
    const credits = () => line.heard.filter((each) => each.startsWith('window 1 ')).length;
    assert(slow.unread * 10_000 <= 400_000, `${slow.unread} messages are kept: invariant 2 of Incoming`);
    assert.equal(credits(), 0, 'no window is given back');
    peer.script = { request: (other, { id }) => answer(other, id) };
    await client.unary(method, NOTHING);
    line.send(trailers(1));
    let read = 0;
    for await (const each of slow) read += each.length;
    assert.equal(read, count * 10_000);
  });

  it('stops whoever writes when the peer does not read', async (t) => {
    const { peer, client } = await aCall(t, {});
    let made = 0;
    function* endless() {
      for (;;) {
        made++;
        yield new Uint8Array(1_000);
      }
    }
    const stream = client.bidi(method, endless());
    await until(() => peer.lines.some(({ bytes }) => bytes >= 65_000), 'a window of the peer is filled');
    await sleep(20);
    const before = made;
    await sleep(20);
    assert.equal(made, before, 'no more is made');
    assert(made < 80, String(made));
    wide(peer.line, 1);
    await until(() => made > before + 100, 'it goes on');
    stream.cancel();
  });

  it('refuses what is written into an outbox that is full', async () => {
    const outbox = new Outbox<number>({ sizeMax: 2 });
    const [one, two] = [outbox.write(1), outbox.write(2)];
    await assert.rejects(outbox.write(3), { code: 'SATURATED', limit: 'sizeMax', value: 2 });
    assert.equal(outbox.waiting, 2);
    outbox.end();
    const got: number[] = [];
    for await (const each of outbox) got.push(each);
    await Promise.all([one, two]);
    assert.deepEqual(got, [1, 2]);
    await assert.rejects(outbox.write(4), { code: 'CLOSED' });
  });
});

describe('a small initial window', () => {
  it('lets large messages through in pieces', async (t) => {
    let body = '';
    const { client } = await aCall(t, {
      hello: settings(['initialWindowSize', 1_000]),
      data: (line: Line, asked: Asked) => {
        body = asked.body;
        if (!asked.ended) wide(line, asked.id);
      },
      request: (line, { id }) => answer(line, id),
    });
    await client.unary(method, new Uint8Array(50_000));
    assert.equal(body.length, 50_005);
  });
});
