/** Messages that do not name their channel: none is told twice, out of its order, or to another channel. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Connection, type FeedEnds } from '../../src/adapters/exchange/feed-connection.ts';
import { Lanes } from '../../src/adapters/exchange/feed-lanes.ts';
import { Spoilt } from '../../src/adapters/exchange/feed-spoilt.ts';
import type { FeedWords, Thread, Wholes } from '../../src/adapters/exchange/feed-words.ts';
import { whole } from '../../src/adapters/exchange/whole.ts';
import { NetError } from '../../src/core/error.ts';
import { Mailbox } from '../../src/core/mailbox.ts';
import type { Data, Gap, Message } from '../../src/core/subscribe.ts';
import type { WebSocketSession } from '../../src/engines/websocket/session.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

const WORDS: FeedWords = {
  subscribe: (channel, id) => JSON.stringify({ id, channel }),
  unsubscribe: (channel, id) => JSON.stringify({ id, leave: channel }),
  read: ({ id, error }) => ({ kind: 'answer', id: Number(id), error: error as string | undefined }),
  binary: {
    read(bytes) {
      if (bytes.length === 0) throw new NetError('DECODE', 'it is empty', { reach: 'answered' });
      return { kind: 'k', of: String(bytes[0]), value: bytes[1] };
    },
    kindOf: () => 'k',
    placeOf: (channel) => ({ kind: 'k', of: channel.replace(/\D/g, '') }),
  },
};

function aConnection() {
  const sent: { id: number; channel?: string; leave?: string }[] = [];
  const ends: FeedEnds = {
    ...{ gone: () => undefined, spoilt: () => undefined, unread: () => undefined },
    counts: { read: 0, unknown: 0, malformed: 0 },
  };
  const connection = new Connection(WORDS, 1_000, new FakeClock(), ends);
  const send = (text: string): void => void sent.push(JSON.parse(text));
  connection.opened({ send, close: () => undefined } as unknown as WebSocketSession);
  const answer = (id: number): void => connection.message(JSON.stringify({ id }));
  return { connection, sent, answer, ends };
}

const data = (value: unknown): Data => ({ kind: 'data', value, height: undefined, filled: false });

describe('a channel whose messages do not name it', () => {
  it('is left only when the peer has said so: until then another cannot take its place', async () => {
    const { connection, sent, answer } = aConnection();
    const mailbox = new Mailbox(10);
    const joined = connection.join('a1', mailbox);
    answer(sent[0]!.id);
    await joined;
    let left = false;
    const leaving = connection.leave('a1', mailbox).then(() => (left = true));
    connection.binary(Buffer.from([1, 9]));
    await new Promise(setImmediate);
    assert.equal(left, false);
    answer(sent[1]!.id);
    await leaving;
    assert.deepEqual(await mailbox.next(), { done: true, value: undefined });
  });

  it('is left at once with its connection, and when the peer knows nothing of it', async () => {
    for (const end of ['gone', 'refused'] as const) {
      const { connection, sent, answer } = aConnection();
      const mailbox = new Mailbox(10);
      const joined = connection.join('a1', mailbox);
      answer(sent[0]!.id);
      await joined;
      const leaving = connection.leave('a1', mailbox);
      if (end === 'gone') connection.ended(new NetError('RESET', 'gone', { reach: 'unknown' }));
      else connection.message(JSON.stringify({ id: sent[1]!.id, error: 'what?' }));
      await leaving;
    }
  });

  it('that is to be subscribed anew is told nothing more, and counted once', () => {
    const { connection, ends } = aConnection();
    const spoilt: string[] = [];
    (ends as { spoilt: FeedEnds['spoilt'] }).spoilt = (channel) => spoilt.push(channel);
    const thread: Thread = { next: () => assert.fail('a change is missing'), now: () => undefined };
    const mailbox = new Mailbox(10);
    void connection.join('a1', mailbox, thread).catch(() => undefined);
    for (let n = 0; n < 5; n++) connection.binary(Buffer.from([1, n]));
    connection.binary(Buffer.alloc(0));
    assert.deepEqual([spoilt, mailbox.size, ends.counts.malformed], [['a1'], 0, 1]);
  });

  it('goes to the first connection that holds none like it, and none beyond the sixteenth', () => {
    const lanes = new Lanes<never>((channel, other) => channel[0] === other[0]);
    const taken = Array.from({ length: 16 }, (_, n) => lanes.take(`a${n}`));
    assert.equal(new Set(taken.map(({ lane }) => lane)).size, 16);
    assert.equal(lanes.take('b').lane, taken[0]!.lane);
    assert.equal(lanes.take('a0').lane, taken[0]!.lane, 'again while nothing else came between');
    assert.throws(() => lanes.take('a16'), { code: 'SATURATED', value: 16, reach: 'unsent' });
    taken[3]!.giveBack();
    taken[3]!.giveBack();
    assert.equal(lanes.take('a16').lane, taken[3]!.lane);
    assert.throws(() => lanes.take('a17'), { code: 'SATURATED' });
  });

  it('rests longer each time it is subscribed anew, and a minute later not at all', () => {
    const spoilt = new Spoilt();
    spoilt.add('a', 0);
    spoilt.add('a', 1_000);
    assert.deepEqual([spoilt.times('a', 2_000), spoilt.times('b', 2_000), spoilt.times('a', 61_000)], [2, 0, 0]);
    spoilt.add('a', 61_000);
    assert.equal(spoilt.times('a', 61_000), 1);
  });
});

describe('a whole and its changes, for one who comes later', () => {
  const slow: Gap = { kind: 'gap', reason: 'slow', from: undefined, to: undefined, filled: false, dropped: 3 };
  const wholes: Wholes = {
    of: () => true,
    thread: () => assert.fail('it is given'),
    standsAt: (value) => ({ whole: String(value).startsWith('s'), number: Number(String(value).slice(1)) }),
  };
  const told = async (messages: readonly Message[], now: () => string | undefined): Promise<string[]> => {
    async function* all() {
      yield* messages;
    }
    const heard: string[] = [];
    for await (const message of whole(all(), wholes, () => ({ next: () => true, now }))) {
      heard.push(message.kind === 'gap' ? message.reason : `${message.value}${message.filled ? '!' : ''}`);
    }
    return heard;
  };

  it('begins with the whole by then, and leaves out what is in it', async () => {
    const messages = ['d4', 'd5', 'd6', 'd7'].map(data);
    assert.deepEqual(await told(messages, () => 's5'), ['s5', 'd6', 'd7']);
    assert.deepEqual(await told(messages, () => undefined), [], 'nothing until the whole is known');
    const begun = ['d4', 's5', 'd6', 'd6', 'd9'].map(data);
    assert.deepEqual(
      await told(begun, () => undefined),
      ['s5', 'd6'],
      'nothing twice, and nothing that does not follow',
    );
  });

  it('that was on its way itself is told again, with what follows it', async () => {
    assert.deepEqual(await told(['s5', 'd6', 'd7', 'd8'].map(data), () => 's7'), ['s7', 's5', 'd6', 'd7', 'd8']);
  });

  it('is told anew after it was too slow', async () => {
    let now = 's1';
    const messages = [data('d2'), slow, ...['d7', 'd8', 'd9', 'd10'].map(data)];
    const asked = (): string => {
      const before = now;
      now = 's9';
      return before;
    };
    assert.deepEqual(await told(messages, asked), ['s1', 'd2', 'slow', 's9!', 'd10']);
  });
});
