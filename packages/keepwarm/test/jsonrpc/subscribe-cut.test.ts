/** Gaps whose filling is cut by another loss: the next stream tries the same gap. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Peer, WebSocketServer } from 'ws';
import { evmSubscriptions } from '../../src/adapters/evm/subscriptions.ts';
import type { Found } from '../../src/core/continuity.ts';
import { NetError } from '../../src/core/error.ts';
import type { Message, Stream } from '../../src/core/subscribe.ts';
import { createSubscriptions, evm } from '../../src/jsonrpc.ts';
import { resume } from '../../src/policies/resume.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { leavesNothing, until } from '../engine/setup.ts';
import { type Asked, agreeing, aStreamPool, brief, type Line, reader, StreamNode } from './a-stream-pool.ts';

leavesNothing();

const head = (number: number) => ({
  hash: `0xh${number}`,
  parentHash: `0xh${number - 1}`,
  number: `0x${number.toString(16)}`,
});

/** What a node does when it is asked for what was missed. */
type Mood = 'well' | 'cutting' | 'refusing' | 'mute' | 'waiting';

/** Two nodes with one chain, whose moods are the test's. */
function aChain(options: Parameters<typeof aStreamPool>[1] = {}) {
  const state = { height: 5, moods: { a: 'well', b: 'well' } as Record<string, Mood>, fills: [] as string[] };
  const answers: (() => void)[] = [];
  const serve = (line: Line, asked: Asked): void => {
    const { id, method, params } = asked;
    if (!/BlockBy|Logs/.test(method)) {
      return method === 'eth_blockNumber' ? line.answer(id, head(state.height).number) : agreeing(line, asked);
    }
    const newest = params[0] === 'latest';
    if (newest) return line.answer(id, head(state.height));
    const mood = state.moods[line.node.name];
    state.fills.push(line.node.name);
    const answer = (): void => line.answer(id, method === 'eth_getLogs' ? logsIn(params[0]) : head(Number(params[0])));
    if (mood === 'cutting') line.cut();
    else if (mood === 'refusing') line.refuse(id, -32_005);
    else if (mood === 'waiting') answers.push(answer);
    else if (mood === 'well') answer();
  };
  const logsIn = (range: unknown) => {
    const { fromBlock, toBlock } = range as { fromBlock: string; toBlock: string };
    const first = Number(fromBlock);
    return Array.from({ length: Math.max(0, Number(toBlock) - first + 1) }, (_, i) => log(first + i));
  };
  const log = (number: number) => ({ blockHash: `0xh${number}`, logIndex: '0x0', blockNumber: head(number).number });
  const nodes = ['a', 'b'].map((name) => new StreamNode(name, serve));
  const pool = aStreamPool(nodes, { table: evmSubscriptions, random: () => 0, ...options });
  const line = (): Line => nodes.find(({ lines }) => lines.size > 0)!.line;
  return {
    ...{ state, nodes, pool, answers, line },
    /** Mined, and told by the node that serves. */
    mine(told = true, topic: 'newHeads' | 'logs' = 'newHeads'): void {
      const number = ++state.height;
      if (told) line().notify('eth_subscription', 1, topic === 'logs' ? log(number) : head(number));
    },
    async cut(): Promise<void> {
      line().cut();
      await pool.clock.run(10);
    },
    async close(): Promise<void> {
      pool.close();
      await pool.clock.settle();
      assert.equal(pool.clock.sleeping, 0, 'no timer is left');
    },
  };
}

