/** What is sent again: what the peer did not process, and UNAVAILABLE where a repeat does no harm. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type GrpcClientOptions, Outbox, rawMethod } from '../../../src/grpc.ts';
import { ERROR } from '../../../src/wire/h2/codes.ts';
import { reset } from '../../wire/h2/raw.ts';
import { type Asked, type Line, type Script, wide } from '../h2/a-peer.ts';
import { leavesNothing } from '../setup.ts';
import { aCall, all, answer, failure, head, headOnly, says, trailers } from './a-peer.ts';

leavesNothing();

const once = rawMethod('/raw.Raw/Write');
const idempotent = rawMethod('/raw.Raw/Read', { idempotent: true });
const NOTHING = new Uint8Array(0);

const RETRYING: Partial<GrpcClientOptions> = { retry: { attemptsMax: 3, baseMs: 1 } };

/** The peer does this the first `times` times, and then answers. */
function first(times: number, act: (line: Line, asked: Asked) => void): Script {
  let left = times;
  return {
    request: (line, asked) => {
      if (left-- > 0) act(line, asked);
      else answer(line, asked.id);
    },
  };
}

const unavailable = (...more: [string, string][]) => {
  return (line: Line, { id }: Asked) => line.send(headOnly(id, [['grpc-status', '14'], ...more]));
};

describe('UNAVAILABLE', () => {
  it('is repeated where that does no harm', async (t) => {
    const { peer, client } = await aCall(t, first(2, unavailable()), RETRYING);
    await client.unary(idempotent, NOTHING);
    assert.equal(peer.asked.length, 3);
    assert.deepEqual(client.stats().calls.byStatus, { OK: 1 });
  });

  it('is repeated when its caller says that it does no harm, a stream likewise', async (t) => {
    const { peer, client } = await aCall(t, first(2, unavailable()), RETRYING);
    assert.deepEqual(await all(client.serverStream(once, NOTHING, { idempotent: true })), ['ok']);
    assert.equal(peer.asked.length, 3);
  });

  it('is repeated with the messages of a stream that were sent, while they are few', async (t) => {
    const { peer, client } = await aCall(t, first(1, unavailable()), RETRYING);
    const messages = ['a', 'b'].map((each) => Buffer.from(each));
    await client.clientStream(idempotent, messages);
    assert.deepEqual(
      peer.asked.map(({ body }) => body),
      ['\0\0\0\0\u0001a\0\0\0\0\u0001b', '\0\0\0\0\u0001a\0\0\0\0\u0001b'],
    );
  });

  it('is not repeated when a stream has sent more than is kept', async (t) => {
    const script = { ...first(1, unavailable()), head: (line: Line, { id }: Asked) => wide(line, id) };
    const { peer, client } = await aCall(t, script, RETRYING);
    const messages = [Buffer.alloc(40_000), Buffer.alloc(20_000), Buffer.alloc(5_536)];
    const error = await failure(client.clientStream(idempotent, messages));
    assert.deepEqual([error.status, peer.asked.length], ['UNAVAILABLE', 1]);
  });

  it('is the caller`s when a repeat might do harm', async (t) => {
    const { peer, client } = await aCall(t, first(1, unavailable()), RETRYING);
    const error = await failure(client.unary(once, NOTHING));
    assert.deepEqual([error.status, error.reach, peer.asked.length], ['UNAVAILABLE', 'answered', 1]);
  });

  it('is the caller`s when attempts have run out', async (t) => {
    const { peer, client } = await aCall(t, first(9, unavailable(['grpc-message', 'full'])), RETRYING);
    const error = await failure(client.unary(idempotent, NOTHING));
    assert.deepEqual([error.status, error.statusMessage, peer.asked.length], ['UNAVAILABLE', 'full', 3]);
  });

  it('is not repeated when the peer asks for that', async (t) => {
    for (const pushback of ['-1', 'soon']) {
      const { peer, client } = await aCall(t, first(1, unavailable(['grpc-retry-pushback-ms', pushback])), RETRYING);
      assert.equal((await failure(client.unary(idempotent, NOTHING))).pushbackMs, -1);
      assert.equal(peer.asked.length, 1);
    }
  });

  it('is repeated after the time the peer asks for, and not if the deadline comes first', async (t) => {
    const { peer, client } = await aCall(t, first(1, unavailable(['grpc-retry-pushback-ms', '60'])), RETRYING);
    const startedAt = performance.now();
    await client.unary(idempotent, NOTHING);
    assert(performance.now() - startedAt >= 59);
    peer.script = first(1, unavailable(['grpc-retry-pushback-ms', '60000']));
    const error = await failure(client.unary(idempotent, NOTHING, { deadlineMs: 5_000 }));
    assert.deepEqual([error.status, error.pushbackMs], ['UNAVAILABLE', 60_000]);
    assert.equal(peer.asked.length, 3);
  });

  it('is told how much of the deadline is left', async (t) => {
    const { peer, client } = await aCall(t, first(1, unavailable(['grpc-retry-pushback-ms', '30'])), RETRYING);
    await client.unary(idempotent, NOTHING, { deadlineMs: 9_000 });
    const [before, after] = peer.asked.map(({ fields }) => Number(fields.get('grpc-timeout')!.replace('m', '')));
    assert.equal(before, 9_000);
    assert(after! <= 8_972 && after! > 4_000, String(after));
  });

  it('opens the breaker, and other statuses do not', async (t) => {
    const { client } = await aCall(t, { request: unavailable() }, { breaker: { consecutiveMax: 3, failingMs: 0 } });
    for (let i = 0; i < 3; i++) await failure(client.unary(once, NOTHING));
    const error = await failure(client.unary(once, NOTHING));
    assert.deepEqual([error.status, error.reach], ['UNAVAILABLE', 'unsent']);
    assert.match(error.message, /breaker/);

    const { client: other } = await aCall(
      t,
      { request: (line, { id }) => line.send(headOnly(id, [['grpc-status', '5']])) },
      { breaker: { consecutiveMax: 3, failingMs: 0 } },
    );
    for (let i = 0; i < 5; i++) assert.equal((await failure(other.unary(once, NOTHING))).status, 'NOT_FOUND');
  });
});

