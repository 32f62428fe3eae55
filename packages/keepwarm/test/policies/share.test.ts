/** One upstream subscription and its subscribers, with both ends in hand. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NetError } from '../../src/core/error.ts';
import { Mailbox } from '../../src/core/mailbox.ts';
import type { Data, Gap, Message, Topic } from '../../src/core/subscribe.ts';
import { SHARE_DEFAULTS, type ShareOptions, share } from '../../src/policies/share.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { isHeard } from '../core/heard.ts';

const TOPIC: Topic = { key: 'k', name: 'heads', method: 'm', params: [] };
const data = (value: number): Data => ({ kind: 'data', value, height: undefined, filled: false });
const gap: Gap = { kind: 'gap', reason: 'lost', from: 1, to: 2, filled: false, dropped: undefined };
const closing = (message: string) => new NetError('CLOSED', message, { reach: 'unsent' });

function aShare(options: Partial<ShareOptions> = {}) {
  const clock = new FakeClock();
  const feeds: { stands: () => void; signal: AbortSignal; say: (message: Message) => void }[] = [];
  const shared = share({ ...SHARE_DEFAULTS, ...options }, { clock, observer: {} });
  const subscribe = shared.policy((_topic, signal, standing) => {
    const mailbox = new Mailbox(100);
    signal!.addEventListener('abort', () => mailbox.end());
    feeds.push({ stands: () => standing?.(), signal: signal!, say: (message) => mailbox.push(message) });
    return { [Symbol.asyncIterator]: () => mailbox };
  });
  const join = (signal?: AbortSignal, standing?: () => void) =>
    subscribe(TOPIC, signal, standing)[Symbol.asyncIterator]();
  return { clock, feeds, shared, join };
}

describe('subscribers of one topic', () => {
  it('are told once each that it stands, those who come later at once', async () => {
    const { clock, feeds, join, shared } = aShare();
    const told: string[] = [];
    for (const name of ['a', 'b']) join(undefined, () => told.push(name));
    await clock.settle();
    assert.equal(told.length, 0);
    feeds[0]!.stands();
    feeds[0]!.stands(); // taken up again, after a loss
    join(undefined, () => told.push('c'));
    assert.deepEqual([told, feeds.length], [['a', 'b', 'c'], 1]);
    shared.close(closing('over'));
  });

  it('are counted, with what came and what is missing, until they leave; then nothing is kept', async () => {
    const { clock, feeds, join, shared } = aShare();
    const { signal } = new AbortController();
    const [reader] = [join(signal), join()];
    await clock.settle();
    for (const message of [data(1), gap, data(2)]) feeds[0]!.say(message);
    await clock.settle();
    assert.deepEqual(shared.snapshot(), [{ topic: 'heads', subscribers: 2, messages: 3, gaps: 1, behindMax: 3 }]);
    assert.deepEqual((await reader.next()).value, data(1));
    assert.equal(isHeard(signal), true);
    await reader.return?.();
    await reader.return?.();
    assert.equal(isHeard(signal), false);
    assert.equal(shared.snapshot()[0]!.subscribers, 1);
    shared.close(closing('over'));
    assert.deepEqual([shared.snapshot(), clock.sleeping], [[], 0]);
  });

  it('are as many as may be, and a place is free again once for each who leaves', async () => {
    const { join, shared } = aShare({ subscribersMax: 2 });
    const [first] = [join(), join()];
    await assert.rejects(join().next(), { code: 'SATURATED', reach: 'unsent', limit: 'subscribersMax', value: 2 });
    for (let i = 0; i < 3; i++) await first.return?.();
    join();
    await assert.rejects(join().next(), { code: 'SATURATED' });
    shared.close(closing('over'));
  });

  it('end with the first error they are closed by, and so does who comes later', async () => {
    const { clock, feeds, join, shared } = aShare();
    const reader = join();
    await clock.settle();
    feeds[0]!.say(data(1));
    await clock.settle();
    for (const message of ['first', 'second']) shared.close(closing(message));
    assert.equal(feeds[0]!.signal.aborted, true);
    assert.deepEqual((await reader.next()).value, data(1), 'what it has not read is its own');
    for (const late of [reader, join()]) await assert.rejects(late.next(), /first/);
  });
});