describe('a gap whose filling is cut by another loss', () => {
  it('is filled by the next stream, and told once', async () => {
    const { state, pool, mine, cut, close } = aChain();
    const { brief } = reader(pool.subscribe('eth_subscribe', ['newHeads']));
    await pool.clock.settle();
    mine();
    await pool.clock.settle();
    for (let i = 0; i < 3; i++) mine(false);
    state.moods['b'] = 'cutting';
    await cut();
    assert.deepEqual(brief(), ['6', 'gap 7-8 lost filled', '7+', '8+', '9+']);
    assert.deepEqual(new Set(state.fills), new Set(['b', 'a']));
    mine();
    await pool.clock.settle();
    assert.equal(brief().at(-1), '10');
    await close();
  });

  it('in the midst of a stream is filled by the next as well, and what came behind it is told after it', async () => {
    const { state, pool, mine, line, nodes, close } = aChain();
    const { brief } = reader(pool.subscribe('eth_subscribe', ['newHeads']));
    await pool.clock.settle();
    state.moods['a'] = 'waiting';
    mine(false);
    for (let i = 0; i < 3; i++) mine();
    await pool.clock.settle();
    assert.deepEqual(brief(), []);
    line().cut();
    await pool.clock.run(10);
    assert.deepEqual(brief(), ['gap 6-6 lost filled', '6+', '7', '8', '9']);
    assert.equal(nodes[1]!.lines.size, 1);
    await close();
  });

  it('is told unfilled after three cuts, by a stream that does not ask for it; then all goes on', async () => {
    const { state, pool, mine, line, close } = aChain();
    const { brief } = reader(pool.subscribe('eth_subscribe', ['newHeads']));
    await pool.clock.settle();
    state.moods = { a: 'cutting', b: 'cutting' };
    mine(false);
    mine(false);
    line().cut();
    await pool.clock.run(10);
    assert.deepEqual(state.fills.length, 3);
    assert.deepEqual(brief(), ['gap 6-6 lost', '7+']);
    mine();
    mine(false);
    mine();
    await pool.clock.run(10);
    assert.equal(state.fills.length, 6, 'the next gap is another, and is tried as often');
    assert.deepEqual(brief().slice(2), ['8', 'gap 9-9 lost', '10']);
    await close();
  });

  it('refused to the next stream, is told unfilled, and what had come behind it is told all the same', async () => {
    const { state, pool, mine, line, close } = aChain();
    const { brief } = reader(pool.subscribe('eth_subscribe', ['newHeads']));
    await pool.clock.settle();
    state.moods = { a: 'waiting', b: 'refusing' };
    mine(false);
    mine();
    mine();
    await pool.clock.settle();
    mine(false);
    mine(false);
    line().cut();
    await pool.clock.run(10);
    assert.deepEqual(brief(), ['gap 6-6 lost', '7', '8', 'gap 9-9 lost', '10+']);
    await close();
  });

  it('while its stream goes on is told unfilled at once: nothing is given up for it', async () => {
    const { state, pool, mine, nodes, close } = aChain();
    const { brief } = reader(pool.subscribe('eth_subscribe', ['newHeads']));
    await pool.clock.settle();
    state.moods['a'] = 'mute';
    mine(false);
    mine();
    mine();
    await pool.clock.run(10_000);
    assert.deepEqual(brief(), ['gap 6-6 skipped', '7', '8']);
    assert.deepEqual([nodes[0]!.history.length, nodes[1]!.history.length], [1, 0]);
    await close();
  });

  it('keeps no more behind it than bufferMax: the rest is in the gap that follows', async () => {
    const { state, pool, mine, line, close } = aChain({ limits: { bufferMax: 3 } });
    const { brief } = reader(pool.subscribe('eth_subscribe', ['newHeads']));
    await pool.clock.settle();
    state.moods = { a: 'waiting', b: 'refusing' };
    mine(false);
    for (let i = 0; i < 3; i++) mine();
    await pool.clock.settle();
    mine();
    await pool.clock.settle();
    line().cut();
    await pool.clock.run(10);
    assert.deepEqual(brief(), ['gap 6-6 lost', '7', '8', '9', '10+']);
    await close();
  });

  it('of logs is filled from where it began, and what came meanwhile is told once', async () => {
    const { state, pool, mine, line, cut, answers, close } = aChain();
    const { brief } = reader(pool.subscribe('eth_subscribe', ['logs', {}]));
    await pool.clock.settle();
    mine(false);
    state.moods['b'] = 'waiting';
    await cut();
    mine(true, 'logs');
    mine(true, 'logs');
    await pool.clock.settle();
    assert.deepEqual([brief(), answers.length], [[], 1]);
    line().cut();
    await pool.clock.run(10);
    assert.deepEqual(brief(), ['gap 5-8 lost filled', '5+', '6+', '7+', '8+']);
    mine(true, 'logs');
    await pool.clock.settle();
    assert.equal(brief().at(-1), '9');
    await close();
  });

  it('of logs, refused by the next: what came of each stream is told, with a gap for each loss', async () => {
    const { state, pool, mine, line, cut, close } = aChain();
    const { brief } = reader(pool.subscribe('eth_subscribe', ['logs', {}]));
    await pool.clock.settle();
    state.moods = { a: 'waiting', b: 'waiting' };
    await cut();
    mine(true, 'logs');
    await pool.clock.settle();
    await cut();
    mine(true, 'logs');
    await pool.clock.settle();
    state.moods = { a: 'refusing', b: 'refusing' };
    line().cut();
    await pool.clock.run(10);
    assert.deepEqual(brief(), ['gap 5-? lost', '6', 'gap 6-? lost', '7', 'gap 7-? lost']);
    mine(true, 'logs');
    await pool.clock.settle();
    assert.equal(brief().at(-1), '8');
    await close();
  });

  it('of a signature: the message that ends the topic does not wait', async () => {
    const serve = (line: Line, asked: Asked): void => agreeing(line, asked);
    const node = new StreamNode('a', serve);
    let asked = 0;
    const pool = aStreamPool([node], { random: () => 0, call: () => new Promise(() => void asked++) });
    const { got, state } = reader(pool.subscribe('signatureSubscribe', ['s', { enableReceivedNotification: true }]));
    await pool.clock.settle();
    node.line.cut();
    await pool.clock.run(1);
    assert.equal(asked, 1);
    const said = (slot: number, value: unknown) =>
      node.line.notify('signatureNotification', 1, { context: { slot }, value });
    said(1, 'receivedSignature');
    said(2, { err: null });
    await pool.clock.settle();
    node.line.cut(); // the question goes by another way, and whoever was asked does not heed that it is given up
    await pool.clock.settle();
    const values = got.map((each) => (each.kind === 'data' ? (each.value as { value: unknown }).value : brief(each)));
    assert.deepEqual(values, ['gap ?-? lost', 'receivedSignature', { err: null }]);
    assert.deepEqual([state.ended, state.error, asked, node.history.length], [true, undefined, 1, 2]);
    pool.close();
  });

  it('is given up with its subscription, wherever it is: asked for, resting, opening or asked for again', async () => {
    for (const stage of ['asked', 'resting', 'opening', 'asked again'] as const) {
      const { state, pool, mine, nodes, close, answers } = aChain({ random: () => (stage === 'resting' ? 0.9 : 0) });
      const caller = new AbortController();
      const read = reader(pool.subscribe('eth_subscribe', ['newHeads'], caller.signal));
      await pool.clock.settle();
      state.moods = { a: 'waiting', b: 'waiting' };
      mine(false);
      mine();
      await pool.clock.settle();
      if (stage !== 'asked') {
        const [a, b] = nodes;
        b!.down = stage === 'resting';
        if (stage === 'opening') b!.open = () => new Promise(() => {});
        a!.line.cut();
        await pool.clock.run(10);
      }
      assert.equal(answers.length, stage === 'asked again' ? 2 : 1, stage);
      caller.abort(new Error('enough'));
      await read.done;
      assert.match(String(read.state.error), /aborted by its caller/, stage);
      assert.deepEqual(read.brief(), [], stage);
      await pool.clock.run(1_000); // until nobody lingers
      assert.deepEqual(pool.shared.snapshot(), [], stage);
      await close();
      for (const answer of answers) answer(); // too late, for nobody
      assert.deepEqual(
        nodes.map(({ lines }) => lines.size),
        [0, 0],
        stage,
      );
    }
  });
});

