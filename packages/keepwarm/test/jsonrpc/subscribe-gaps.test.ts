/** Gaps where little is known, and ids that are given again while others are being ended. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { evmSubscriptions } from '../../src/adapters/evm/subscriptions.ts';
import {
  type Asked,
  agreeing,
  aStreamPool,
  type Line,
  reader,
  SLOT,
  StreamNode,
  slot,
  withPool,
} from './a-stream-pool.ts';

/** An EVM node whose height and logs are the test's. */
function aLogNode() {
  const state = { height: 5, logs: [] as unknown[], refusesLogs: false };
  const node = new StreamNode('a', (line: Line, asked: Asked) => {
    if (asked.method === 'eth_blockNumber') line.answer(asked.id, `0x${state.height.toString(16)}`);
    else if (asked.method !== 'eth_getLogs') agreeing(line, asked);
    else if (state.refusesLogs) line.refuse(asked.id, -32_005);
    else line.answer(asked.id, state.logs);
  });
  const pool = aStreamPool([node], { table: evmSubscriptions, random: () => 0 });
  const { brief } = reader(pool.subscribe('eth_subscribe', ['logs', {}]));
  const cut = async (): Promise<void> => {
    node.line.cut();
    await pool.clock.run(10);
  };
  return { state, pool, brief, cut };
}

describe('a gap', () => {
  it('is told when the stream is lost before its first message', () =>
    withPool(1, { random: () => 0 }, async (pool, [node]) => {
      const { brief } = reader(pool.subscribe(SLOT));
      await pool.clock.settle();
      node!.line.cut();
      await pool.clock.run(10);
      slot(node!.line, 9);
      await pool.clock.settle();
      assert.deepEqual(brief(), ['gap ?-? lost', '9']);
    }));

  it('too wide to be filled is one up to where the filling begins', async () => {
    const { state, pool, brief, cut } = aLogNode();
    await pool.clock.settle();
    state.height = 5_000;
    state.logs = [{ blockHash: '0xb', logIndex: '0x0', blockNumber: '0x1388' }];
    await cut();
    assert.deepEqual(brief(), ['gap 5-3000 lost', 'gap 3001-5000 lost filled', '5000+']);
    pool.close();
  });

  it('of which nothing was missed is none', async () => {
    const { state, pool, brief, cut } = aLogNode();
    await pool.clock.settle();
    state.height = 8;
    await cut();
    assert.deepEqual(brief(), []);
    pool.close();
  });

  it('that could not be filled is told once: the next begins where the stream was resumed', async () => {
    const { state, pool, brief, cut } = aLogNode();
    await pool.clock.settle();
    state.refusesLogs = true;
    state.height = 8;
    await cut();
    state.height = 12;
    await cut();
    assert.deepEqual(brief(), ['gap 5-? lost', 'gap 8-? lost']);
    pool.close();
  });

  it('of heads is filled no further down than where the subscription began', async () => {
    const head = (number: number) => ({ hash: `0x${number}`, parentHash: `0x${number - 1}`, number: `0x${number}` });
    const ask = async (_: string, params: unknown): Promise<unknown> => head(Number((params as [string])[0]));
    const { fill } = evmSubscriptions.topics['eth_subscribe newHeads']!;
    const missing = { params: [], floor: 4, from: 6, to: 7, next: head(8), known: () => false };
    const { values, joins } = await fill!(missing, ask);
    assert.deepEqual([values, joins], [[head(5), head(6), head(7)], true]);
  });
});

describe('what belongs to another', () => {
  it('is not taken: the last notifications of an id that is being ended and is given again', () => {
    const answers: (() => void)[] = [];
    const serve = (line: Line, asked: Asked): void => {
      if (asked.method === 'logsUnsubscribe') return;
      answers.push(() => line.answer(asked.id, 1)); // the same id, each time
    };
    return withPool(
      1,
      { share: { lingerMs: 0 } },
      async (pool, [node]) => {
        const first = reader(pool.subscribe('logsSubscribe', ['one']));
        await pool.clock.settle();
        answers.shift()!();
        await pool.clock.settle();
        await first.iterator.return?.();
        await pool.clock.run(0);
        const second = reader(pool.subscribe('logsSubscribe', ['two']));
        await pool.clock.settle();
        const of = (signature: string) => ({ context: { slot: 1 }, value: { signature, err: null } });
        node!.line.notify('logsNotification', 1, of('for the first'));
        answers.shift()!();
        node!.line.notify('logsNotification', 1, of('for the second'));
        await pool.clock.settle();
        assert.equal(second.got.length, 1);
        assert.match(JSON.stringify(second.got), /for the second/);
      },
      serve,
    );
  });

  it('is not kept: a topic that is over has left its connection', () => {
    const serve = (line: Line, asked: Asked): void => agreeing(line, asked);
    return withPool(
      1,
      {},
      async (pool, [node]) => {
        const { state } = reader(pool.subscribe('signatureSubscribe', ['s']));
        await pool.clock.settle();
        node!.line.notify('signatureNotification', 1, { context: { slot: 1 }, value: { err: null } });
        await pool.clock.settle();
        assert.deepEqual([state.ended, pool.sources[0]!.topics], [true, 0]);
      },
      serve,
    );
  });
});

describe('the next subscription', () => {
  it('goes where there was no failure, also when the rest is over', () =>
    withPool(2, { random: () => 0 }, async (pool, [a, b]) => {
      reader(pool.subscribe('logsSubscribe', ['first']));
      await pool.clock.settle();
      a!.line.cut();
      await pool.clock.run(1);
      for (let i = 0; i < 3; i++) reader(pool.subscribe('logsSubscribe', [`${i}`]));
      await pool.clock.settle();
      assert.deepEqual([a!.lines.size, b!.line.asked.length], [0, 4]);
      await pool.clock.run(40_000); // and when that is long ago, it is as any other
      reader(pool.subscribe('logsSubscribe', ['later']));
      await pool.clock.settle();
      assert.equal(a!.line.askedFor('logsSubscribe').length, 1);
    }));

  it('finds a connection with room before another is opened, the fullest first', () =>
    withPool(
      1,
      { limits: { topicsPerConnectionMax: 2, connectionsMax: 3 }, share: { lingerMs: 0 } },
      async (pool, [node]) => {
        const readers = ['1', '2', '3', '4'].map((one) => reader(pool.subscribe('logsSubscribe', [one])));
        await pool.clock.settle();
        for (const i of [0, 1, 2]) await readers[i]!.iterator.return?.();
        await pool.clock.run(0);
        reader(pool.subscribe('logsSubscribe', ['5']));
        await pool.clock.settle();
        assert.deepEqual(
          node!.history.map((line) => line.askedFor('logsSubscribe').length),
          [2, 3],
        );
      },
    ));
});
