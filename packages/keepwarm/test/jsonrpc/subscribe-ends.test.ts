/** Subscriptions that are refused, full, aborted or closed. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NetError } from '../../src/core/error.ts';
import {
  type Asked,
  agreeing,
  connected,
  type Line,
  reader,
  SLOT,
  type StreamNode,
  slot,
  withPool,
} from './a-stream-pool.ts';

describe('a subscription that is refused', () => {
  const refusing =
    (code: number) =>
    (line: Line, { id }: Asked) =>
      line.refuse(id, code, 'no');

  it('for its parameters: the error is thrown as the peer said it, and nobody else is asked', () =>
    withPool(
      2,
      {},
      async (pool, nodes) => {
        const { state, done } = reader(pool.subscribe(SLOT));
        await done;
        assert.equal((state.error as { code: number }).code, -32602);
        assert.equal(
          nodes.reduce((sum, node) => sum + node.history.length, 0),
          1,
        );
      },
      refusing(-32602),
    ));

  it('for its method, by all: the error is thrown; by one: another serves', async () => {
    await withPool(
      2,
      {},
      async (pool, nodes) => {
        const { state, done } = reader(pool.subscribe(SLOT));
        await done;
        assert.equal((state.error as { code: number }).code, -32601);
        assert.equal(
          nodes.reduce((sum, node) => sum + node.history.length, 0),
          2,
        );
      },
      refusing(-32601),
    );
    const one = (line: Line, asked: Asked) => (line.node.name === 'a' ? refusing(-32601) : agreeing)(line, asked);
    await withPool(
      2,
      {},
      async (pool, nodes) => {
        const { state } = reader(pool.subscribe(SLOT));
        await pool.clock.settle();
        assert.equal(state.ended, false);
        assert.equal(nodes[1]!.line.askedFor(SLOT).length, 1);
      },
      one,
    );
  });

  it('again and again: after openMs the last error is thrown', () =>
    withPool(
      1,
      { limits: { openMs: 5_000 } },
      async (pool) => {
        const { state } = reader(pool.subscribe(SLOT));
        await pool.clock.run(5_000);
        assert.equal((state.error as { code: number }).code, -32005);
      },
      refusing(-32005),
    ));

  it('after it was agreed to, by an error: another serves, or the same after a rest', async () => {
    const ending = (line: Line, asked: Asked): void => {
      agreeing(line, asked);
      if (line.node.name !== 'a' || asked.method !== SLOT || line.asked.length > 500) return;
      const params = { subscription: line.askedFor(SLOT).length, error: { code: -32000, message: 'overloaded' } };
      line.say({ jsonrpc: '2.0', method: 'slotNotification', params });
    };
    await withPool(
      2,
      {},
      async (pool, nodes) => {
        const { state } = reader(pool.subscribe(SLOT));
        await pool.clock.settle();
        const [bad, good] = nodes as [StreamNode, StreamNode];
        assert.equal(bad.line.askedFor(SLOT).length, 1);
        assert.equal(good.line.askedFor(SLOT).length, 1);
        assert.equal(state.ended, false);
      },
      ending,
    );
    await withPool(
      1,
      {},
      async (pool, nodes) => {
        const { state } = reader(pool.subscribe(SLOT));
        for (let seconds = 0; seconds < 60; seconds++) await pool.clock.advance(1_000);
        const asked = nodes[0]!.history.reduce((sum, line) => sum + line.askedFor(SLOT).length, 0);
        assert(asked >= 3 && asked <= 12, `${asked} times within a minute`);
        assert.equal(state.ended, false);
      },
      ending,
    );
  });

  it('when nobody can be reached: after openMs the error says why', () =>
    withPool(1, { limits: { openMs: 5_000 } }, async (pool, [node]) => {
      node!.down = true;
      const { state } = reader(pool.subscribe(SLOT));
      await pool.clock.run(5_000);
      assert.equal((state.error as NetError).code, 'CONNECT');
    }));

  it('by a handshake that lets nobody in: thrown at once; a stream that was lost goes on trying', () =>
    withPool(2, {}, async (pool, [a, b]) => {
      const shut = new NetError('STATUS', 'who are you?', { reach: 'answered', status: 401 });
      const { open } = b!;
      a!.open = () => Promise.reject(shut);
      b!.open = () => Promise.reject(shut);
      const refused = reader(pool.subscribe(SLOT));
      await pool.clock.settle();
      assert.equal(refused.state.error, shut);
      b!.open = open;
      await pool.clock.run(1_000);
      const { state } = reader(pool.subscribe(SLOT));
      await pool.clock.settle();
      assert.equal(b!.line.askedFor(SLOT).length, 1);
      b!.open = () => Promise.reject(shut);
      b!.line.cut();
      await pool.clock.run(100_000);
      assert.equal(state.ended, false);
      b!.open = open;
      await pool.clock.run(30_000);
      assert.equal(b!.line.askedFor(SLOT).length, 1);
    }));

  it('when never answered: answerMs later another endpoint is asked', () => {
    const serve = (line: Line, asked: Asked) => (line.node.name === 'a' ? undefined : agreeing(line, asked));
    return withPool(
      2,
      {},
      async (pool, nodes) => {
        reader(pool.subscribe(SLOT));
        await pool.clock.run(10_000);
        assert.equal(connected(nodes), '0 1');
      },
      serve,
    );
  });
});

describe('connections', () => {
  it('take topicsPerConnectionMax each, then another is opened, then at another endpoint, then no more', () =>
    withPool(2, { limits: { topicsPerConnectionMax: 2, connectionsMax: 2 } }, async (pool, nodes) => {
      for (let i = 0; i < 8; i++) reader(pool.subscribe('logsSubscribe', [`${i}`]));
      await pool.clock.settle();
      assert.equal(connected(nodes), '2 2');
      const { state, done } = reader(pool.subscribe('logsSubscribe', ['one too many']));
      await done;
      assert.deepEqual(
        [(state.error as NetError).code, (state.error as NetError).limit],
        ['SATURATED', 'connectionsMax'],
      );
    }));

  it('without subscriptions are kept for idleMs, then closed', () =>
    withPool(1, { limits: { idleMs: 5_000 }, share: { lingerMs: 0 } }, async (pool, [node]) => {
      const { iterator } = reader(pool.subscribe(SLOT));
      await pool.clock.settle();
      await iterator.return?.();
      await pool.clock.run(4_999);
      assert.equal(node!.lines.size, 1);
      await pool.clock.run(2);
      assert.equal(node!.lines.size, 0);
      assert.equal(pool.sources[0]!.failures, 0, 'that is no failure');
    }));

  it('of a cordoned endpoint go on, and it gets nothing new', () =>
    withPool(2, {}, async (pool, nodes) => {
      reader(pool.subscribe(SLOT));
      await pool.clock.settle();
      pool.sources[0]!.cordoned = true;
      for (let i = 0; i < 4; i++) reader(pool.subscribe('logsSubscribe', [`${i}`]));
      await pool.clock.settle();
      assert.deepEqual(
        nodes.map(({ line }) => line.asked.length),
        [1, 4],
      );
    }));
});

describe('an abort', () => {
  const stages: Record<string, (node: StreamNode) => void> = {
    'while connecting': (node) => {
      node.open = () => new Promise(() => {});
    },
    'while the peer has not agreed': (node) => {
      node.serve = () => {};
    },
    'while all endpoints rest': (node) => {
      node.down = true;
    },
    'while it flows': () => {},
  };
  for (const [stage, prepare] of Object.entries(stages)) {
    it(`${stage} ends it at once`, () =>
      withPool(1, { share: { lingerMs: 0 } }, async (pool, [node]) => {
        prepare(node!);
        const caller = new AbortController();
        const { state, done } = reader(pool.subscribe(SLOT, [], caller.signal));
        await pool.clock.settle();
        caller.abort(new Error('enough'));
        await done;
        assert.deepEqual(
          [(state.error as NetError).code, (state.error as NetError).cause],
          ['ABORTED', new Error('enough')],
        );
        await pool.clock.run(0);
      }));
  }

  it('before it begins opens nothing', () =>
    withPool(1, {}, async (pool, [node]) => {
      const { state, done } = reader(pool.subscribe(SLOT, [], AbortSignal.abort()));
      await done;
      assert.equal((state.error as NetError).code, 'ABORTED');
      assert.equal(node!.history.length, 0);
    }));

  it('of everything, by close, gives each subscriber what it has not read, then CLOSED', () =>
    withPool(1, {}, async (pool, [node]) => {
      const slow = pool.subscribe(SLOT)[Symbol.asyncIterator]();
      await pool.clock.settle();
      slot(node!.line, 1);
      await pool.clock.settle();
      pool.close();
      assert.equal((await slow.next()).value.height, 1);
      await assert.rejects(slow.next(), { code: 'CLOSED' });
      await assert.rejects(pool.subscribe(SLOT)[Symbol.asyncIterator]().next(), { code: 'CLOSED' });
    }));
});