/** A stream by hand. */
function aStream(messages: readonly unknown[] = []) {
  const waiting: Message[] = messages.map((value) => ({ kind: 'data', value, height: undefined, filled: false }));
  let lose = (_: NetError): void => {};
  const lost = new Promise<never>((_, reject) => {
    lose = reject;
  });
  lost.catch(() => undefined); // told to whoever reads
  const stream = {
    endpoint: 'a',
    over: false,
    left: 0,
    ask: (): Promise<unknown> => lost,
    leave: () => void stream.left++,
    [Symbol.asyncIterator]: () => ({
      next: async (): Promise<IteratorResult<Message>> => {
        const value = waiting.shift();
        return value === undefined ? lost : { done: false, value };
      },
    }),
  };
  const cut = (): void => {
    stream.over = true;
    lose(new NetError('RESET', 'cut by the test', { reach: 'unknown' }));
  };
  return { stream: stream satisfies Stream, cut };
}

describe('what was had of a gap', () => {
  it('is told to its end although its stream is lost while it is being taken, and not again by the next', async () => {
    const streams = [aStream([1]), aStream(), aStream([6])];
    const found = (values: readonly number[]): Found => ({
      ...{ values, from: values[0], to: values.at(-1), complete: true, joins: true },
    });
    const fills = [found([2, 3, 4]), found([4, 5])];
    let opened = 0;
    const subscribe = resume({
      open: async () => streams[opened++]!.stream,
      continuityOf: () => ({
        place: (value) => ({ id: String(value), height: Number(value) }),
        fill: async () => fills.shift()!,
      }),
      clock: new FakeClock(),
      observer: {},
    });
    const topic = { key: 'k', name: 'n', method: 'm', params: [] };
    const messages = subscribe(topic)[Symbol.asyncIterator]();
    const next = async () => brief((await messages.next()).value);
    assert.equal(await next(), '1');
    streams[0]!.cut();
    assert.deepEqual([await next(), await next()], ['gap 2-4 lost filled', '2+']);
    streams[1]!.cut();
    assert.deepEqual([await next(), await next()], ['3+', '4+']);
    assert.deepEqual([await next(), await next(), await next()], ['gap 4-5 lost filled', '5+', '6']);
    await messages.return?.();
    assert.deepEqual(
      streams.map(({ stream }) => stream.left),
      [1, 1, 1],
    );
  });
});