describe('whatever else a peer answers', () => {
  for (const code of ['1', '2', '4', '8', '10', '13', '15']) {
    it(`is not repeated: grpc-status ${code}`, async (t) => {
      const act = (line: Line, { id }: Asked) => line.send(Buffer.concat([head(id), trailers(id, code)]));
      const { peer, client } = await aCall(t, first(1, act), RETRYING);
      assert.equal((await failure(client.unary(idempotent, NOTHING))).code, Number(code));
      assert.equal(peer.asked.length, 1);
    });
  }

  it('is not repeated: a stream that was reset with INTERNAL_ERROR or CANCEL', async (t) => {
    for (const code of [ERROR.INTERNAL_ERROR, ERROR.CANCEL]) {
      const { peer, client } = await aCall(
        t,
        first(1, (line, { id }) => line.send(reset(id, code))),
        RETRYING,
      );
      await failure(client.unary(idempotent, NOTHING));
      assert.equal(peer.asked.length, 1);
    }
  });

  it('is not repeated once a stream has begun', async (t) => {
    const act = (line: Line, { id }: Asked) =>
      line.send(Buffer.concat([head(id), says(id, 'one'), trailers(id, '14')]));
    const { peer, client } = await aCall(t, first(1, act), RETRYING);
    const stream = client.serverStream(idempotent, NOTHING);
    assert.equal(Buffer.from((await stream.next()).value).toString(), 'one');
    assert.equal((await failure(stream.next())).status, 'UNAVAILABLE');
    assert.equal(peer.asked.length, 1);
  });
});

describe('what was not processed', () => {
  it('is sent again, whatever it does, without a retry policy', async (t) => {
    const act = (line: Line, { id }: Asked) => line.send(reset(id, ERROR.REFUSED_STREAM));
    const { peer, client } = await aCall(t, first(2, act));
    await client.unary(once, NOTHING);
    assert.equal(peer.asked.length, 3);
  });

  it('is sent again with what was written to a stream that goes on', async (t) => {
    let refused = 0;
    let answered = 0;
    const { peer, client } = await aCall(t, {
      data: (line, { id, body }) => {
        if (refused++ === 0) return line.send(reset(id, ERROR.REFUSED_STREAM));
        if (body.length === answered) return;
        answered = body.length;
        if (body.length === 6) line.send(Buffer.concat([head(id), says(id, 'one')]));
        if (body.length === 12) line.send(says(id, 'two'));
      },
      request: (line, { id }) => line.send(trailers(id)),
    });
    const outbox = new Outbox<Uint8Array>();
    const stream = client.bidi(once, outbox);
    await outbox.write(Buffer.from('a'));
    assert.equal(Buffer.from((await stream.next()).value).toString(), 'one');
    await outbox.write(Buffer.from('b'));
    assert.equal(Buffer.from((await stream.next()).value).toString(), 'two');
    outbox.end();
    assert.equal((await stream.next()).done, true);
    assert.equal(peer.asked.length, 2);
    assert.equal(client.stats().messages.sent, 2);
  });
});
