/** A connection that goes late takes nothing with it: neither the connection after it, nor what is told of an order. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aFeed } from './a-feed.ts';

describe('a connection that was refused and goes late', () => {
  it('does not make the feed forget the next one, opened as it went: who subscribes later shares that', async (t) => {
    const leaving = new AbortController();
    let kept: Promise<unknown> | undefined;
    let begin = (): void => undefined;
    const { feed, standIn, first } = await aFeed(t, 'greeting', ['old', 'right'], { socketClosed: () => begin() });
    begin = () => {
      kept ??= feed.subscribe('kept', leaving.signal)[Symbol.asyncIterator]().next();
    };
    assert.equal(await first('refused'), 'hello');
    assert.equal(((await kept) as IteratorResult<{ value: unknown }>).value.value, 'hello');
    assert.equal(await first('later'), 'hello');
    assert.equal(standIn.connections, 2, 'one was refused, one is shared');
    leaving.abort();
  });
});