/** An EVM node over WebSocket; so many questions for a block cost the connection, whichever node is asked. */
async function aNode(t: TestContext, chain: { height: number; cuts: number }) {
  const node = { url: '', peers: new Set<Peer>(), asked: [] as string[] };
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (peer) => {
    node.peers.add(peer);
    peer.on('message', (data) => {
      if (peer.readyState !== 1) return; // what lay behind the question that cost the connection
      const { id, method, params } = JSON.parse(data.toString());
      node.asked.push(method);
      if (method.startsWith('eth_getBlock') && params[0] !== 'latest' && chain.cuts-- > 0) return peer.terminate();
      const number = params[0] === 'latest' ? chain.height : Number(params[0].replace?.('0xh', ''));
      const result = method.startsWith('eth_getBlock') ? head(number) : '0x1';
      peer.send(JSON.stringify({ jsonrpc: '2.0', id, result }));
    });
  });
  await new Promise<void>((resolve) => void server.on('listening', resolve));
  t.after(() => {
    for (const peer of node.peers) peer.terminate();
    server.close();
  });
  node.url = `ws://127.0.0.1:${server.address().port}`;
  return node;
}

describe('over WebSocket', () => {
  it('nodes that die while they are asked for what was missed leave no gap that another can fill', async (t) => {
    const chain = { height: 5, cuts: 0 };
    const [a, b] = [await aNode(t, chain), await aNode(t, chain)];
    const subscriptions = createSubscriptions({
      adapter: evm,
      endpoints: [{ url: a.url }, { url: b.url }],
      limits: { backoffBaseMs: 20, backoffCapMs: 50 },
    });
    t.after(() => subscriptions.close());
    const { got } = reader(subscriptions.subscribe('eth_subscribe', ['newHeads']));
    const told = () => got.map(brief);
    const notify = (number: number): void => {
      const message = JSON.stringify({
        ...{ jsonrpc: '2.0', method: 'eth_subscription', params: { subscription: '0x1', result: head(number) } },
      });
      for (const { peers } of [a, b]) for (const peer of peers) if (peer.readyState === 1) peer.send(message);
    };
    await until(() => [...a.asked, ...b.asked].includes('eth_subscribe'), 'the subscription');
    chain.height = 6;
    notify(6);
    await until(() => told().length === 1, 'a head');
    Object.assign(chain, { height: 9, cuts: 2 });
    for (const { peers } of [a, b]) for (const peer of peers) peer.terminate();
    await until(() => told().includes('9+'), 'all of it');
    assert.deepEqual(told(), ['6', 'gap 7-8 lost filled', '7+', '8+', '9+']);
    assert.equal(chain.cuts <= 0, true, 'it was cut twice');
    chain.height = 10;
    notify(10);
    await until(() => told().includes('10'), 'the next');
    assert.equal(told().length, 6);
  });
});
