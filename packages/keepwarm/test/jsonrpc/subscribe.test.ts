/** Subscriptions from their subscribers' side: sharing, moving on, and readers who are slow. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NetError } from '../../src/core/error.ts';
import type { StreamLost } from '../../src/core/subscribe.ts';
import {
  type Asked,
  connected,
  type Line,
  reader,
  SLOT,
  type StreamNode,
  serving,
  slot,
  withPool,
} from './a-stream-pool.ts';

describe('subscribers of one topic', () => {
  it('share one upstream subscription, and who comes later gets what comes from then on', () =>
    withPool(1, {}, async (pool, [node]) => {
      const first = reader(pool.subscribe(SLOT));
      await pool.clock.settle();
      slot(node!.line, 5);
      await pool.clock.settle();
      const second = reader(pool.subscribe(SLOT));
      await pool.clock.settle();
      slot(node!.line, 6);
      await pool.clock.settle();
      assert.deepEqual([first.brief(), second.brief()], [['5', '6'], ['6']]);
      assert.equal(node!.line.askedFor(SLOT).length, 1);
    }));

  it('with other parameters are of another topic, on the same connection', () =>
    withPool(1, {}, async (pool, [node]) => {
      const one = reader(pool.subscribe('accountSubscribe', ['one']));
      const two = reader(pool.subscribe('accountSubscribe', ['two']));
      await pool.clock.settle();
      node!.line.notify('accountNotification', 2, { context: { slot: 7 }, value: 'x' });
      await pool.clock.settle();
      assert.deepEqual([one.brief(), two.brief()], [[], ['7']]);
      assert.equal(node!.history.length, 1);
    }));

  it('leave it when the last has left, after lingerMs; whoever comes before that finds it running', () =>
    withPool(1, { share: { lingerMs: 500 } }, async (pool, [node]) => {
      const first = reader(pool.subscribe(SLOT));
      await pool.clock.settle();
      await first.iterator.return?.();
      await pool.clock.run(499);
      assert.equal(node!.line.askedFor('slotUnsubscribe').length, 0);
      const second = reader(pool.subscribe(SLOT));
      await pool.clock.run(1_000);
      assert.equal(node!.line.askedFor(SLOT).length, 1);
      slot(node!.line, 7);
      await pool.clock.settle();
      assert.deepEqual(second.brief(), ['7']);
      await second.iterator.return?.();
      await pool.clock.run(500);
      assert.deepEqual(node!.line.askedFor('slotUnsubscribe')[0]?.params, [1]);
      assert.equal((await second.iterator.next()).done, true);
    }));

  it('are none of each others concern: one aborts, another is slow, the third has all', () =>
    withPool(1, { share: { queueMax: 2 } }, async (pool, [node]) => {
      const caller = new AbortController();
      const gone = reader(pool.subscribe(SLOT, [], caller.signal));
      const slow = pool.subscribe(SLOT)[Symbol.asyncIterator]();
      const whole = reader(pool.subscribe(SLOT));
      await pool.clock.settle();
      caller.abort(new Error('enough'));
      for (let height = 1; height <= 5; height++) {
        slot(node!.line, height);
        await pool.clock.settle();
      }
      assert.equal((gone.state.error as NetError).code, 'ABORTED');
      assert.deepEqual(whole.brief(), ['1', '2', '3', '4', '5']);
      assert.deepEqual((await slow.next()).value, {
        ...{ kind: 'gap', reason: 'slow', from: 1, to: 3, filled: false, dropped: 3 },
      });
      assert.equal((await slow.next()).value.height, 4);
    }));

  it('who are slow are failed instead when overflow says so, and the others go on', () =>
    withPool(1, { share: { queueMax: 2, overflow: 'fail' } }, async (pool, [node]) => {
      const slow = pool.subscribe(SLOT)[Symbol.asyncIterator]();
      const whole = reader(pool.subscribe(SLOT));
      await pool.clock.settle();
      for (let height = 1; height <= 4; height++) {
        slot(node!.line, height);
        await pool.clock.settle();
      }
      assert.equal((await slow.next()).value.height, 1);
      assert.equal((await slow.next()).value.height, 2);
      await assert.rejects(slow.next(), { code: 'SATURATED', limit: 'queueMax', value: 2 });
      assert.equal((await slow.next()).done, true);
      assert.deepEqual(whole.brief(), ['1', '2', '3', '4']);
    }));

  it('are at most subscribersMax', () =>
    withPool(1, { share: { subscribersMax: 1 } }, async (pool) => {
      const first = reader(pool.subscribe(SLOT));
      await assert.rejects(pool.subscribe(SLOT)[Symbol.asyncIterator]().next(), { limit: 'subscribersMax' });
      await first.iterator.return?.();
      reader(pool.subscribe(SLOT));
    }));
});

describe('a lost connection', () => {
  it('is replaced at once where there is another endpoint, all its subscriptions over one new connection', () =>
    withPool(2, {}, async (pool, nodes) => {
      const topics = Array.from({ length: 10 }, (_, i) => reader(pool.subscribe('logsSubscribe', [`${i}`])));
      await pool.clock.settle();
      const [a, b] = nodes as [StreamNode, StreamNode];
      a.line.cut();
      await pool.clock.settle();
      assert.equal(connected(nodes), '0 1', 'without any time passing');
      assert.equal(b.line.askedFor('logsSubscribe').length, 10);
      for (const topic of topics) assert.equal(topic.brief().join(), topic.brief().length === 0 ? '' : 'gap ?-? lost');
      assert.equal(pool.sources[0]!.failures, 1, 'one loss is one failure');
    }));

  it('is replaced at the same endpoint after a rest when there is no other, longer each time up to the cap', () =>
    withPool(1, { random: () => 0.999 }, async (pool, [node]) => {
      reader(pool.subscribe(SLOT));
      await pool.clock.settle();
      const rests: number[] = [];
      for (let loss = 0; loss < 7; loss++) {
        node!.line.cut();
        const since = pool.clock.now();
        while (node!.lines.size === 0) await pool.clock.run(100);
        rests.push(Math.round((pool.clock.now() - since) / 1_000));
      }
      assert.deepEqual(rests, [1, 2, 4, 8, 16, 30, 30]);
      await pool.clock.run(10_000); // it lasts
      node!.line.cut();
      await pool.clock.run(1_000);
      assert.equal(node!.lines.size, 1, 'the first failure again');
    }));

  it('with ids that another connection has as well: no message goes astray, and the gap is told', () =>
    withPool(2, {}, async (pool, [a, b]) => {
      const slots = reader(pool.subscribe(SLOT));
      await pool.clock.settle();
      const logs = reader(pool.subscribe('logsSubscribe', ['all']));
      await pool.clock.settle();
      const before = a!.line;
      slot(before, 10);
      await pool.clock.settle();
      before.cut();
      await pool.clock.settle();
      slot(before, 99); // the dead speak
      slot(b!.line, 98, 1); // 1 is the logs' id here, the slots' is 2
      slot(b!.line, 13, 2);
      b!.line.notify('logsNotification', 1, { context: { slot: 7 }, value: { signature: 's', err: null } });
      await pool.clock.settle();
      assert.deepEqual(slots.brief(), ['10', 'gap 11-12 lost', '13']);
      assert.deepEqual(logs.brief(), ['7']);
    }));

  it('of a signature is filled by asking what became of it, and the topic is over', () => {
    const value = [{ confirmationStatus: 'finalized', err: null }];
    const call = async () => ({ context: { slot: 9 }, value });
    return withPool(2, { call }, async (pool, nodes) => {
      const { brief, got, state } = reader(pool.subscribe('signatureSubscribe', ['sig']));
      await pool.clock.settle();
      serving(nodes).cut();
      await pool.clock.settle();
      assert.deepEqual(brief(), ['gap ?-? lost filled', '{"context":{"slot":9},"value":{"err":null}}+']);
      assert.deepEqual([state, got.length], [{ error: undefined, ended: true }, 2]);
    });
  });

  it('of an account gives what it is by now, once, and says that what was between is missing', () => {
    const answer = { context: { slot: 20 }, value: { lamports: 5 } };
    return withPool(2, { call: async () => answer }, async (pool, nodes) => {
      const { brief } = reader(pool.subscribe('accountSubscribe', ['key']));
      await pool.clock.settle();
      serving(nodes).notify('accountNotification', 1, { context: { slot: 10 }, value: { lamports: 1 } });
      await pool.clock.settle();
      serving(nodes).cut();
      await pool.clock.settle();
      serving(nodes).notify('accountNotification', 1, answer);
      await pool.clock.settle();
      assert.deepEqual(brief(), ['10', 'gap 10-20 lost', '20+']);
      assert.equal(pool.repeats(), 1);
    });
  });
});

describe('a stream that is silent', () => {
  it('for longer than its topic may be is taken up elsewhere; others on the connection stay', () => {
    const lost: StreamLost[] = [];
    return withPool(2, { observer: { streamLost: (fact) => lost.push(fact) } }, async (pool, nodes) => {
      reader(pool.subscribe('accountSubscribe', ['quiet by nature']));
      await pool.clock.settle();
      const first = serving(nodes);
      reader(pool.subscribe('rootSubscribe'));
      reader(pool.subscribe(SLOT));
      await pool.clock.settle();
      for (let seconds = 0; seconds < 30; seconds++) {
        for (const { lines } of nodes) for (const line of lines) slot(line, seconds, idOf(line, SLOT));
        await pool.clock.run(1_000);
      }
      assert(lost.some(({ topic, error }) => topic === 'rootSubscribe' && error.limit === 'silenceMs'));
      assert(first.open, 'the account is still there');
      assert(!lost.some(({ topic }) => topic !== 'rootSubscribe'), 'nobody else was moved');
    });
  });
});

const idOf = (line: Line, method: string): number =>
  1 +
  line.asked
    .filter((each) => /^(?!.*unsub).*subscribe$/i.test(each.method))
    .findIndex((each) => each.method === method);

describe('answers and notifications', () => {
  it('may come the wrong way round: what comes before the agreement is not lost, and is nobody elses', () => {
    const serve = (line: Line, asked: Asked): void => {
      if (asked.method === SLOT) slot(line, 1, 7);
      if (asked.method === SLOT) slot(line, 2, 8);
      if (asked.method === SLOT) line.answer(asked.id, 7);
      else line.answer(asked.id, true);
    };
    return withPool(
      1,
      {},
      async (pool) => {
        const { brief } = reader(pool.subscribe(SLOT));
        await pool.clock.settle();
        assert.deepEqual(brief(), ['1']);
      },
      serve,
    );
  });

  it('of a subscriber who left before the agreement: the subscription is ended when it comes', () => {
    const pending: (() => void)[] = [];
    const serve = (line: Line, asked: Asked): void => {
      if (asked.method === SLOT) pending.push(() => line.answer(asked.id, 3));
      else line.answer(asked.id, true);
    };
    return withPool(
      1,
      { share: { lingerMs: 0 } },
      async (pool, [node]) => {
        const caller = new AbortController();
        const { state } = reader(pool.subscribe(SLOT, [], caller.signal));
        await pool.clock.settle();
        caller.abort();
        await pool.clock.run(0);
        assert(state.ended);
        pending[0]!();
        await pool.clock.settle();
        assert.deepEqual(node!.line.askedFor('slotUnsubscribe')[0]?.params, [3]);
      },
      serve,
    );
  });

  for (const [what, say] of Object.entries<(line: Line) => void>({
    'no JSON': (line) => line.say('{"jsonrpc'),
    'no object': (line) => line.say('7'),
    'an error about a question nobody can name': (line) => line.say({ id: null, error: { code: -32700, message: '' } }),
  })) {
    it(`${what}: the connection is left, and the stream goes on elsewhere`, () =>
      withPool(2, {}, async (pool, nodes) => {
        const { state } = reader(pool.subscribe(SLOT));
        await pool.clock.settle();
        const first = serving(nodes);
        say(first);
        await pool.clock.settle();
        assert.equal(first.open, false);
        assert.notEqual(serving(nodes), first);
        assert.equal(state.ended, false);
      }));
  }
});
